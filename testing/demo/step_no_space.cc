// SPDX-License-Identifier: Apache-2.0
//
// The same write on a file system that is really full, under each of the four policies of the
// field.

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/device.pb.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/step.h"
#include "testing/guest/virtio_spec.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kWriteBytes = 64 * kKiB;

// Where each policy's write goes: no room has been taken there before.
enum class WriteAt : uint64_t { kReport = 1, kIgnore = 2, kEnospc = 3, kStop = 4 };

DiskPiece PatternPiece(Stage& stage, WriteAt at) {
  DiskPiece piece = {.offset = static_cast<uint64_t>(at) * 8 * kMiB,
                     .data = std::vector<uint8_t>(kWriteBytes)};
  FillPattern(stage.options().seed, piece.offset, piece.data);
  return piece;
}

// A disk "vdb" over scarce space, plugged into the running machine with a policy and out again.
class ScarceDisk {
 public:
  static absl::StatusOr<std::unique_ptr<ScarceDisk>> Plug(Stage& stage, const std::string& policy) {
    Machine& machine = stage.machine();
    stage.narrator().Host(
        absl::StrCat("plugs virtio-blk,id=vdb,werror=", policy, " over ", stage.space().Kind()));
    PLATTER_RETURN_IF_ERROR(stage.Run(machine.BlockdevAdd(stage.space().NodeOptions("scarce"))));
    stage.space().SetNode(machine.graph().Find("scarce"));
    const auto device = ParseDevice(absl::StrCat("virtio-blk,id=vdb,drive=scarce,werror=", policy));
    if (!device.ok()) return device.status();
    PLATTER_RETURN_IF_ERROR(stage.Run(machine.DeviceAdd(*device)));
    auto driver = stage.FindDisk("vdb");
    if (!driver.ok()) return driver.status();
    return std::make_unique<ScarceDisk>(stage, *std::move(driver));
  }

  ScarceDisk(Stage& stage, std::unique_ptr<GuestDisk> driver)
      : stage_(stage), driver_(std::move(driver)) {}

  GuestDisk& driver() { return *driver_; }

  absl::Status Fill() {
    if (stage_.Sabotaged(Sabotage::kRoomLeft)) return absl::OkStatus();
    PLATTER_RETURN_IF_ERROR(stage_.space().Fill());
    const absl::StatusOr<uint64_t> left = stage_.space().FreeBytes();
    if (!left.ok()) return left.status();
    stage_.narrator().Host(absl::StrCat("fills it up: ", FormatBytes(*left), " free"));
    return Require(*left == 0, "there is room left on the full file system");
  }

  absl::Status Unplug() {
    driver_.reset();
    stage_.space().SetNode(nullptr);
    PLATTER_RETURN_IF_ERROR(stage_.Run(stage_.machine().DeviceDel("vdb")));
    PLATTER_RETURN_IF_ERROR(Require(stage_.events().Take<DeviceDeletedEvent>().has_value(),
                                    "DEVICE_DELETED of vdb did not come"));
    return stage_.Run(stage_.machine().BlockdevDel("scarce"));
  }

 private:
  Stage& stage_;
  std::unique_ptr<GuestDisk> driver_;
};

// The owner learns of a write that met no space, and what is done about it.
absl::Status ExpectIoError(Stage& stage, ErrorAction action) {
  std::optional<BlockIoErrorEvent> error;
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return (error = stage.events().Take<BlockIoErrorEvent>()).has_value(); },
                    "BLOCK_IO_ERROR"));
  PLATTER_RETURN_IF_ERROR(Require(
      error->device_id == "vdb" && error->nospace && error->operation == IoDirection::kWrite,
      "BLOCK_IO_ERROR is about something else"));
  return Require(error->action == action, "BLOCK_IO_ERROR tells of another action");
}

absl::Status ExpectStopped(Stage& stage) {
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, ErrorAction::kStop));
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return stage.events().Take<StopEvent>().has_value(); }, "STOP"));
  PLATTER_RETURN_IF_ERROR(Require(stage.machine().state() == MachineState::kIoError,
                                  "the machine did not stop for an I/O error"));
  return Require(!stage.vcpus_running(), "the vCPUs run while the machine is stopped");
}

absl::Status ExpectRunning(Stage& stage) {
  return Require(stage.machine().state() == MachineState::kRunning && stage.vcpus_running(),
                 "the machine does not run on");
}

// One write of the guest that is answered at once.
absl::StatusOr<uint8_t> WriteNow(Stage& stage, ScarceDisk& disk, const DiskPiece& piece) {
  stage.narrator().ToHost(absl::StrCat("writes 64 KiB at ", FormatBytes(piece.offset)));
  PLATTER_RETURN_IF_ERROR(disk.driver().StartWrite(piece));
  std::optional<uint8_t> answer;
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] { return (answer = disk.driver().PollWrite()).has_value(); }, "the answer to the write"));
  stage.narrator().Guest(absl::StrCat("is told: ", BlkStatusName(*answer)));
  return *answer;
}

