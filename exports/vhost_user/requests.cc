// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/requests.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace platter {

namespace {

using R = VhostUserRequest;

constexpr uint32_t kU64 = sizeof(uint64_t);
constexpr uint32_t kState = sizeof(VhostUserVringState);
constexpr uint32_t kAddr = sizeof(VhostUserVringAddr);
constexpr uint32_t kTable = sizeof(VhostUserMemoryHeader);
constexpr uint32_t kFullTable = kTable + kVhostUserMaxTableRegions * sizeof(VhostUserMemoryRegion);
constexpr uint32_t kSingle = sizeof(VhostUserSingleRegion);
constexpr uint32_t kConfig = sizeof(VhostUserConfigHeader);
constexpr uint32_t kFullConfig = kConfig + kVhostUserMaxConfigBytes;
constexpr uint32_t kLog = sizeof(VhostUserLog);
constexpr uint32_t kInflight = kVhostUserInflightBytes;
constexpr uint32_t kPadded = sizeof(VhostUserInflight);
constexpr uint32_t kTransfer = sizeof(VhostUserTransfer);
constexpr uint64_t kNeedsInflight = kVhostUserProtocolInflightShmfd;
constexpr uint64_t kNeedsDeviceState = kVhostUserProtocolDeviceState;
constexpr uint64_t kNeedsConfig = kVhostUserProtocolConfig;
constexpr uint64_t kNeedsSlots = kVhostUserProtocolConfigureMemSlots;
constexpr uint64_t kNeedsStatus = kVhostUserProtocolStatus;

// GET_QUEUE_NUM, SET_BACKEND_REQ_FD and RESET_DEVICE need their feature to be offered, which it
// always is; the others that it was negotiated.
constexpr auto kRules = std::to_array<RequestRule>({
    {R::kGetFeatures, "GET_FEATURES", 0, 0, 0, 0, 0},
    {R::kSetFeatures, "SET_FEATURES", kU64, kU64, 0, 0, 0},
    {R::kSetOwner, "SET_OWNER", 0, 0, 0, 0, 0},
    {R::kResetOwner, "RESET_OWNER", 0, 0, 0, 0, 0},
    {R::kSetMemTable, "SET_MEM_TABLE", kTable, kFullTable, 0, kVhostUserMaxTableRegions, 0},
    {R::kSetLogBase, "SET_LOG_BASE", kLog, kLog, 1, 1, kVhostUserProtocolLogShmfd},
    {R::kSetLogFd, "SET_LOG_FD", 0, 0, 1, 1, 0},
    {R::kSetVringNum, "SET_VRING_NUM", kState, kState, 0, 0, 0},
    {R::kSetVringAddr, "SET_VRING_ADDR", kAddr, kAddr, 0, 0, 0},
    {R::kSetVringBase, "SET_VRING_BASE", kState, kState, 0, 0, 0},
    {R::kGetVringBase, "GET_VRING_BASE", kState, kState, 0, 0, 0},
    {R::kSetVringKick, "SET_VRING_KICK", kU64, kU64, 0, 1, 0},
    {R::kSetVringCall, "SET_VRING_CALL", kU64, kU64, 0, 1, 0},
    {R::kSetVringErr, "SET_VRING_ERR", kU64, kU64, 0, 1, 0},
    {R::kGetProtocolFeatures, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, 0},
    {R::kSetProtocolFeatures, "SET_PROTOCOL_FEATURES", kU64, kU64, 0, 0, 0},
    {R::kGetQueueNum, "GET_QUEUE_NUM", 0, 0, 0, 0, 0},
    {R::kSetVringEnable, "SET_VRING_ENABLE", kState, kState, 0, 0, 0},
    {R::kSetBackendReqFd, "SET_BACKEND_REQ_FD", 0, 0, 1, 1, 0},
    {R::kGetConfig, "GET_CONFIG", kConfig, kFullConfig, 0, 0, kNeedsConfig},
    {R::kSetConfig, "SET_CONFIG", kConfig, kFullConfig, 0, 0, kNeedsConfig},
    {R::kGetInflightFd, "GET_INFLIGHT_FD", kInflight, kPadded, 0, 0, kNeedsInflight},
    {R::kSetInflightFd, "SET_INFLIGHT_FD", kInflight, kPadded, 1, 1, kNeedsInflight},
    {R::kResetDevice, "RESET_DEVICE", 0, 0, 0, 0, 0},
    {R::kGetMaxMemSlots, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0, kNeedsSlots},
    {R::kAddMemReg, "ADD_MEM_REG", kSingle, kSingle, 1, 1, kNeedsSlots},
    // Some front-ends send a descriptor that is only to be closed.
    {R::kRemMemReg, "REM_MEM_REG", kSingle, kSingle, 0, 1, kNeedsSlots},
    {R::kSetStatus, "SET_STATUS", kU64, kU64, 0, 0, kNeedsStatus},
    {R::kGetStatus, "GET_STATUS", 0, 0, 0, 0, kNeedsStatus},
    {R::kSetDeviceStateFd, "SET_DEVICE_STATE_FD", kTransfer, kTransfer, 1, 1, kNeedsDeviceState},
    {R::kCheckDeviceState, "CHECK_DEVICE_STATE", 0, 0, 0, 0, kNeedsDeviceState},
});
static_assert(std::is_sorted(kRules.begin(), kRules.end(),
                             [](const RequestRule& a, const RequestRule& b) {
                               return a.id < b.id;
                             }));

struct Refused {
  VhostUserRequest id;
  const char* name;
};
// Nothing that they belong to is offered.
constexpr auto kRefused = std::to_array<Refused>({
    {R::kSendRarp, "SEND_RARP"},
    {R::kNetSetMtu, "NET_SET_MTU"},
    {R::kIotlbMsg, "IOTLB_MSG"},
    {R::kSetVringEndian, "SET_VRING_ENDIAN"},
    {R::kCreateCryptoSession, "CREATE_CRYPTO_SESSION"},
    {R::kCloseCryptoSession, "CLOSE_CRYPTO_SESSION"},
    {R::kPostcopyAdvise, "POSTCOPY_ADVISE"},
    {R::kPostcopyListen, "POSTCOPY_LISTEN"},
    {R::kPostcopyEnd, "POSTCOPY_END"},
    {R::kGpuSetSocket, "GPU_SET_SOCKET"},
    {R::kVringKick, "VRING_KICK"},
    {R::kGetSharedObject, "GET_SHARED_OBJECT"},
    {R::kGetShmemConfig, "GET_SHMEM_CONFIG"},
});

const RequestRule* Find(uint32_t request) {
  for (const RequestRule& rule : kRules) {
    if (static_cast<uint32_t>(rule.id) == request) return &rule;
  }
  return nullptr;
}

std::string Expected(uint32_t least, uint32_t most) {
  return least == most ? absl::StrCat(most) : absl::StrCat(least, " to ", most);
}

}  // namespace

