// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/vhost_user_front_end.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

namespace {

using Clock = std::chrono::steady_clock;

// More than any back-end takes, to see that it refuses them.
constexpr size_t kMostDescriptors = 16;
constexpr uint32_t kMostPayload = 4096;
constexpr int kTurnMs = 1;

std::string NameOf(VhostUserRequest request) {
  return absl::StrCat("vhost-user message ", static_cast<uint32_t>(request));
}

}  // namespace

absl::StatusOr<std::unique_ptr<VhostUserFrontEnd>> VhostUserFrontEnd::Connect(
    const std::string& path, Options options) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ErrnoError(ENAMETOOLONG, path);
  path.copy(address.sun_path, path.size());
  OwnedDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return ErrnoError(errno, path);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, path);
  }
  return std::make_unique<VhostUserFrontEnd>(std::move(socket), std::move(options));
}

bool VhostUserFrontEnd::Send(uint32_t request, uint32_t flags, std::span<const uint8_t> payload,
                             std::span<const int> descriptors) {
  const VhostUserHeader header = {
      .request = request, .flags = flags, .size = static_cast<uint32_t>(payload.size())};
  std::vector<uint8_t> bytes(BytesOf(header).begin(), BytesOf(header).end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return SendBytes(bytes, descriptors);
}

bool VhostUserFrontEnd::SendBytes(std::span<const uint8_t> bytes,
                                  std::span<const int> descriptors) {
  if (descriptors.size() > kMostDescriptors) return false;
  iovec from = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(kMostDescriptors * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &from;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  return sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

namespace {

// What recv does, and the first descriptor that comes with it.
ssize_t ReceiveSome(int socket, std::span<uint8_t> into, OwnedDescriptor* descriptor) {
  iovec bytes = {into.data(), into.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(kMostDescriptors * sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* const header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return got;
  const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < count; ++i) {
    int given = -1;
    std::memcpy(&given, CMSG_DATA(header) + i * sizeof(int), sizeof(given));
    OwnedDescriptor owned(given);
    if (descriptor != nullptr && i == 0) *descriptor = std::move(owned);
  }
  return got;
}

}  // namespace

absl::Status VhostUserFrontEnd::ReadAll(std::span<uint8_t> into, OwnedDescriptor* descriptor) {
  const Clock::time_point deadline = Clock::now() + options_.timeout;
  while (!into.empty()) {
    if (options_.turn) options_.turn();
    pollfd look = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const bool ready =
        poll(&look, 1, options_.turn ? kTurnMs : static_cast<int>(options_.timeout.count())) == 1;
    if (!ready && Clock::now() < deadline) continue;
    if (!ready) return absl::DeadlineExceededError("the vhost-user back-end does not answer");
    const ssize_t got = ReceiveSome(socket_.get(), into, descriptor);
    if (got <= 0) return absl::UnavailableError("the vhost-user back-end closed the connection");
    into = into.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::StatusOr<VhostUserFrontEnd::Answer> VhostUserFrontEnd::Receive() {
  VhostUserHeader header;
  OwnedDescriptor descriptor;
  PLATTER_RETURN_IF_ERROR(
      ReadAll({reinterpret_cast<uint8_t*>(&header), sizeof(header)}, &descriptor));
  if (header.size > kMostPayload) {
    return absl::InternalError(absl::StrCat("an answer of ", header.size, " bytes"));
  }
  Answer answer = {.request = header.request,
                   .flags = header.flags,
                   .payload = {},
                   .descriptor = std::move(descriptor)};
  answer.payload.resize(header.size);
  PLATTER_RETURN_IF_ERROR(ReadAll(answer.payload));
  return answer;
}

absl::Status VhostUserFrontEnd::WaitUntilClosed() {
  while (true) {
    std::array<uint8_t, 1> byte = {};
    absl::Status status = ReadAll(byte);
    if (absl::IsUnavailable(status)) return absl::OkStatus();
    if (!status.ok()) return status;
  }
}

bool VhostUserFrontEnd::closed() {
  if (options_.turn) options_.turn();
  pollfd look = {.fd = socket_.get(), .events = 0, .revents = 0};
  return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0;
}

absl::Status VhostUserFrontEnd::Tell(VhostUserRequest request, std::span<const uint8_t> payload,
                                     std::span<const int> descriptors) {
  const bool ack = Has(kVhostUserProtocolReplyAck);
  if (!Send(static_cast<uint32_t>(request), kVhostUserVersion | (ack ? kVhostUserNeedReply : 0),
            payload, descriptors)) {
    return absl::UnavailableError(NameOf(request) + " was not sent");
  }
  if (!ack) return absl::OkStatus();
  const absl::StatusOr<Answer> answer = Receive();
  if (!answer.ok()) return Annotate(answer.status(), NameOf(request));
  uint64_t failed = 1;
  if (answer->request != static_cast<uint32_t>(request) ||
      answer->payload.size() != sizeof(failed)) {
    return absl::InternalError(NameOf(request) + ": the acknowledgement is of a wrong form");
  }
  std::memcpy(&failed, answer->payload.data(), sizeof(failed));
  return failed == 0 ? absl::OkStatus() : absl::AbortedError(NameOf(request) + " failed");
}

absl::StatusOr<std::vector<uint8_t>> VhostUserFrontEnd::AskFor(VhostUserRequest request,
                                                               std::span<const uint8_t> payload,
                                                               std::span<const int> descriptors,
                                                               OwnedDescriptor* descriptor) {
  if (!Send(static_cast<uint32_t>(request), kVhostUserVersion, payload, descriptors)) {
    return absl::UnavailableError(NameOf(request) + " was not sent");
  }
  absl::StatusOr<Answer> answer = Receive();
  if (!answer.ok()) return Annotate(answer.status(), NameOf(request));
  if (answer->request != static_cast<uint32_t>(request) ||
      answer->flags != (kVhostUserVersion | kVhostUserReply)) {
    return absl::InternalError(NameOf(request) + ": the answer is of another message or no answer");
  }
  if (descriptor != nullptr) *descriptor = std::move(answer->descriptor);
  return std::move(answer->payload);
}

absl::StatusOr<uint64_t> VhostUserFrontEnd::Ask(VhostUserRequest request) {
  const absl::StatusOr<std::vector<uint8_t>> payload = AskFor(request, {});
  if (!payload.ok()) return payload.status();
  uint64_t value = 0;
  if (payload->size() != sizeof(value)) {
    return absl::InternalError(NameOf(request) + ": the answer is no number");
  }
  std::memcpy(&value, payload->data(), sizeof(value));
  return value;
}

absl::Status VhostUserFrontEnd::NegotiateProtocol(uint64_t wanted) {
  const absl::StatusOr<uint64_t> offered = Ask(VhostUserRequest::kGetProtocolFeatures);
  if (!offered.ok()) return offered.status();
  const uint64_t agreed = *offered & wanted;
  const absl::Status status = Tell(VhostUserRequest::kSetProtocolFeatures, BytesOf(agreed));
  if (status.ok()) protocol_features_ = agreed;
  return status;
}

absl::StatusOr<uint32_t> VhostUserFrontEnd::GetVringBase(uint32_t index) {
  const VhostUserVringState asked = {.index = index, .num = 0};
  const auto payload = AskFor(VhostUserRequest::kGetVringBase, BytesOf(asked));
  if (!payload.ok()) return payload.status();
  VhostUserVringState state;
  if (payload->size() != sizeof(state)) return absl::InternalError("no vring state");
  std::memcpy(&state, payload->data(), sizeof(state));
  if (state.index != index) return absl::InternalError("the vring state of another ring");
  return state.num;
}

absl::StatusOr<std::vector<uint8_t>> VhostUserFrontEnd::GetConfig(uint32_t offset, uint32_t bytes) {
  const VhostUserConfigHeader header = {.offset = offset, .size = bytes, .flags = 0};
  std::vector<uint8_t> asked(sizeof(header) + bytes);
  std::memcpy(asked.data(), &header, sizeof(header));
  absl::StatusOr<std::vector<uint8_t>> payload = AskFor(VhostUserRequest::kGetConfig, asked);
  if (!payload.ok()) return payload.status();
  if (payload->empty()) return absl::AbortedError("GET_CONFIG failed");
  if (payload->size() != asked.size() ||
      std::memcmp(payload->data(), asked.data(), sizeof(header)) != 0) {
    return absl::InternalError("GET_CONFIG: the answer is of a wrong form");
  }
  payload->erase(payload->begin(), payload->begin() + sizeof(header));
  return *std::move(payload);
}

absl::Status VhostUserFrontEnd::SetConfig(uint32_t offset, std::span<const uint8_t> data) {
  const VhostUserConfigHeader header = {
      .offset = offset, .size = static_cast<uint32_t>(data.size()), .flags = 0};
  std::vector<uint8_t> payload(BytesOf(header).begin(), BytesOf(header).end());
  payload.insert(payload.end(), data.begin(), data.end());
  return Tell(VhostUserRequest::kSetConfig, payload);
}

absl::StatusOr<OwnedDescriptor> VhostUserFrontEnd::GetInflight(VhostUserInflight* size) {
  OwnedDescriptor file;
  const auto payload = AskFor(VhostUserRequest::kGetInflightFd, BytesOf(*size), {}, &file);
  if (!payload.ok()) return payload.status();
  if (payload->size() != sizeof(*size)) {
    return absl::InternalError("GET_INFLIGHT_FD: the answer is of a wrong form");
  }
  std::memcpy(size, payload->data(), sizeof(*size));
  if (size->mmap_size == 0 || file.get() < 0) return absl::AbortedError("GET_INFLIGHT_FD failed");
  return file;
}

absl::Status VhostUserFrontEnd::SetDeviceState(uint32_t direction, int descriptor) {
  const VhostUserTransfer asked = {.direction = direction, .phase = kVhostUserTransferStopped};
  const std::array<int, 1> descriptors = {descriptor};
  const auto payload = AskFor(VhostUserRequest::kSetDeviceStateFd, BytesOf(asked), descriptors);
  if (!payload.ok()) return payload.status();
  uint64_t answer = 0;
  if (payload->size() != sizeof(answer)) return absl::InternalError("no answer to a transfer");
  std::memcpy(&answer, payload->data(), sizeof(answer));
  return answer == kVhostUserTransferNoFd ? absl::OkStatus()
                                          : absl::AbortedError("SET_DEVICE_STATE_FD failed");
}

}  // namespace platter