absl::Status Cont(Stage& stage) {
  stage.narrator().ToGuest("cont");
  stage.Run(stage.machine().Cont());
  return Require(stage.events().Take<ResumeEvent>().has_value(), "RESUME did not come");
}

absl::Status MakeRoom(Stage& stage, ScarceSpace::Room how) {
  if (stage.Sabotaged(Sabotage::kNoRoomMade) && how == ScarceSpace::Room::kGrow) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> what = stage.space().MakeRoom(how);
  if (!what.ok()) return what.status();
  const absl::StatusOr<uint64_t> left = stage.space().FreeBytes();
  if (!left.ok()) return left.status();
  stage.narrator().Host(absl::StrCat("makes room: ", *what, ": ", FormatBytes(*left), " free"));
  return absl::OkStatus();
}

// After the machine has gone on: the write of before completes, and the disk holds it.
absl::Status ExpectWritten(Stage& stage, ScarceDisk& disk, const DiskPiece& piece) {
  std::optional<uint8_t> answer;
  PLATTER_RETURN_IF_ERROR(
      stage.WaitFor([&] { return (answer = disk.driver().PollWrite()).has_value(); },
                    "the end of the write that was kept"));
  PLATTER_RETURN_IF_ERROR(
      Require(*answer == guest::kBlkOk,
              absl::StrCat("the write that was kept was answered '", BlkStatusName(*answer), "'")));
  stage.narrator().Guest("its write is done: OK; it noticed nothing");
  const std::string image = stage.space().ImagePath();
  if (stage.Sabotaged(Sabotage::kCorruptedNewData) && !image.empty()) {
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

}  // namespace

absl::Status StepNoSpaceReport(Stage& stage) {
  const auto disk = ScarceDisk::Plug(stage, "report");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const auto answer = WriteNow(stage, **disk, PatternPiece(stage, WriteAt::kReport));
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(
      Require(*answer == guest::kBlkIoError, "a write without space was not reported"));
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, ErrorAction::kReport));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status StepNoSpaceIgnore(Stage& stage) {
  const char* policy = stage.Sabotaged(Sabotage::kWrongPolicy) ? "report" : "ignore";
  const auto disk = ScarceDisk::Plug(stage, policy);
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, WriteAt::kIgnore);
  const auto answer = WriteNow(stage, **disk, piece);
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(
      Require(*answer == guest::kBlkOk, "a failed write was reported in spite of werror=ignore"));
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, ErrorAction::kIgnore));
  std::vector<DiskPiece> seen = {
      {.offset = piece.offset, .data = std::vector<uint8_t>(kWriteBytes)}};
  PLATTER_RETURN_IF_ERROR((*disk)->driver().Read(seen));
  PLATTER_RETURN_IF_ERROR(
      Require(seen[0].data != piece.data, "the data is there: the write did not fail"));
  stage.narrator().Guest("but reads something else: the price of 'ignore'");
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status StepNoSpaceEnospc(Stage& stage) {
  if (stage.Sabotaged(Sabotage::kLostStopEvent)) {
    stage.events().Lose(
        [](const MachineEvent& event) { return std::holds_alternative<StopEvent>(event); });
  }
  const auto disk = ScarceDisk::Plug(stage, "enospc");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, WriteAt::kEnospc);
  stage.narrator().ToHost(absl::StrCat("writes 64 KiB at ", FormatBytes(piece.offset)));
  PLATTER_RETURN_IF_ERROR((*disk)->driver().StartWrite(piece));
  PLATTER_RETURN_IF_ERROR(ExpectStopped(stage));
  stage.narrator().Guest("stands still; its write is not answered");
  PLATTER_RETURN_IF_ERROR(Require(!(*disk)->driver().PollWrite().has_value(),
                                  "the write was answered although the machine stopped for it"));
  PLATTER_RETURN_IF_ERROR(MakeRoom(stage, ScarceSpace::Room::kDelete));
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectWritten(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

absl::Status StepNoSpaceStop(Stage& stage) {
  const auto disk = ScarceDisk::Plug(stage, "stop");
  if (!disk.ok()) return disk.status();
  PLATTER_RETURN_IF_ERROR((*disk)->Fill());
  const DiskPiece piece = PatternPiece(stage, WriteAt::kStop);
  stage.narrator().ToHost(absl::StrCat("writes 64 KiB at ", FormatBytes(piece.offset)));
  PLATTER_RETURN_IF_ERROR((*disk)->driver().StartWrite(piece));
  PLATTER_RETURN_IF_ERROR(ExpectStopped(stage));
  stage.narrator().Guest("stands still; its write is not answered");

  stage.narrator().Host("tries too early:");
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectStopped(stage));
  PLATTER_RETURN_IF_ERROR(Require(!(*disk)->driver().PollWrite().has_value(),
                                  "the write was answered although the machine stopped for it"));
  PLATTER_RETURN_IF_ERROR(MakeRoom(stage, ScarceSpace::Room::kGrow));
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  PLATTER_RETURN_IF_ERROR(ExpectWritten(stage, **disk, piece));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disk)->Unplug();
}

}  // namespace platter
