// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/read_disc.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/sense_text.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

// The guest finds `disc`'s file by what is on the disc.
absl::StatusOr<IsoExtent> FindFile(Stage& stage, AtapiDriver& drive, const CdDisc& disc) {
  Narrator& tell = stage.narrator();
  tell.ToHost(absl::StrCat("reads the volume descriptor, block ", kIsoVolumeBlock));
  const auto descriptor = ReadBlocks(drive, kIsoVolumeBlock, kIsoBlockBytes);
  if (!descriptor.ok()) return descriptor.status();
  const std::optional<IsoVolume> volume = ParseIsoVolume(*descriptor);
  PLATTER_RETURN_IF_ERROR(
      Require(volume.has_value(), "the guest does not see the file system of the disc"));
  tell.Guest(absl::StrCat("ISO 9660 volume '", volume->label, "', ", volume->blocks, " blocks"));
  PLATTER_RETURN_IF_ERROR(
      Require(volume->label == disc.label,
              absl::StrCat("the volume is '", volume->label, "', not '", disc.label, "'")));
  const auto folder =
      ReadBlocks(drive, volume->root.block, std::min(volume->root.bytes, kMaxDiscFolderBytes));
  if (!folder.ok()) return folder.status();
  const std::optional<IsoExtent> file = FindIsoFile(*folder, disc.file_name);
  PLATTER_RETURN_IF_ERROR(Require(
      file.has_value(), absl::StrCat("the guest does not find ", disc.file_name, " on the disc")));
  return IsoExtent{.block = file->block, .bytes = std::min(file->bytes, kMaxDiscFileBytes)};
}

std::string TextOf(const AtapiSense& sense) { return SenseText(sense.key, sense.code); }

}  // namespace

absl::StatusOr<std::vector<uint8_t>> ReadBlocks(AtapiDriver& drive, uint32_t block,
                                                uint64_t bytes) {
  std::vector<uint8_t> data(AlignUp(bytes, AtapiDriver::kBlock));
  for (uint64_t at = 0; at < data.size(); at += IdeDriver::kBounceBytes) {
    const std::span<uint8_t> piece =
        std::span(data).subspan(at, std::min<uint64_t>(IdeDriver::kBounceBytes, data.size() - at));
    const uint64_t lba = block + at / AtapiDriver::kBlock;
    const AtapiResult read = drive.Read10(IdeWay::kDma, lba, piece);
    if (!read.ok()) {
      return ErrorWithErrno(EIO, absl::StrCat("the guest's read of block ", lba, " was answered '",
                                              TextOf(read.sense), "'"));
    }
  }
  data.resize(bytes);
  return data;
}

absl::Status ReadDisc(Stage& stage, AtapiDriver& drive, const CdDisc& disc) {
  IsoExtent extent = disc.extent;
  std::string what = "the whole disc, a pattern";
  if (disc.has_file_system()) {
    const absl::StatusOr<IsoExtent> found = FindFile(stage, drive, disc);
    if (!found.ok()) return found.status();
    extent = *found;
    what = disc.file_name;
  }
  stage.narrator().ToHost(absl::StrCat("reads ", what, ", ", FormatBytes(extent.bytes),
                                       " at block ", extent.block, ", by DMA"));
  const auto data = ReadBlocks(drive, extent.block, extent.bytes);
  if (!data.ok()) return data.status();
  PLATTER_RETURN_IF_ERROR(
      Require(Checksum(*data) == disc.checksum,
              absl::StrCat("wrong checksum of ", what, ": not what the host put there")));
  stage.narrator().Guest("checksum right");
  return absl::OkStatus();
}

absl::Status ExpectNews(Stage& stage, AtapiDriver& drive, const std::vector<AtapiSense>& news) {
  const auto join = [](const std::vector<AtapiSense>& all) {
    return absl::StrJoin(all, "; then ", [](std::string* out, const AtapiSense& sense) {
      absl::StrAppend(out, TextOf(sense));
    });
  };
  std::vector<AtapiSense> seen;
  AtapiResult result = drive.TestUnitReady();
  for (; !result.ok() && seen.size() <= news.size(); result = drive.TestUnitReady()) {
    seen.push_back(result.sense);
  }
  stage.narrator().Guest(
      absl::StrCat("TEST UNIT READY: ", join(seen), result.ok() ? "; then good" : ""));
  return Require(result.ok() && seen == news,
                 absl::StrCat("the drive tells '", join(seen), "' before it is ready, not '",
                              join(news), "'"));
}

}  // namespace platter
