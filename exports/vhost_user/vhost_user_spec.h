// SPDX-License-Identifier: Apache-2.0
//
// Numbers and layouts of the "Vhost-user Protocol" (QEMU's documentation, interop/vhost-user).
// Section names in comments are that document's.
//
// Threading: constants. Units: bytes unless said. All numbers are in the machine's own byte order
// ("Message Specification"), so the structs have plain integers.

#ifndef PLATTER_EXPORTS_VHOST_USER_VHOST_USER_SPEC_H_
#define PLATTER_EXPORTS_VHOST_USER_VHOST_USER_SPEC_H_

#include <cstddef>
#include <cstdint>

namespace platter {

// "Header".
struct VhostUserHeader {
  uint32_t request = 0;
  uint32_t flags = 0;
  uint32_t size = 0;  // Of the payload.
};
static_assert(sizeof(VhostUserHeader) == 12);
inline constexpr uint32_t kVhostUserVersionMask = 3;
inline constexpr uint32_t kVhostUserVersion = 1;
inline constexpr uint32_t kVhostUserReply = 1u << 2;
inline constexpr uint32_t kVhostUserNeedReply = 1u << 3;

// "Communication": descriptors of one message.
inline constexpr uint32_t kVhostUserMaxDescriptors = 8;

// "Front-end message types".
enum class VhostUserRequest : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetLogBase = 6,
  kSetLogFd = 7,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSendRarp = 19,
  kNetSetMtu = 20,
  kSetBackendReqFd = 21,
  kIotlbMsg = 22,
  kSetVringEndian = 23,
  kGetConfig = 24,
  kSetConfig = 25,
  kCreateCryptoSession = 26,
  kCloseCryptoSession = 27,
  kPostcopyAdvise = 28,
  kPostcopyListen = 29,
  kPostcopyEnd = 30,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
  kGpuSetSocket = 33,
  kResetDevice = 34,
  kVringKick = 35,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
  kSetStatus = 39,
  kGetStatus = 40,
  kGetSharedObject = 41,
  kSetDeviceStateFd = 42,
  kCheckDeviceState = 43,
  kGetShmemConfig = 44,
};

// "Back-end message types": those that Platter sends.
inline constexpr uint32_t kVhostUserBackendConfigChange = 2;

// "Communication": the feature bit that says that protocol features can be asked for; and
// "Migration": VHOST_F_LOG_ALL.
inline constexpr uint64_t kVhostUserFProtocolFeatures = uint64_t{1} << 30;
inline constexpr uint64_t kVhostFLogAll = uint64_t{1} << 26;

// "Protocol features", as bits.
inline constexpr uint64_t kVhostUserProtocolMq = uint64_t{1} << 0;
inline constexpr uint64_t kVhostUserProtocolLogShmfd = uint64_t{1} << 1;
inline constexpr uint64_t kVhostUserProtocolReplyAck = uint64_t{1} << 3;
inline constexpr uint64_t kVhostUserProtocolBackendReq = uint64_t{1} << 5;
inline constexpr uint64_t kVhostUserProtocolConfig = uint64_t{1} << 9;
inline constexpr uint64_t kVhostUserProtocolInflightShmfd = uint64_t{1} << 12;
inline constexpr uint64_t kVhostUserProtocolResetDevice = uint64_t{1} << 13;
inline constexpr uint64_t kVhostUserProtocolConfigureMemSlots = uint64_t{1} << 15;
inline constexpr uint64_t kVhostUserProtocolStatus = uint64_t{1} << 16;
inline constexpr uint64_t kVhostUserProtocolDeviceState = uint64_t{1} << 19;

// "A vring state description".
struct VhostUserVringState {
  uint32_t index = 0;
  uint32_t num = 0;
};
static_assert(sizeof(VhostUserVringState) == 8);

// "A vring address description". The three parts are user addresses of the front-end.
struct VhostUserVringAddr {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint64_t descriptor = 0;
  uint64_t used = 0;
  uint64_t available = 0;
  uint64_t log = 0;
};
static_assert(sizeof(VhostUserVringAddr) == 40);
inline constexpr uint32_t kVhostVringFLog = 1;

// SET_VRING_KICK, _CALL, _ERR: bits of the number.
inline constexpr uint64_t kVhostUserVringIndexMask = 0xff;
inline constexpr uint64_t kVhostUserVringNoFd = 1u << 8;

// "Memory regions description": the number, then at most kVhostUserMaxTableRegions of them.
struct VhostUserMemoryRegion {
  uint64_t guest_address = 0;
  uint64_t size = 0;
  uint64_t user_address = 0;
  uint64_t mmap_offset = 0;
};
static_assert(sizeof(VhostUserMemoryRegion) == 32);
struct VhostUserMemoryHeader {
  uint32_t regions = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(VhostUserMemoryHeader) == 8);
inline constexpr uint32_t kVhostUserMaxTableRegions = 8;

// "Single memory region description".
struct VhostUserSingleRegion {
  uint64_t padding = 0;
  VhostUserMemoryRegion region;
};
static_assert(sizeof(VhostUserSingleRegion) == 40);

// "Virtio device config space": this, then `size` bytes.
struct VhostUserConfigHeader {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(VhostUserConfigHeader) == 12);
inline constexpr uint32_t kVhostUserConfigWritable = 0;
inline constexpr uint32_t kVhostUserConfigMigration = 1;
// What the field's programs have as the largest configuration space.
inline constexpr uint32_t kVhostUserMaxConfigBytes = 256;

// "Log description".
struct VhostUserLog {
  uint64_t size = 0;
  uint64_t offset = 0;
};
static_assert(sizeof(VhostUserLog) == 16);
// "Migration": the bytes of guest memory that a bit of the log stands for.
inline constexpr uint64_t kVhostUserLogPage = 4096;

// "Device state transfer parameters".
struct VhostUserTransfer {
  uint32_t direction = 0;
  uint32_t phase = 0;
};
static_assert(sizeof(VhostUserTransfer) == 8);
inline constexpr uint32_t kVhostUserTransferSave = 0;
inline constexpr uint32_t kVhostUserTransferLoad = 1;
inline constexpr uint32_t kVhostUserTransferStopped = 0;
// SET_DEVICE_STATE_FD's answer: an error in bits 0 ... 7; no descriptor comes with it.
inline constexpr uint64_t kVhostUserTransferFailed = 1;
inline constexpr uint64_t kVhostUserTransferNoFd = 1u << 8;

// "Inflight description".
struct VhostUserInflight {
  uint64_t mmap_size = 0;
  uint64_t mmap_offset = 0;
  uint16_t queues = 0;
  uint16_t queue_size = 0;
  uint32_t padding = 0;  // Of the field's C structure; some leave it out.
};
static_assert(sizeof(VhostUserInflight) == 24);
inline constexpr uint32_t kVhostUserInflightBytes = 20;  // Without it.

// The largest payload of all messages that are served: a full configuration space, or a table of
// regions.
inline constexpr uint32_t kVhostUserMaxPayload =
    sizeof(VhostUserConfigHeader) + kVhostUserMaxConfigBytes;
static_assert(sizeof(VhostUserMemoryHeader) +
                  kVhostUserMaxTableRegions * sizeof(VhostUserMemoryRegion) <=
              kVhostUserMaxPayload);

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_VHOST_USER_SPEC_H_
