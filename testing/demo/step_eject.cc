// SPDX-License-Identifier: Apache-2.0

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "examples/own_device/toy_registers.h"
#include "testing/demo/expect.h"
#include "testing/demo/step.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

// The guest reads the whole disc and finds the pattern of `seed` on it.
absl::Status ReadDisc(Stage& stage, const std::string& name, uint64_t bytes, uint64_t seed) {
  ToyDriver& drive = stage.cd0();
  PLATTER_RETURN_IF_ERROR(
      Require(drive.capacity_blocks() * toy::kBlockBytes == bytes,
              absl::StrCat("the guest sees ", drive.capacity_blocks(), " blocks on ", name,
                           ", not ", bytes / toy::kBlockBytes)));
  const absl::StatusOr<uint64_t> buffer = stage.bus().Allocate(bytes, toy::kBlockBytes);
  if (!buffer.ok()) return buffer.status();
  drive.StartTransfer(toy::Command::kRead, 0, static_cast<uint32_t>(bytes / toy::kBlockBytes),
                      *buffer);
  std::optional<toy::Error> error;
  PLATTER_RETURN_IF_ERROR(stage.WaitFor([&] { return (error = drive.Poll()).has_value(); },
                                        absl::StrCat("the read of ", name)));
  std::vector<uint8_t> data(bytes);
  stage.bus().Read(*buffer, data);
  stage.bus().Free(*buffer);
  PLATTER_RETURN_IF_ERROR(
      Require(*error == toy::Error::kNone && !FindPatternMismatch(seed, 0, data).has_value(),
              absl::StrCat("the guest does not read what is on ", name)));
  stage.narrator().Guest(
      absl::StrCat("reads ", name, ", ", FormatBytes(bytes), ": checksum right"));
  return absl::OkStatus();
}

absl::Status GuestDoes(Stage& stage, toy::Command command, const char* what) {
  stage.narrator().ToHost(what);
  const std::optional<toy::Error> error = stage.cd0().Run(command, stage.options().patience);
  return Require(error == toy::Error::kNone, absl::StrCat("the drive does not do it: ", what));
}

// The guest's interrupt handler finds `event`.
absl::Status ExpectGuestEvent(Stage& stage, uint32_t event, const char* what) {
  uint32_t seen = 0;
  return stage.WaitFor(
      [&] {
        stage.cd0().Poll();
        seen |= stage.cd0().TakeEvents();
        return (seen & event) != 0;
      },
      what);
}

absl::Status RefusedEject(Stage& stage, BlockBackend& tray) {
  Narrator& tell = stage.narrator();
  PLATTER_RETURN_IF_ERROR(GuestDoes(stage, toy::Command::kLock, "locks the tray: it is in use"));
  tell.ToGuest("eject cd0");
  const absl::Status refused = stage.Run(tray.Eject(Force::kNo));
  PLATTER_RETURN_IF_ERROR(
      Require(ErrnoOf(refused) == EBUSY, "the eject of a locked tray succeeds"));
  tell.Host(absl::StrCat("refused: ", MessageOf(refused)));
  PLATTER_RETURN_IF_ERROR(
      ExpectGuestEvent(stage, toy::kEjectRequested, "the eject request at the guest"));
  tell.Guest("interrupt: the host asks for the disc");
  return Require(!stage.cd0().tray_open() && stage.cd0().medium_present(),
                 "the tray moved although it is locked");
}

}  // namespace

absl::Status StepEject(Stage& stage) {
  Narrator& tell = stage.narrator();
  if (stage.Sabotaged(Sabotage::kLostTrayEvent)) {
    stage.events().Lose(
        [](const MachineEvent& event) { return std::holds_alternative<TrayMovedEvent>(event); });
  }
  const uint64_t seed = stage.options().seed;
  const BlockBackendRef tray = stage.machine().backends().Find("tray");
  tell.Host("x-toy-drive,id=cd0 (examples/own_device) with disc-a in its tray");
  PLATTER_RETURN_IF_ERROR(Require(stage.cd0().Present(), "the guest does not find its drive"));
  PLATTER_RETURN_IF_ERROR(ReadDisc(stage, "disc-a", kDiscABytes, seed + kDiscASeed));
  PLATTER_RETURN_IF_ERROR(RefusedEject(stage, *tray));

  PLATTER_RETURN_IF_ERROR(GuestDoes(stage, toy::Command::kUnlock, "grants it: unlocks the tray"));
  PLATTER_RETURN_IF_ERROR(GuestDoes(stage, toy::Command::kOpenTray, "and opens it"));
  PLATTER_RETURN_IF_ERROR(ExpectTrayMoved(stage, "cd0", TrayNow::kOpen));
  tell.Host("takes disc-a out, puts disc-b in");
  PLATTER_RETURN_IF_ERROR(stage.Run(tray->RemoveMedium()));
  const NodeRef disc_b = stage.machine().graph().Find("disc-b");
  PLATTER_RETURN_IF_ERROR(stage.Run(tray->InsertMedium(disc_b)));
  PLATTER_RETURN_IF_ERROR(
      Require(!stage.cd0().medium_present(), "the guest sees a disc in an open tray"));

  tell.ToGuest("closes the tray");
  const auto closed = stage.Run(tray->CloseTray());
  if (!closed.ok()) return closed.status();
  PLATTER_RETURN_IF_ERROR(ExpectTrayMoved(stage, "cd0", TrayNow::kClosed));
  PLATTER_RETURN_IF_ERROR(
      ExpectGuestEvent(stage, toy::kMediumChanged, "the medium change at the guest"));
  tell.Guest("interrupt: the medium has changed");
  return ReadDisc(stage, "disc-b", kDiscBBytes, seed + kDiscBSeed);
}

}  // namespace platter
