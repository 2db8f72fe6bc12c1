// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/new_space.h"

#include <algorithm>
#include <vector>

#include "base/arith.h"
#include "base/status.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kPieceBytes = 64 * kKiB;

bool AllZero(const std::vector<uint8_t>& data) {
  return std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

absl::Status UseNewSpace(Stage& stage, GuestDisk& disk, const std::string& image, uint64_t before) {
  Narrator& tell = stage.narrator();
  const uint64_t after = disk.capacity_bytes();
  // The first new bytes and the last ones.
  std::vector<DiskPiece> pieces = {
      {.offset = before, .data = std::vector<uint8_t>(kPieceBytes)},
      {.offset = after - kPieceBytes, .data = std::vector<uint8_t>(kPieceBytes)}};
  PLATTER_RETURN_IF_ERROR(disk.Read(pieces));
  PLATTER_RETURN_IF_ERROR(Require(AllZero(pieces[0].data) && AllZero(pieces[1].data),
                                  "the new space does not read as zeroes"));
  tell.Guest("the new space reads as zeroes");
  for (DiskPiece& piece : pieces) FillPattern(stage.options().seed, piece.offset, piece.data);
  tell.ToHost("writes the first and the last 64 KiB of it, and flushes");
  PLATTER_RETURN_IF_ERROR(disk.Write(pieces));
  PLATTER_RETURN_IF_ERROR(disk.Flush());
  std::vector<DiskPiece> seen = pieces;
  PLATTER_RETURN_IF_ERROR(disk.Read(seen));
  PLATTER_RETURN_IF_ERROR(Require(seen[0].data == pieces[0].data && seen[1].data == pieces[1].data,
                                  "the new space does not keep what the guest wrote"));
  tell.Guest("2 checksums are right");
  stage.Promise(image, pieces);
  return absl::OkStatus();
}

}  // namespace platter
