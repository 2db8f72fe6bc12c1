// SPDX-License-Identifier: Apache-2.0
//
// The guest keeps what is there, writes a pattern all over the disk, reads it back, and puts the
// old content back: a file system in the image survives the demonstration.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/ext4_superblock.h"
#include "testing/demo/step.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kMinPiece = 4 * kKiB;
constexpr uint64_t kMaxPiece = 64 * kKiB;
// A piece lies within a slice of its own, so that none overlap.
constexpr uint64_t kMinSlice = 2 * kMaxPiece;
constexpr uint64_t kPieces = 64;
constexpr uint64_t kPiecesFast = 16;

absl::Status ReadSuperblock(Stage& stage) {
  Narrator& tell = stage.narrator();
  tell.ToHost("reads the superblock at 1 KiB");
  std::vector<DiskPiece> piece = {
      {.offset = kExt4SuperblockOffset, .data = std::vector<uint8_t>(kExt4SuperblockBytes)}};
  PLATTER_RETURN_IF_ERROR(stage.vda()->Read(piece));
  const std::optional<Ext4Volume> volume = ParseExt4Superblock(piece[0].data);
  if (!volume.has_value()) {
    tell.Guest("no ext4 file system there: a raw disk");
    return Require(stage.files().ext4_label.empty(),
                   "the guest does not see the file system that mkfs.ext4 made");
  }
  tell.Guest(absl::StrCat("magic 0xef53: ext4 volume '", volume->label, "', ",
                          FormatBytes(volume->size), " in blocks of ", volume->block_size));
  return Require(
      stage.files().ext4_label.empty() || stage.files().ext4_label == volume->label,
      absl::StrCat("the volume is '", volume->label, "', not '", stage.files().ext4_label, "'"));
}

std::vector<DiskPiece> PickPieces(Stage& stage) {
  const uint64_t capacity = stage.vda()->capacity_bytes();
  const uint64_t wanted = stage.options().pace == DemoOptions::Pace::kFast ? kPiecesFast : kPieces;
  const uint64_t count = std::clamp<uint64_t>(capacity / kMinSlice, 1, wanted);
  const uint64_t slice = capacity / count;
  std::vector<DiskPiece> pieces;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t bytes =
        stage.random().Between(kMinPiece / kSectorSize, kMaxPiece / kSectorSize) * kSectorSize;
    const uint64_t at = AlignDown(i * slice + stage.random().Below(slice - bytes), kSectorSize);
    pieces.push_back({.offset = std::max(at, AlignUp(i * slice, kSectorSize)),
                      .data = std::vector<uint8_t>(bytes)});
  }
  return pieces;
}

uint64_t TotalBytes(const std::vector<DiskPiece>& pieces) {
  uint64_t sum = 0;
  for (const DiskPiece& piece : pieces) sum += piece.data.size();
  return sum;
}

// Reads all of it back and compares checksums.
absl::Status VerifyPieces(Stage& stage, const std::vector<DiskPiece>& expected) {
  std::vector<DiskPiece> seen = expected;
  for (DiskPiece& piece : seen) std::fill(piece.data.begin(), piece.data.end(), uint8_t{0});
  PLATTER_RETURN_IF_ERROR(stage.vda()->Read(seen));
  for (size_t i = 0; i < seen.size(); ++i) {
    PLATTER_RETURN_IF_ERROR(
        Require(Checksum(seen[i].data) == Checksum(expected[i].data),
                absl::StrCat("wrong checksum of ", FormatBytes(seen[i].data.size()), " at byte ",
                             seen[i].offset, ": not what the guest wrote")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StepReadWrite(Stage& stage) {
  Narrator& tell = stage.narrator();
  VirtioGuestDisk& disk = *stage.vda();
  PLATTER_RETURN_IF_ERROR(ReadSuperblock(stage));

  std::vector<DiskPiece> old_content = PickPieces(stage);
  const std::string size = FormatBytes(TotalBytes(old_content));
  tell.ToHost(absl::StrCat("reads ", old_content.size(), " places, ", size, ", and keeps them"));
  PLATTER_RETURN_IF_ERROR(disk.Read(old_content));

  std::vector<DiskPiece> pattern = old_content;
  for (DiskPiece& piece : pattern) FillPattern(stage.options().seed, piece.offset, piece.data);
  tell.ToHost(absl::StrCat("writes a pattern there, up to 32 in flight, and flushes"));
  PLATTER_RETURN_IF_ERROR(disk.Write(pattern));
  PLATTER_RETURN_IF_ERROR(disk.Flush());
  if (stage.Sabotaged(Sabotage::kCorruptedData)) {
    PLATTER_RETURN_IF_ERROR(FlipByteOfFile(stage.files().disk, pattern[0].offset));
  }
  tell.ToHost("reads all of it back");
  PLATTER_RETURN_IF_ERROR(VerifyPieces(stage, pattern));
  tell.Guest(absl::StrCat(pattern.size(), " checksums are right"));

  tell.ToHost("puts the old content back, and flushes");
  PLATTER_RETURN_IF_ERROR(disk.Write(old_content));
  PLATTER_RETURN_IF_ERROR(disk.Flush());
  PLATTER_RETURN_IF_ERROR(VerifyPieces(stage, old_content));
  tell.Guest(absl::StrCat(old_content.size(), " checksums are right"));
  stage.Promise(stage.files().disk, old_content);
  const BlockStats stats = stage.machine().BackendOfDevice("vda")->Stats();
  tell.Host(absl::StrCat("counted ", stats.read.operations, " reads, ", stats.write.operations,
                         " writes, ", stats.flush.operations, " flushes"));
  return Require(disk.driver().ring_faults() == 0, "the device broke the rules of the ring");
}

}  // namespace platter
