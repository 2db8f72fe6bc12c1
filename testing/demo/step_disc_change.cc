// SPDX-License-Identifier: Apache-2.0

#include <cerrno>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/demo/expect.h"
#include "testing/demo/read_disc.h"
#include "testing/demo/sense_text.h"
#include "testing/demo/step.h"

namespace platter {
namespace {

// MMC-6, 6.6.3.5: events of the media class.
constexpr uint8_t kEjectRequest = 1;
constexpr uint8_t kMediaRemoval = 3;

absl::Status GuestDoes(Stage& stage, absl::FunctionRef<AtapiResult()> command, const char* what) {
  stage.narrator().ToHost(what);
  const AtapiResult result = command();
  return Require(result.ok(), absl::StrCat("the drive does not do it: ", what, ": ",
                                           SenseText(result.sense.key, result.sense.code)));
}

absl::Status ExpectEvent(Stage& stage, uint8_t code, const char* name) {
  const std::optional<AtapiDriver::Event> event = stage.cd1()->GetEventStatus();
  PLATTER_RETURN_IF_ERROR(
      Require(event.has_value() && event->code == code,
              absl::StrCat("GET EVENT STATUS NOTIFICATION does not tell of the ", name)));
  stage.narrator().Guest(absl::StrCat("GET EVENT STATUS NOTIFICATION: ", name, ", tray ",
                                      event->tray_open ? "open" : "closed"));
  return Require(event->tray_open == (code == kMediaRemoval), "the tray is not where it has to be");
}

absl::Status RefusedEject(Stage& stage, BlockBackend& drive) {
  Narrator& tell = stage.narrator();
  if (!stage.Sabotaged(Sabotage::kUnlockedTray)) {
    PLATTER_RETURN_IF_ERROR(GuestDoes(
        stage, [&] { return stage.cd1()->PreventAllow(AtapiLock::kLocked); },
        "PREVENT MEDIUM REMOVAL: the disc is in use"));
  }
  tell.ToGuest("eject cd1");
  const absl::Status refused = stage.Run(drive.Eject(Force::kNo));
  PLATTER_RETURN_IF_ERROR(
      Require(ErrnoOf(refused) == EBUSY, "the eject of a locked tray succeeds"));
  tell.Host(absl::StrCat("refused: ", MessageOf(refused)));
  return ExpectEvent(stage, kEjectRequest, "eject request");
}

absl::Status GrantedEject(Stage& stage) {
  PLATTER_RETURN_IF_ERROR(GuestDoes(
      stage, [&] { return stage.cd1()->PreventAllow(AtapiLock::kUnlocked); },
      "grants it: ALLOW MEDIUM REMOVAL"));
  PLATTER_RETURN_IF_ERROR(GuestDoes(
      stage, [&] { return stage.cd1()->StartStop(AtapiTray::kOpen); },
      "and START STOP UNIT, eject"));
  PLATTER_RETURN_IF_ERROR(ExpectTrayMoved(stage, "cd1", TrayNow::kOpen));
  return ExpectEvent(stage, kMediaRemoval, "media removal");
}

absl::Status ChangeDisc(Stage& stage, BlockBackend& drive) {
  Narrator& tell = stage.narrator();
  tell.Host("takes disc A out, puts disc B in");
  PLATTER_RETURN_IF_ERROR(stage.Run(drive.RemoveMedium()));
  const char* name = stage.Sabotaged(Sabotage::kSameDisc) ? "iso-a" : "iso-b";
  PLATTER_RETURN_IF_ERROR(stage.Run(drive.InsertMedium(stage.machine().graph().Find(name))));
  tell.ToGuest("closes the tray");
  const auto closed = stage.Run(drive.CloseTray());
  if (!closed.ok()) return closed.status();
  return ExpectTrayMoved(stage, "cd1", TrayNow::kClosed);
}

}  // namespace

absl::Status StepDiscChange(Stage& stage) {
  const BlockBackendRef drive = stage.machine().BackendOfDevice("cd1");
  PLATTER_RETURN_IF_ERROR(RefusedEject(stage, *drive));
  PLATTER_RETURN_IF_ERROR(GrantedEject(stage));
  PLATTER_RETURN_IF_ERROR(ChangeDisc(stage, *drive));
  // The old disc has gone, and then there is another.
  PLATTER_RETURN_IF_ERROR(
      ExpectNews(stage, *stage.cd1(), {{.key = 2, .code = 0x3a00}, {.key = 6, .code = 0x2800}}));
  return ReadDisc(stage, *stage.cd1(), stage.files().iso_b);
}

}  // namespace platter
