// SPDX-License-Identifier: Apache-2.0
//
// The SCSI host device as a virtio driver sees it. The guest has definitions of its own: one shared
// with the device would hide the device's mistakes.
// Source: Virtual I/O Device (VIRTIO) 1.3, 5.6; clauses are given at each block.

#ifndef PLATTER_TESTING_GUEST_VIRTIO_SCSI_SPEC_H_
#define PLATTER_TESTING_GUEST_VIRTIO_SCSI_SPEC_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace platter::guest {

inline constexpr uint32_t kScsiDeviceId = 8;
// 5.6.2
inline constexpr uint16_t kScsiControlQueue = 0;
inline constexpr uint16_t kScsiEventQueue = 1;
inline constexpr uint16_t kScsiRequestQueue = 2;  // The first.
// 5.6.3
inline constexpr uint64_t kScsiFeatureInOut = 1 << 0;
inline constexpr uint64_t kScsiFeatureHotplug = 1 << 1;
inline constexpr uint64_t kScsiFeatureChange = 1 << 2;
inline constexpr uint64_t kScsiFeatureT10Pi = 1 << 3;
// 5.6.4
struct ScsiConfigLayout {
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
static_assert(sizeof(ScsiConfigLayout) == 36);
inline constexpr uint32_t kScsiSenseSize = 96;
inline constexpr uint32_t kScsiCdbSize = 32;

// 5.6.6.1
using ScsiLun = std::array<uint8_t, 8>;
constexpr ScsiLun ScsiLunOf(uint8_t target, uint16_t lun) {
  return {1, target, static_cast<uint8_t>(0x40 | lun >> 8), static_cast<uint8_t>(lun & 0xff)};
}
// The unit of a ScsiLunOf as REPORT LUNS and events name it, whose bytes drivers read as a number:
// without an addressing method below 256.
constexpr ScsiLun ScsiReported(ScsiLun lun) {
  if (lun[2] == 0x40) lun[2] = 0;
  return lun;
}
inline constexpr ScsiLun kScsiReportLunsUnit = {0xc1, 0x01};
struct ScsiRequest {  // The CDB follows.
  ScsiLun lun;
  Le64 id;
  uint8_t task_attr;
  uint8_t prio;
  uint8_t crn;
};
static_assert(sizeof(ScsiRequest) == 19);
struct ScsiResponse {  // The sense data follow.
  Le32 sense_len;
  Le32 residual;
  Le16 status_qualifier;
  uint8_t status;
  uint8_t response;
};
static_assert(sizeof(ScsiResponse) == 12);
inline constexpr uint8_t kScsiOk = 0;
inline constexpr uint8_t kScsiOverrun = 1;
inline constexpr uint8_t kScsiAborted = 2;
inline constexpr uint8_t kScsiBadTarget = 3;
inline constexpr uint8_t kScsiReset = 4;
inline constexpr uint8_t kScsiBusy = 5;
inline constexpr uint8_t kScsiTransportFailure = 6;
inline constexpr uint8_t kScsiTargetFailure = 7;
inline constexpr uint8_t kScsiNexusFailure = 8;
inline constexpr uint8_t kScsiFailure = 9;
inline constexpr uint8_t kScsiFunctionSucceeded = 10;
inline constexpr uint8_t kScsiFunctionRejected = 11;
inline constexpr uint8_t kScsiIncorrectLun = 12;
inline constexpr uint8_t kScsiNotWritten = 0xff;  // Ours: what the driver puts there before.

// 5.6.6.2
inline constexpr uint32_t kScsiTaskManagement = 0;
inline constexpr uint32_t kScsiNotificationQuery = 1;
inline constexpr uint32_t kScsiNotificationSubscribe = 2;
enum class ScsiFunction : uint32_t {
  kAbortTask = 0,
  kAbortTaskSet = 1,
  kClearAca = 2,
  kClearTaskSet = 3,
  kNexusReset = 4,
  kUnitReset = 5,
  kQueryTask = 6,
  kQueryTaskSet = 7,
  kNotDefined = 8,  // By the standard.
};
struct ScsiTmf {
  Le32 type;
  Le32 subtype;
  ScsiLun lun;
  Le64 id;
};
static_assert(sizeof(ScsiTmf) == 24);
struct ScsiNotification {
  Le32 type;
  ScsiLun lun;
  Le32 event_requested;
};
static_assert(sizeof(ScsiNotification) == 16);
struct ScsiNotificationAnswer {
  Le32 event_actual;
  uint8_t response;
};
static_assert(sizeof(ScsiNotificationAnswer) == 5);
inline constexpr uint32_t kScsiNotifyMediaChange = 16;

// 5.6.6.3
struct ScsiEvent {
  Le32 event;
  ScsiLun lun;
  Le32 reason;
};
static_assert(sizeof(ScsiEvent) == 16);
inline constexpr uint32_t kScsiEventsMissed = 0x80000000;
inline constexpr uint32_t kScsiNoEvent = 0;
inline constexpr uint32_t kScsiTransportReset = 1;
inline constexpr uint32_t kScsiAsyncNotify = 2;
inline constexpr uint32_t kScsiParamChange = 3;
inline constexpr uint32_t kScsiResetHard = 0;
inline constexpr uint32_t kScsiResetRescan = 1;
inline constexpr uint32_t kScsiResetRemoved = 2;

}  // namespace platter::guest

#endif  // PLATTER_TESTING_GUEST_VIRTIO_SCSI_SPEC_H_
