// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_vhost_user_driver.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

namespace {

using R = VhostUserRequest;

constexpr uint8_t kRunningStatus = 15;  // ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK.

bool Take(int event) {
  uint64_t value = 0;
  return read(event, &value, sizeof(value)) == sizeof(value);
}

}  // namespace

VirtioVhostUserDriver::VirtioVhostUserDriver(VhostUserBus& bus, VhostUserFrontEnd& front,
                                             const Options& options)
    : bus_(bus), front_(&front), options_(options) {
  for (uint16_t i = 0; i < options_.queues; ++i) {
    Queue queue;
    queue.kick = OwnedDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    queue.call = OwnedDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    queue.err = OwnedDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    bus_.AddWakeUp(queue.call.get());
    queues_.push_back(std::move(queue));
  }
}

absl::Status VirtioVhostUserDriver::Discover(uint32_t device_id) {
  if (device_id != options_.device_id) {
    return absl::NotFoundError(absl::StrCat("virtio device ", options_.device_id));
  }
  if (Gone()) return absl::NotFoundError("the vhost-user back-end has gone");
  if (front_->protocol_features() != 0) return absl::OkStatus();  // Once more, after a reset.
  return Negotiate();
}

absl::Status VirtioVhostUserDriver::Negotiate() {
  // A migration has come that far before.
  if (front_->protocol_features() == 0) {
    PLATTER_RETURN_IF_ERROR(front_->Ask(R::kGetFeatures).status());
    PLATTER_RETURN_IF_ERROR(front_->NegotiateProtocol(options_.protocol_features));
  }
  PLATTER_RETURN_IF_ERROR(front_->Tell(R::kSetOwner, {}));
  if (front_->Has(kVhostUserProtocolMq)) {
    const absl::StatusOr<uint64_t> count = front_->Ask(R::kGetQueueNum);
    if (!count.ok()) return count.status();
    if (*count < queues_.size()) queues_.resize(*count);
  }
  if (!front_->Has(kVhostUserProtocolBackendReq)) return absl::OkStatus();
  std::array<int, 2> pair = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return ErrnoError(errno, "socketpair");
  }
  if (backend_requests_.get() < 0) {
    backend_requests_ = OwnedDescriptor(pair[0]);
    bus_.AddWakeUp(pair[0]);
  } else {
    // The number that the bus knows stands for the new one.
    const OwnedDescriptor ours(pair[0]);
    if (dup3(pair[0], backend_requests_.get(), O_CLOEXEC) < 0) return ErrnoError(errno, "dup3");
  }
  const OwnedDescriptor theirs(pair[1]);
  const std::array<int, 1> descriptors = {theirs.get()};
  return front_->Tell(R::kSetBackendReqFd, {}, descriptors);
}

void VirtioVhostUserDriver::BeginReset() {
  static_cast<void>(StopQueues());
  for (Queue& queue : queues_) {
    queue.base = 0;
    queue.layout = {};
    Take(queue.err.get());
  }
  // The next ones belong to rings that begin anew.
  inflight_ = OwnedDescriptor();
  const uint64_t status = 0;
  if (front_->Has(kVhostUserProtocolResetDevice)) {
    static_cast<void>(front_->Tell(R::kResetDevice, {}));
  } else if (front_->Has(kVhostUserProtocolStatus)) {
    static_cast<void>(front_->Tell(R::kSetStatus, BytesOf(status)));
  }
}

uint64_t VirtioVhostUserDriver::DeviceFeatures() {
  const uint64_t offered = front_->Ask(R::kGetFeatures).value_or(0);
  return offered & ~(kVhostUserFProtocolFeatures | kVhostFLogAll |
                     (options_.format == RingFormat::kPacked ? 0 : guest::kFeatureRingPacked));
}

absl::Status VirtioVhostUserDriver::AcceptFeatures(uint64_t features) {
  features_ = features | kVhostUserFProtocolFeatures | (logging_ ? kVhostFLogAll : 0);
  if (absl::Status status = front_->Tell(R::kSetFeatures, BytesOf(features_)); !status.ok()) {
    return absl::FailedPreconditionError(MessageOf(status));
  }
  // Of a packed ring, both places with a wrap counter of 1.
  first_base_ = (features & guest::kFeatureRingPacked) != 0 ? 0x80008000 : 0;
  PLATTER_RETURN_IF_ERROR(TellMemory());
  return TellInflight();
}