std::span<const RequestRule> ServedRequests() { return kRules; }

std::string NameOfRequest(uint32_t request) {
  if (const RequestRule* rule = Find(request); rule != nullptr) return rule->name;
  for (const Refused& refused : kRefused) {
    if (static_cast<uint32_t>(refused.id) == request) return refused.name;
  }
  return absl::StrCat("message ", request);
}

absl::StatusOr<const RequestRule*> CheckRequest(const VhostUserMessage& message,
                                                uint64_t protocol_features) {
  const RequestRule* const rule = Find(message.request);
  if (rule == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(NameOfRequest(message.request), " is not supported"));
  }
  if (message.payload.size() < rule->min_payload || message.payload.size() > rule->max_payload) {
    return absl::InvalidArgumentError(absl::StrCat(rule->name, " has ", message.payload.size(),
                                                   " bytes, not ",
                                                   Expected(rule->min_payload, rule->max_payload)));
  }
  const size_t descriptors = message.descriptors.size();
  if (descriptors < rule->min_descriptors || descriptors > rule->max_descriptors) {
    return absl::InvalidArgumentError(
        absl::StrCat(rule->name, " comes with ", descriptors, " file descriptors, not ",
                     Expected(rule->min_descriptors, rule->max_descriptors)));
  }
  if ((rule->needs & ~protocol_features) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(rule->name, " needs a protocol feature that was not negotiated"));
  }
  return rule;
}

}  // namespace platter
