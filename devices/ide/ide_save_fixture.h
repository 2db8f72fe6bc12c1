// SPDX-License-Identifier: Apache-2.0
//
// Where the tests of IDE drives' saved state begin: a drive on a channel as a host of a
// MovingGuest, and the guest's drivers, whose answers it notes.
//
// Ownership, threading: of a test. Units: none. Errors: test failures.

#ifndef PLATTER_DEVICES_IDE_IDE_SAVE_FIXTURE_H_
#define PLATTER_DEVICES_IDE_IDE_SAVE_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

#include "devices/ide/ide_channel.h"
#include "devices/testing/moving_guest_fixture.h"
#include "testing/guest/atapi_driver.h"

namespace platter {

struct IdeDrivers {
  explicit IdeDrivers(GuestBus& bus) : atapi(bus, IdeDriver::Place{}) {}
  IdeDriver& ide() { return atapi.ide(); }
  std::string Faults() {
    if (ide().faults() + atapi.faults() == 0) return "none";
    return absl::StrCat(ide().faults(), " and ", atapi.faults());
  }
  AtapiDriver atapi;
};
using SaveGuest = MovingGuest<IdeDrivers>;
using SaveItem = MovingItem<IdeDrivers>;

// The guest reaches the channel's registers, or no more.
inline void MapChannel(InProcessBus& bus, IdeChannel& channel) {
  IoSpace& ports = bus.ports();
  const IdeDriver::Place place;
  EXPECT_TRUE(ports.Map(place.command, ata::kCommandBlockBytes, channel.command_block()).ok());
  EXPECT_TRUE(ports.Map(place.control, ata::kControlBlockBytes, channel.control_block()).ok());
  EXPECT_TRUE(ports.Map(place.bus_master, kBusMasterBytes, channel.bus_master()).ok());
}
inline void UnmapChannel(InProcessBus& bus) {
  const IdeDriver::Place place;
  for (const uint64_t base : {place.command, place.control, place.bus_master}) {
    bus.ports().Unmap(base);
  }
}

class IdeHost final : public MovingHost {
 public:
  IdeHost(uint64_t medium_bytes, InProcessBus& bus)
      : MovingHost(medium_bytes, bus.Line(IdeDriver::Place{}.line)),
        channel({.memory = bus.memory(), .line = line}) {}
  Device& device() override { return *drive; }
  void PlugIn(InProcessBus& bus) override { MapChannel(bus, channel); }
  void PullOut(InProcessBus& bus) override { UnmapChannel(bus); }

  IdeChannel channel;
  std::unique_ptr<Device> drive;
};

template <typename Drivers>
void Note(MovingGuest<Drivers>& guest, const std::optional<IdeAnswer>& answer) {
  if (!answer) return guest.Note("no answer");
  guest.Note(absl::StrCat("status ", answer->status, " error ", answer->error, " bm ",
                          answer->bus_master, " count ", answer->count, " lba ", answer->lba));
}
template <typename Drivers>
void Note(MovingGuest<Drivers>& guest, const std::optional<PacketAnswer>& answer) {
  if (!answer) return guest.Note("no answer");
  guest.Note(absl::StrCat("status ", answer->status, " error ", answer->error, " reason ",
                          answer->reason, " bm ", answer->bus_master, " blocks ",
                          absl::StrJoin(answer->blocks, ",")));
}
template <typename Drivers>
void Note(MovingGuest<Drivers>& guest, const AtapiResult& result) {
  Note(guest, result.answer);
  guest.Note(absl::StrCat("sense ", result.sense.key, "/", result.sense.code));
  guest.Note(result.data);
}

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_SAVE_FIXTURE_H_
