// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/step.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kGrowth = 8 * kMiB;
constexpr uint64_t kPieceBytes = 64 * kKiB;

bool AllZero(const std::vector<uint8_t>& data) {
  return std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

absl::Status StepGrowth(Stage& stage) {
  Narrator& tell = stage.narrator();
  GuestDisk& disk = *stage.vda();
  const auto at = stage.machine().LocationOf<VirtioMmioLocation>("vda");
  if (!at.ok()) return at.status();
  if (stage.Sabotaged(Sabotage::kLostInterrupt)) stage.wires().Cut(at->irq);

  const uint64_t before = disk.capacity_bytes();
  const uint64_t after = before + kGrowth;
  const uint64_t changes = disk.driver().config_changes();
  tell.ToGuest(absl::StrCat("block_resize vda to ", FormatBytes(after)));
  PLATTER_RETURN_IF_ERROR(stage.Run(stage.machine().BackendOfDevice("vda")->Resize(after)));
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] {
        disk.driver().HandleInterrupts();
        return disk.driver().config_changes() > changes;
      },
      "the guest's configuration interrupt"));
  tell.Guest(absl::StrCat("configuration interrupt: capacity ", FormatBytes(before), ", now ",
                          FormatBytes(disk.capacity_bytes())));
  PLATTER_RETURN_IF_ERROR(Require(disk.capacity_bytes() == after,
                                  absl::StrCat("the guest sees ", disk.capacity_bytes(),
                                               " bytes after the growth, not ", after)));

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
  stage.Promise(pieces);
  return absl::OkStatus();
}

}  // namespace platter
