// SPDX-License-Identifier: Apache-2.0
//
// The same write on a file system that is really full, under each of the four policies of the
// field, on whatever kind of disk.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/expect.h"
#include "testing/demo/scarce_disk.h"
#include "testing/demo/step.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kWriteBytes = 64 * kKiB;

// Where each policy's write goes: no room has been taken there before.
enum class WriteAt : uint64_t { kReport = 0, kIgnore = 1, kEnospc = 2, kStop = 3 };

DiskPiece PatternPiece(Stage& stage, const DiskKind& kind, WriteAt at) {
  DiskPiece piece = {.offset = kind.first_offset + static_cast<uint64_t>(at) * 8 * kMiB,
                     .data = std::vector<uint8_t>(kWriteBytes)};
  FillPattern(stage.options().seed, piece.offset, piece.data);
  return piece;
}

// Of the write that meets no space.
ExpectedError ErrorOf(ScarceDisk& disk) {
  return {.device_id = disk.kind().id, .operation = IoDirection::kWrite, .nospace = true};
}

absl::Status StartWrite(Stage& stage, ScarceDisk& disk, const DiskPiece& piece) {
  stage.narrator().ToHost(absl::StrCat("writes 64 KiB at ", FormatBytes(piece.offset)));
  return disk.driver().StartWrite(piece);
}

// One write of the guest that is answered at once.
absl::StatusOr<DiskAnswer> WriteNow(Stage& stage, ScarceDisk& disk, const DiskPiece& piece) {
  PLATTER_RETURN_IF_ERROR(StartWrite(stage, disk, piece));
  std::optional<DiskAnswer> answer;
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] { return (answer = disk.driver().PollWrite()).has_value(); }, "the answer to the write"));
  stage.narrator().Guest(absl::StrCat("is told: ", answer->text));
  return *answer;
}

// The machine has stopped for the write, and the guest has no answer.
absl::Status ExpectKept(Stage& stage, ScarceDisk& disk) {
  PLATTER_RETURN_IF_ERROR(ExpectStopped(stage, ErrorOf(disk)));
  return Require(!disk.driver().PollWrite().has_value(),
                 "the write was answered although the machine stopped for it");
}

// After the machine has gone on: the write of before completes, and the disk holds it.
absl::Status ExpectWritten(Stage& stage, ScarceDisk& disk, const DiskPiece& piece) {
  std::optional<DiskAnswer> answer;
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return (answer = disk.driver().PollWrite()).has_value(); },
                    "the end of the write that was kept"));
  PLATTER_RETURN_IF_ERROR(Require(
      answer->good, absl::StrCat("the write that was kept was answered '", answer->text, "'")));
  stage.narrator().Guest("its write is done: OK; it noticed nothing");
  const std::string image = stage.space().ImagePath();
  if (stage.Sabotaged(disk.kind().corrupted_new_data) && !image.empty()) {
    PLATTER_RETURN_IF_ERROR(FlipByteOfFile(image, piece.offset + kWriteBytes / 2));
  }
  std::vector<DiskPiece> seen = {
      {.offset = piece.offset, .data = std::vector<uint8_t>(piece.data.size())}};
  PLATTER_RETURN_IF_ERROR(disk.driver().Flush());
  PLATTER_RETURN_IF_ERROR(disk.driver().Read(seen));
  PLATTER_RETURN_IF_ERROR(Require(Checksum(seen[0].data) == Checksum(piece.data),
                                  "wrong checksum: the disk does not hold what was written"));
  stage.narrator().Guest("reads it back: checksum right");
  if (image.empty()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> on_host = ChecksumOfFile(image, piece.offset, piece.data.size());
  if (!on_host.ok()) return on_host.status();
  return Require(*on_host == Checksum(piece.data),
                 "wrong checksum: the host's file does not hold what was written");
}

absl::Status Report(Stage& stage, const DiskKind& kind) {
  const auto disk = ScarceDisk::Plug(stage, kind, "report");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const auto answer = WriteNow(stage, **disk, PatternPiece(stage, kind, WriteAt::kReport));
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(Require(!answer->good, "a write without space was not reported"));
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, ErrorOf(**disk), ErrorAction::kReport));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status Ignore(Stage& stage, const DiskKind& kind) {
  const auto disk =
      ScarceDisk::Plug(stage, kind, stage.Sabotaged(kind.wrong_policy) ? "report" : "ignore");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, kind, WriteAt::kIgnore);
  const auto answer = WriteNow(stage, **disk, piece);
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(
      Require(answer->good, "a failed write was reported in spite of werror=ignore"));
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, ErrorOf(**disk), ErrorAction::kIgnore));
  std::vector<DiskPiece> seen = {
      {.offset = piece.offset, .data = std::vector<uint8_t>(kWriteBytes)}};
  PLATTER_RETURN_IF_ERROR((*disk)->driver().Read(seen));
  PLATTER_RETURN_IF_ERROR(
      Require(seen[0].data != piece.data, "the data is there: the write did not fail"));
  stage.narrator().Guest("but reads something else: the price of 'ignore'");
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status Enospc(Stage& stage, const DiskKind& kind) {
  if (stage.Sabotaged(kind.lost_stop_event)) {
    stage.events().Lose(
        [](const MachineEvent& event) { return std::holds_alternative<StopEvent>(event); });
  }
  const auto disk = ScarceDisk::Plug(stage, kind, "enospc");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, kind, WriteAt::kEnospc);
  PLATTER_RETURN_IF_ERROR(StartWrite(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectKept(stage, **disk));
  stage.narrator().Guest("stands still; its write is not answered");
  PLATTER_RETURN_IF_ERROR((*disk)->MakeRoom(ScarceSpace::Room::kDelete));
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectWritten(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status Stop(Stage& stage, const DiskKind& kind) {
  const auto disk = ScarceDisk::Plug(stage, kind, "stop");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, kind, WriteAt::kStop);
  PLATTER_RETURN_IF_ERROR(StartWrite(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectKept(stage, **disk));
  stage.narrator().Guest("stands still; its write is not answered");

  stage.narrator().Host("tries too early:");
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectKept(stage, **disk));
  PLATTER_RETURN_IF_ERROR((*disk)->MakeRoom(ScarceSpace::Room::kGrow));
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectWritten(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

}  // namespace

absl::Status StepNoSpaceReport(Stage& stage) { return Report(stage, kVirtioDisk); }
absl::Status StepNoSpaceIgnore(Stage& stage) { return Ignore(stage, kVirtioDisk); }
absl::Status StepNoSpaceEnospc(Stage& stage) { return Enospc(stage, kVirtioDisk); }
absl::Status StepNoSpaceStop(Stage& stage) { return Stop(stage, kVirtioDisk); }
absl::Status StepScsiNoSpaceReport(Stage& stage) { return Report(stage, kScsiDisk); }
absl::Status StepScsiNoSpaceIgnore(Stage& stage) { return Ignore(stage, kScsiDisk); }
absl::Status StepScsiNoSpaceEnospc(Stage& stage) { return Enospc(stage, kScsiDisk); }
absl::Status StepScsiNoSpaceStop(Stage& stage) { return Stop(stage, kScsiDisk); }

}  // namespace platter
