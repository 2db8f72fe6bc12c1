// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/id.h"
#include "base/status.h"
#include "devices/scsi/scsi_disk.h"

namespace platter {

namespace {

constexpr uint32_t kMaxBlockSize = 2 * kMiB;

absl::Status Bad(const ScsiDiskOptions& options, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("scsi-disk device '", options.id, "': ", what));
}

absl::Status CheckText(const ScsiDiskOptions& options, const char* name, const std::string& text,
                       size_t limit) {
  if (text.size() <= limit) return absl::OkStatus();
  return Bad(options, absl::StrCat(name, " '", text, "' is longer than ", limit, " bytes"));
}

absl::Status CheckBlockSize(const ScsiDiskOptions& options, const char* name, uint32_t value,
                            uint32_t least) {
  if (IsPowerOfTwo(value) && value >= least && value <= kMaxBlockSize) return absl::OkStatus();
  return Bad(options, absl::StrCat(name, " ", value, " is not a power of two between ", least,
                                   " and ", kMaxBlockSize));
}

absl::Status CheckMultiple(const ScsiDiskOptions& options, const char* name, uint32_t value) {
  if (value % options.logical_block_size == 0) return absl::OkStatus();
  return Bad(options, absl::StrCat(name, " ", value, " is not a multiple of logical_block_size ",
                                   options.logical_block_size));
}

}  // namespace

ScsiDiskOptions ResolveScsiDiskOptions(ScsiDiskOptions options, const BackendBlockSizes& probed) {
  if (options.logical_block_size == 0) options.logical_block_size = probed.logical;
  if (options.physical_block_size == 0) {
    options.physical_block_size = std::max(options.logical_block_size, probed.physical);
  }
  if (!options.discard_granularity) options.discard_granularity = options.logical_block_size;
  return options;
}

absl::Status CheckScsiDiskOptions(const ScsiDiskOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("device", options.id));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "serial", options.serial, 36));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "vendor", options.vendor, 8));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "product", options.product, 16));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "ver", options.version, 4));
  PLATTER_RETURN_IF_ERROR(CheckText(options, "device_id", options.device_id, 64));
  PLATTER_RETURN_IF_ERROR(
      CheckBlockSize(options, "logical_block_size", options.logical_block_size, kSectorSize));
  PLATTER_RETURN_IF_ERROR(CheckBlockSize(options, "physical_block_size",
                                         options.physical_block_size, options.logical_block_size));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(options, "min_io_size", options.min_io_size));
  PLATTER_RETURN_IF_ERROR(CheckMultiple(options, "opt_io_size", options.opt_io_size));
  PLATTER_RETURN_IF_ERROR(
      CheckMultiple(options, "discard_granularity", *options.discard_granularity));
  // SBC-3, table 148: the length of the block limits page's field is 16 bits.
  if (options.min_io_size / options.logical_block_size > UINT16_MAX) {
    return Bad(options, absl::StrCat("min_io_size ", options.min_io_size, " is above ", UINT16_MAX,
                                     " logical blocks"));
  }
  if (options.rerror == OnError::kEnospc) return Bad(options, "rerror 'enospc' is only for writes");
  return absl::OkStatus();
}

}  // namespace platter