absl::Status VirtioVhostUserDriver::TellMemory() {
  const std::vector<VhostUserMemoryRegion> table = bus_.table();
  const VhostUserMemoryHeader header = {.regions = static_cast<uint32_t>(table.size()),
                                        .padding = 0};
  std::vector<uint8_t> payload(BytesOf(header).begin(), BytesOf(header).end());
  for (const VhostUserMemoryRegion& region : table) {
    payload.insert(payload.end(), BytesOf(region).begin(), BytesOf(region).end());
  }
  return front_->Tell(R::kSetMemTable, payload, bus_.descriptors());
}

absl::Status VirtioVhostUserDriver::TellInflight() {
  if (!front_->Has(kVhostUserProtocolInflightShmfd)) return absl::OkStatus();
  if (inflight_.get() < 0) {
    inflight_size_ = {.queues = static_cast<uint16_t>(queues_.size()),
                      .queue_size = static_cast<uint16_t>(options_.queue_size)};
    absl::StatusOr<OwnedDescriptor> file = front_->GetInflight(&inflight_size_);
    if (!file.ok()) return file.status();
    inflight_ = *std::move(file);
  }
  const std::array<int, 1> descriptors = {inflight_.get()};
  return front_->Tell(R::kSetInflightFd, BytesOf(inflight_size_), descriptors);
}

uint32_t VirtioVhostUserDriver::MaxQueueSize(uint16_t queue) {
  return queue < queues_.size() ? options_.queue_size : 0;
}

absl::Status VirtioVhostUserDriver::StartQueue(uint16_t queue, const RingLayout& layout) {
  queues_[queue].layout = layout;
  queues_[queue].base = first_base_;
  return Start(queue);
}

absl::Status VirtioVhostUserDriver::TellDescriptor(VhostUserRequest request, uint16_t queue,
                                                   int fd) {
  const uint64_t index = queue;
  const std::array<int, 1> descriptors = {fd};
  return front_->Tell(request, BytesOf(index), descriptors);
}

absl::Status VirtioVhostUserDriver::TellAddr(uint16_t index) {
  const RingLayout& layout = queues_[index].layout;
  const VhostUserVringAddr addr = {.index = index,
                                   .flags = logging_ ? kVhostVringFLog : 0,
                                   .descriptor = VhostUserBus::kUserBase + layout.descriptors,
                                   .used = VhostUserBus::kUserBase + layout.device,
                                   .available = VhostUserBus::kUserBase + layout.driver,
                                   .log = layout.device};
  return front_->Tell(R::kSetVringAddr, BytesOf(addr));
}

absl::Status VirtioVhostUserDriver::Start(uint16_t index) {
  Queue& queue = queues_[index];
  const VhostUserVringState size = {.index = index, .num = queue.layout.size};
  const VhostUserVringState base = {.index = index, .num = queue.base};
  const VhostUserVringState on = {.index = index, .num = 1};
  PLATTER_RETURN_IF_ERROR(front_->Tell(R::kSetVringNum, BytesOf(size)));
  PLATTER_RETURN_IF_ERROR(front_->Tell(R::kSetVringBase, BytesOf(base)));
  PLATTER_RETURN_IF_ERROR(TellAddr(index));
  PLATTER_RETURN_IF_ERROR(TellDescriptor(R::kSetVringErr, index, queue.err.get()));
  PLATTER_RETURN_IF_ERROR(TellDescriptor(R::kSetVringCall, index, queue.call.get()));
  PLATTER_RETURN_IF_ERROR(TellDescriptor(R::kSetVringKick, index, queue.kick.get()));
  queue.started = true;
  return front_->Tell(R::kSetVringEnable, BytesOf(on));
}

