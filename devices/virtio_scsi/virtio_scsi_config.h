// SPDX-License-Identifier: Apache-2.0
//
// The wire formats of virtio-scsi (virtio 1.3, 5.6): feature bits, configuration space, request,
// response, control requests, events; and the configuration that follows from options.
//
// Threading: values. Units: bytes; little-endian but for what SCSI defines (CDBs, sense, LUNs).

#ifndef PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_CONFIG_H_
#define PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_CONFIG_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "devices/scsi/target_commands.h"
#include "devices/virtio_scsi/virtio_scsi_options.h"

namespace platter {

// 5.6.2 Virtqueues: request queues from kVirtioScsiFirstRequestQueue on.
inline constexpr uint16_t kVirtioScsiControlQueue = 0;
inline constexpr uint16_t kVirtioScsiEventQueue = 1;
inline constexpr uint16_t kVirtioScsiFirstRequestQueue = 2;

// 5.6.3 Feature bits.
inline constexpr uint64_t kVirtioScsiFInOut = 1u << 0;
inline constexpr uint64_t kVirtioScsiFHotplug = 1u << 1;
inline constexpr uint64_t kVirtioScsiFChange = 1u << 2;
inline constexpr uint64_t kVirtioScsiFT10Pi = 1u << 3;

// 5.6.4 Device configuration layout.
struct VirtioScsiConfig {
  Le32 num_queues;
  Le32 seg_max;
  Le32 max_sectors;
  Le32 cmd_per_lun;
  Le32 event_info_size;
  Le32 sense_size;
  Le32 cdb_size;
  Le16 max_channel;
  Le16 max_target;
  Le32 max_lun;
};
static_assert(sizeof(VirtioScsiConfig) == 36);
static_assert(offsetof(VirtioScsiConfig, sense_size) == 20);
static_assert(offsetof(VirtioScsiConfig, max_lun) == 32);

// What a reset sets, and what a driver can make of it: no sense data (SPC-4, 4.5.1) and no CDB
// (SPC-4, 4.2.3) is longer. A larger value that is written reads back as the limit.
inline constexpr uint32_t kVirtioScsiSenseSize = 96;
inline constexpr uint32_t kVirtioScsiCdbSize = 32;
inline constexpr uint32_t kVirtioScsiMaxSenseSize = 252;
inline constexpr uint32_t kVirtioScsiMaxCdbSize = 260;

// 5.6.6.1 Request queues: what stands before the CDB, and before the sense data.
struct VirtioScsiRequestHeader {
  LunBytes lun;
  Le64 id;
  uint8_t task_attr = 0;  // All are taken as SIMPLE, which the standard allows.
  uint8_t prio = 0;
  uint8_t crn = 0;
};
static_assert(sizeof(VirtioScsiRequestHeader) == 19);

struct VirtioScsiResponseHeader {
  Le32 sense_len;
  Le32 residual;
  Le16 status_qualifier;
  uint8_t status = 0;
  uint8_t response = 0;
};
static_assert(sizeof(VirtioScsiResponseHeader) == 12);

enum class VirtioScsiResponse : uint8_t {
  kOk = 0,  // Also FUNCTION_COMPLETE.
  kOverrun = 1,
  kAborted = 2,
  kBadTarget = 3,
  kReset = 4,
  kTransportFailure = 6,
  kFailure = 9,
  // Of the control queue only.
  kFunctionSucceeded = 10,
  kFunctionRejected = 11,
  kIncorrectLun = 12,
};

// 5.6.6.2 controlq.
enum class VirtioScsiControlType : uint32_t {
  kTaskManagement = 0,
  kNotificationQuery = 1,
  kNotificationSubscribe = 2,
};

enum class VirtioScsiTaskManagement : uint32_t {
  kAbortTask = 0,
  kAbortTaskSet = 1,
  kClearAca = 2,
  kClearTaskSet = 3,
  kNexusReset = 4,
  kUnitReset = 5,
  kQueryTask = 6,
  kQueryTaskSet = 7,
};

struct VirtioScsiTmfRequest {
  Le32 type;
  Le32 subtype;
  LunBytes lun;
  Le64 id;
};
static_assert(sizeof(VirtioScsiTmfRequest) == 24);

struct VirtioScsiNotificationRequest {
  Le32 type;
  LunBytes lun;
  Le32 event_requested;
};
static_assert(sizeof(VirtioScsiNotificationRequest) == 16);

struct VirtioScsiNotificationResponse {
  Le32 event_actual;
  uint8_t response = 0;
};
static_assert(sizeof(VirtioScsiNotificationResponse) == 5);

inline constexpr uint32_t kVirtioScsiNotifyMediaChange = 16;

// 5.6.6.3 eventq.
struct VirtioScsiEvent {
  Le32 event;
  LunBytes lun{};
  Le32 reason;
};
static_assert(sizeof(VirtioScsiEvent) == 16);

inline constexpr uint32_t kVirtioScsiEventsMissed = 0x80000000;
inline constexpr uint32_t kVirtioScsiNoEvent = 0;
inline constexpr uint32_t kVirtioScsiTransportReset = 1;
inline constexpr uint32_t kVirtioScsiAsyncNotify = 2;
inline constexpr uint32_t kVirtioScsiParamChange = 3;
// Reasons of a transport reset.
inline constexpr uint32_t kVirtioScsiResetHard = 0;
inline constexpr uint32_t kVirtioScsiResetRescan = 1;
inline constexpr uint32_t kVirtioScsiResetRemoved = 2;

// The features offered, and the configuration space of a new device with these (checked) options.
uint64_t VirtioScsiFeatures(const VirtioScsiOptions& options);
VirtioScsiConfig MakeVirtioScsiConfig(const VirtioScsiOptions& options);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_CONFIG_H_
