// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_disk_options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/id.h"
#include "base/status.h"
#include "devices/ide/ata_strings.h"

namespace platter {
namespace {

constexpr uint32_t kMaxPhysicalBlock = 64 * kKiB;
// ACS-2 7.16.7.86: values of the nominal media rotation rate.
constexpr uint16_t kFirstRate = 0x0401;
constexpr uint16_t kLastRate = 0xfffe;

std::string Title(const AtaDiskOptions& options) {
  return absl::StrCat("ATA disk '", options.id, "'");
}
absl::Status Bad(const AtaDiskOptions& options, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(Title(options), ": ", what));
}

}  // namespace

AtaDiskOptions ResolveAtaDiskOptions(AtaDiskOptions options, const BackendBlockSizes& probed,
                                     bool write_cache) {
  if (options.serial.empty()) options.serial = options.id.substr(0, kAtaSerialBytes);
  if (options.physical_block_size == 0) {
    options.physical_block_size =
        std::min(std::max(probed.physical, kSectorSize), kMaxPhysicalBlock);
  }
  if (!options.write_cache) options.write_cache = write_cache;
  return options;
}

absl::Status CheckAtaDiskOptions(const AtaDiskOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("device", options.id));
  PLATTER_RETURN_IF_ERROR(
      CheckAtaString(Title(options), "serial", options.serial, kAtaSerialBytes));
  PLATTER_RETURN_IF_ERROR(CheckAtaString(Title(options), "model", options.model, kAtaModelBytes));
  PLATTER_RETURN_IF_ERROR(CheckAtaString(Title(options), "ver", options.ver, kAtaFirmwareBytes));
  const uint32_t block = options.physical_block_size;
  if (!IsPowerOfTwo(block) || block < kSectorSize || block > kMaxPhysicalBlock) {
    return Bad(options,
               absl::StrCat("physical_block_size ", block, " is not a power of two between ",
                            kSectorSize, " and ", kMaxPhysicalBlock));
  }
  const uint16_t rate = options.rotation_rate;
  if (rate > 1 && (rate < kFirstRate || rate > kLastRate)) {
    return Bad(options, absl::StrCat("rotation_rate ", rate, " is not 0, 1 or between ", kFirstRate,
                                     " and ", kLastRate));
  }
  if (options.rerror == OnError::kEnospc) return Bad(options, "rerror 'enospc' is only for writes");
  return absl::OkStatus();
}

}  // namespace platter
