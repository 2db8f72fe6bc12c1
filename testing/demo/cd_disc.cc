// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/cd_disc.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

// The least that has a volume descriptor.
constexpr uint64_t kMinIsoBytes = uint64_t{kIsoVolumeBlock + 1} * kIsoBlockBytes;

absl::Status Unusable(const std::string& path, const char* why) {
  return ErrorWithErrno(EINVAL, absl::StrCat("disc image ", path, ": ", why));
}

absl::StatusOr<std::vector<uint8_t>> ReadExtent(const std::string& path, const IsoExtent& extent,
                                                uint32_t most) {
  const uint32_t bytes = std::min(extent.bytes, most);
  // Whole blocks: a drive has no others.
  auto data = ReadRangeOfFile(path, uint64_t{extent.block} * kIsoBlockBytes,
                              AlignUp(uint64_t{bytes}, uint64_t{kIsoBlockBytes}));
  if (data.ok()) data->resize(bytes);
  return data;
}

}  // namespace

absl::StatusOr<CdDisc> LookAtIsoDisc(const std::string& path) {
  const absl::StatusOr<uint64_t> size = CheckDiskFile(path, kMinIsoBytes);
  if (!size.ok()) return size.status();
  const auto descriptor =
      ReadExtent(path, {.block = kIsoVolumeBlock, .bytes = kIsoBlockBytes}, kIsoBlockBytes);
  if (!descriptor.ok()) return descriptor.status();
  const std::optional<IsoVolume> volume = ParseIsoVolume(*descriptor);
  if (!volume.has_value()) return Unusable(path, "no ISO 9660 file system is on it");
  const auto folder = ReadExtent(path, volume->root, kMaxDiscFolderBytes);
  if (!folder.ok()) return Annotate(folder.status(), "the root folder of the disc");
  const std::optional<IsoFile> file = FirstIsoFile(*folder);
  if (!file.has_value()) return Unusable(path, "no file is in its root folder");
  const auto data = ReadExtent(path, file->extent, kMaxDiscFileBytes);
  if (!data.ok()) return Annotate(data.status(), absl::StrCat("file ", file->name, " of the disc"));
  return CdDisc{
      .path = path,
      .file_name = file->name,
      .label = volume->label,
      .extent = {.block = file->extent.block, .bytes = static_cast<uint32_t>(data->size())},
      .checksum = Checksum(*data)};
}

absl::StatusOr<CdDisc> MakeIsoDisc(const std::string& path, const IsoPlan& plan) {
  PLATTER_RETURN_IF_ERROR(MakeIsoImage(path, plan));
  absl::StatusOr<CdDisc> disc = LookAtIsoDisc(path);
  if (!disc.ok()) return disc;
  std::vector<uint8_t> data(disc->extent.bytes);
  FillPattern(plan.seed, 0, data);
  disc->checksum = Checksum(data);
  return disc;
}

absl::StatusOr<CdDisc> MakePatternDisc(const std::string& path, uint32_t bytes, uint64_t seed) {
  PLATTER_RETURN_IF_ERROR(MakePatternImage(path, bytes, seed));
  std::vector<uint8_t> data(bytes);
  FillPattern(seed, 0, data);
  return CdDisc{.path = path, .extent = {.block = 0, .bytes = bytes}, .checksum = Checksum(data)};
}

}  // namespace platter
