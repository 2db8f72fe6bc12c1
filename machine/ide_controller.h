// SPDX-License-Identifier: Apache-2.0
//
// IdeController: the two IDE channels of a PC at their places ("PCI IDE Controller Specification"
// rev 1.0, compatibility mode): ports 1F0h and 3F6h with interrupt 14, 170h and 376h with interrupt
// 15; bus masters at C000h and C008h. A channel is there while it has a drive.
//
// Ownership: it, memory, interrupts and the space outlive the places. Threading: control context.
// Units: port numbers. Errors: EBUSY naming the place, ENOSPC when all four are taken; what
// IoSpace::Map says.

#ifndef PLATTER_MACHINE_IDE_CONTROLLER_H_
#define PLATTER_MACHINE_IDE_CONTROLLER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "devices/bus/guest_memory.h"
#include "devices/bus/io_space.h"
#include "devices/ide/ide_channel.h"
#include "machine/device_place.h"

namespace platter {

inline constexpr unsigned kIdeChannels = 2;

class IdeController {
 public:
  struct Setup {
    IoSpace& ports;
    InterruptController& interrupts;
    std::shared_ptr<const GuestMemory> memory;
  };
  // What is left open: the first free one.
  struct Wish {
    std::optional<unsigned> channel = {};  // Below kIdeChannels.
    std::optional<unsigned> unit = {};     // Below IdeChannel::kUnits.
  };
  struct Taken {
    std::unique_ptr<DevicePlace> place;
    IdePort* port;  // Empty, for the drive; goes with the place.
  };

  IdeController();
  ~IdeController();
  IdeController(const IdeController&) = delete;
  IdeController& operator=(const IdeController&) = delete;

  absl::StatusOr<Taken> Take(const Setup& setup, const Wish& wish);

 private:
  class Channel;
  class Place;

  static std::string WhyTaken(const Wish& wish);

  std::array<std::unique_ptr<Channel>, kIdeChannels> channels_;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_IDE_CONTROLLER_H_
