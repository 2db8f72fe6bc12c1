// SPDX-License-Identifier: Apache-2.0
//
// AtaDiskOptions: the properties of an ATA disk, named as the field names them, with '_' for '-'.
//
// Units: sizes in bytes. Errors: CheckAtaDiskOptions says which property of which device is wrong,
// and why.

#ifndef PLATTER_DEVICES_IDE_ATA_DISK_OPTIONS_H_
#define PLATTER_DEVICES_IDE_ATA_DISK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

#include "blockbackend/device_view.h"

namespace platter {

struct AtaDiskOptions {
  std::string id = {};
  // Strings of printable ASCII, as the standard wants them.
  std::string serial = {};  // Empty: the first bytes of the id.
  std::string model = "PLATTER HARDDISK";
  std::string ver = "1.0";  // Firmware revision.
  uint64_t wwn = 0;         // 0: none is reported.
  // Rotations per minute; 1: it doesn't rotate; 0: not reported. 0, 1 or 1025 ... 65534.
  uint16_t rotation_rate = 0;
  // 0: what the backend says of its medium. A power of two, 512 ... 64 KiB.
  uint32_t physical_block_size = 0;
  bool discard = true;  // Whether TRIM is offered, where the medium can discard.

  // Nothing: as the backend is set.
  std::optional<bool> write_cache = {};
  bool share_rw = false;
  OnError rerror = OnError::kAuto;
  OnError werror = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: as the backend is set.
};

// The options with what was left open filled in.
AtaDiskOptions ResolveAtaDiskOptions(AtaDiskOptions options, const BackendBlockSizes& probed,
                                     bool write_cache);

// Of resolved options. INVALID_ARGUMENT "ATA disk 'ID': PROPERTY ...".
absl::Status CheckAtaDiskOptions(const AtaDiskOptions& options);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_DISK_OPTIONS_H_
