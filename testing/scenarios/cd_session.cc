// SPDX-License-Identifier: Apache-2.0

#include "testing/scenarios/cd_session.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "testing/guest/atapi_driver.h"

namespace platter {
namespace {

// More news than any drive has.
constexpr int kMostNews = 4;
constexpr uint32_t kDvdRate = 1385;  // Of a DVD that is played, in 1000 bytes a second.

std::string Said(const AtapiResult& result) {
  if (!result.answer.has_value()) return "no answer";
  if (result.ok()) return "good";
  return absl::StrFormat("%x/%02x/%02x", result.sense.key, result.sense.code >> 8,
                         result.sense.code & 0xff);
}

class Session {
 public:
  Session(GuestBus& bus, IdeDriver::Place place, CdHost& host) : driver_(bus, place), host_(host) {}

  std::vector<CdStep> Play() {
    Identify();
    News("power on");
    Disc("first disc");
    Note("guest asks for a rate",
         Said(driver_.SetStreaming(IdeWay::kPio, 0, UINT32_MAX, kDvdRate)));
    Note("guest locks", Said(driver_.PreventAllow(AtapiLock::kLocked)));
    Note("guest ejects the locked disc", Said(driver_.StartStop(AtapiTray::kOpen)));
    RefusedEject();
    GuestOpens();
    HostChanges();
    News("another disc");
    Disc("second disc");
    HostEjects();
    return std::move(steps_);
  }

 private:
  void Note(std::string_view step, std::string outcome) {
    steps_.push_back({std::string(step), std::move(outcome)});
  }

  void Identify() {
    const absl::StatusOr<IdeIdentity> identity = driver_.IdentifyPacket();
    Note("identify: kind of device",
         identity.ok() ? absl::StrFormat("%04x", identity->words[0]) : "no answer");
  }

  // What TEST UNIT READY says until it says the same twice.
  void News(const std::string& when) {
    std::vector<std::string> said;
    for (int i = 0; i < kMostNews; ++i) {
      said.push_back(Said(driver_.TestUnitReady()));
      if (said.size() > 1 && said[said.size() - 2] == said.back()) {
        said.pop_back();
        break;
      }
    }
    Note(when + ": test unit ready", absl::StrJoin(said, ", then "));
  }

  void Event(const std::string& when) {
    const std::optional<AtapiDriver::Event> event = driver_.GetEventStatus();
    Note(when + ": event status",
         !event.has_value()
             ? "refused"
             : absl::StrCat("event ", event->code, ", tray ", event->tray_open ? "open" : "closed",
                            event->medium ? ", disc" : ", no disc"));
  }

  void Moves(const std::string& when) {
    const std::vector<std::string> moves = host_.TrayMoves();
    Note(when + ": tray events", moves.empty() ? "none" : absl::StrJoin(moves, ", "));
  }

  void Disc(const std::string& which) {
    const std::optional<AtapiDriver::Capacity> capacity = driver_.ReadCapacity();
    Note(which + ": capacity",
         capacity.has_value() ? absl::StrCat(capacity->blocks, " blocks of ", capacity->block_bytes)
                              : "refused");
    std::array<uint8_t, AtapiDriver::kBlock> block{};
    const AtapiResult read = driver_.Read10(IdeWay::kPio, 3, block);
    Note(which + ": read",
         read.ok() ? std::string(reinterpret_cast<const char*>(block.data()), 6) : Said(read));
    Event(which);
  }

  void RefusedEject() {
    Note("host ejects the locked disc", host_.Eject());
    Moves("host ejects the locked disc");
    Event("host wants the disc");
    Event("host wants the disc, asked again");
    Note("host wants the disc: test unit ready", Said(driver_.TestUnitReady()));
  }

  void GuestOpens() {
    Note("guest unlocks", Said(driver_.PreventAllow(AtapiLock::kUnlocked)));
    Note("guest opens the tray", Said(driver_.StartStop(AtapiTray::kOpen)));
    Moves("guest opens the tray");
    Event("tray opened");
    News("tray opened");
    std::array<uint8_t, AtapiDriver::kBlock> block{};
    Note("tray opened: read", Said(driver_.Read10(IdeWay::kPio, 3, block)));
    Note("tray opened: guest opens it again", Said(driver_.StartStop(AtapiTray::kOpen)));
  }

  void HostChanges() {
    Note("host removes the disc", host_.RemoveMedium());
    Note("host inserts the other disc", host_.InsertMedium());
    News("other disc in the open tray");
    Note("host closes the tray", host_.CloseTray());
    Moves("host closes the tray");
    Event("another disc");
  }

  void HostEjects() {
    Note("host ejects an unlocked disc", host_.Eject());
    Moves("host ejects an unlocked disc");
    Event("disc gone");
    News("disc gone");
    Note("guest closes the empty tray", Said(driver_.StartStop(AtapiTray::kClose)));
    Moves("guest closes the empty tray");
    News("empty tray closed");
    Note("host opens the empty tray", host_.OpenTray());
    Moves("host opens the empty tray");
  }

  AtapiDriver driver_;
  CdHost& host_;
  std::vector<CdStep> steps_;
};

}  // namespace

std::vector<CdStep> PlayCdSession(GuestBus& bus, IdeDriver::Place place, CdHost& host) {
  return Session(bus, place, host).Play();
}

}  // namespace platter