absl::Status VirtioVhostUserDriver::StopQueues() {
  for (uint16_t i = 0; i < count(); ++i) {
    if (!queues_[i].started) continue;
    const absl::StatusOr<uint32_t> base = front_->GetVringBase(i);
    if (!base.ok()) return base.status();
    queues_[i].base = *base;
    queues_[i].started = false;
  }
  return absl::OkStatus();
}

absl::Status VirtioVhostUserDriver::ResumeQueues() {
  for (uint16_t i = 0; i < count(); ++i) {
    if (queues_[i].layout.size != 0 && !queues_[i].started) PLATTER_RETURN_IF_ERROR(Start(i));
  }
  return absl::OkStatus();
}

absl::Status VirtioVhostUserDriver::Reconnect(VhostUserFrontEnd& front) {
  front_ = &front;
  PLATTER_RETURN_IF_ERROR(Negotiate());
  PLATTER_RETURN_IF_ERROR(front_->Tell(R::kSetFeatures, BytesOf(features_)));
  PLATTER_RETURN_IF_ERROR(TellMemory());
  PLATTER_RETURN_IF_ERROR(TellInflight());
  for (Queue& queue : queues_) {
    // Of a back-end that went without a word, what the ring itself says is all that is known.
    if (queue.started) {
      std::array<uint8_t, 2> used = {};
      bus_.Read(queue.layout.device + guest::kRingIndex, used);
      queue.base = static_cast<uint16_t>(used[0] | used[1] << 8);
    }
    queue.started = false;
  }
  PLATTER_RETURN_IF_ERROR(ResumeQueues());
  DriverOk();
  return absl::OkStatus();
}

absl::Status VirtioVhostUserDriver::SetLogging(bool on) {
  logging_ = on;
  features_ = on ? features_ | kVhostFLogAll : features_ & ~kVhostFLogAll;
  PLATTER_RETURN_IF_ERROR(front_->Tell(R::kSetFeatures, BytesOf(features_)));
  for (uint16_t i = 0; i < count(); ++i) {
    if (queues_[i].started) PLATTER_RETURN_IF_ERROR(TellAddr(i));
  }
  return absl::OkStatus();
}

void VirtioVhostUserDriver::DriverOk() {
  const uint64_t status = kRunningStatus;
  if (front_->Has(kVhostUserProtocolStatus)) {
    static_cast<void>(front_->Tell(R::kSetStatus, BytesOf(status)));
  }
}

void VirtioVhostUserDriver::BeginQueueReset(uint16_t queue) {
  queues_[queue].started = !front_->GetVringBase(queue).ok();
}

void VirtioVhostUserDriver::Notify(uint16_t queue) {
  const uint64_t one = 1;
  static_cast<void>(!write(queues_[queue].kick.get(), &one, sizeof(one)));
}

VirtioTransportDriver::Causes VirtioVhostUserDriver::TakeInterrupts() {
  Causes causes;
  for (const Queue& queue : queues_) causes.used |= Take(queue.call.get());
  VhostUserHeader request;
  while (backend_requests_.get() >= 0 &&
         recv(backend_requests_.get(), &request, sizeof(request), MSG_DONTWAIT) ==
             static_cast<ssize_t>(sizeof(request))) {
    causes.config |= request.request == kVhostUserBackendConfigChange;
  }
  return causes;
}

bool VirtioVhostUserDriver::NeedsReset() {
  return std::any_of(queues_.begin(), queues_.end(), [](const Queue& queue) {
    uint64_t value = 0;
    // Once signalled it stays known until a reset: put back.
    if (read(queue.err.get(), &value, sizeof(value)) != sizeof(value)) return false;
    return write(queue.err.get(), &value, sizeof(value)) == sizeof(value);
  });
}

void VirtioVhostUserDriver::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  const auto config =
      front_->GetConfig(static_cast<uint32_t>(offset), static_cast<uint32_t>(out.size()));
  std::fill(out.begin(), out.end(), UINT8_MAX);
  if (config.ok()) std::copy(config->begin(), config->end(), out.begin());
}

void VirtioVhostUserDriver::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  static_cast<void>(front_->SetConfig(static_cast<uint32_t>(offset), data));
}

}  // namespace platter
