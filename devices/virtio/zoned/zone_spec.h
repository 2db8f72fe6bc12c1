// SPDX-License-Identifier: Apache-2.0
//
// Numbers and wire formats of zoned block devices (virtio 1.3, 5.2.6).
//
// Threading: values. Units: sectors of 512 bytes.

#ifndef PLATTER_DEVICES_VIRTIO_ZONED_ZONE_SPEC_H_
#define PLATTER_DEVICES_VIRTIO_ZONED_ZONE_SPEC_H_

#include <cstdint>

#include "base/bytes.h"

namespace platter {

// 5.2.4: `model` of the configuration space.
enum class ZonedModel : uint8_t {
  kNone = 0,
  kHostManaged = 1,  // Zones must be written sequentially.
  kHostAware = 2,    // Zones should be; the device can be used as one that has none.
};

enum class ZoneType : uint8_t {
  kConventional = 1,
  kWriteRequired = 2,   // Sequential write required.
  kWritePreferred = 3,  // Sequential write preferred.
};

enum class ZoneState : uint8_t {
  kNoPointer = 0,  // Of conventional zones.
  kEmpty = 1,
  kImplicitOpen = 2,
  kExplicitOpen = 3,
  kClosed = 4,
  kReadOnly = 13,
  kFull = 14,
  kOffline = 15,
};

// What a request of a zone is answered with, as status byte.
enum class ZoneStatus : uint8_t {
  kOk = 0,
  kUnsupported = 2,
  kInvalid = 3,
  kUnaligned = 4,
  kOpenResource = 5,
  kActiveResource = 6,
};

enum class ZoneRequestType : uint32_t {
  kAppend = 15,
  kReport = 16,
  kOpen = 18,
  kClose = 20,
  kFinish = 22,
  kReset = 24,
  kResetAll = 26,
};

// The answer of a report: this, and zones behind it.
struct ZoneReportHeader {
  Le64 zones;
  uint8_t reserved[56] = {};
};
static_assert(sizeof(ZoneReportHeader) == 64);

struct ZoneDescriptor {
  Le64 capacity;
  Le64 start;
  Le64 write_pointer;
  uint8_t type = 0;
  uint8_t state = 0;
  uint8_t reserved[38] = {};
};
static_assert(sizeof(ZoneDescriptor) == 64);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_ZONED_ZONE_SPEC_H_
