// SPDX-License-Identifier: Apache-2.0
//
// ToyDriver: the guest's driver of the toy drive (examples/own_device/toy_registers.h).
//
// Ownership: the bus outlives it. Threading: as the bus. Units: blocks of 512 bytes.
// Errors: toy::Error is what the drive answered; nullopt: no answer yet.

#ifndef PLATTER_TESTING_GUEST_TOY_DRIVER_H_
#define PLATTER_TESTING_GUEST_TOY_DRIVER_H_

#include <cstdint>
#include <optional>

#include "examples/own_device/toy_registers.h"
#include "testing/guest/guest_bus.h"

namespace platter {

class ToyDriver {
 public:
  struct Place {
    uint64_t base = 0;
    uint32_t line = 0;
  };

  ToyDriver(GuestBus& bus, Place place) : bus_(bus), place_(place) {}

  bool Present() { return Get(toy::Register::kId) == toy::kIdValue; }
  uint64_t capacity_blocks();
  bool tray_open() { return (status() & toy::kTrayOpen) != 0; }
  bool locked() { return (status() & toy::kLocked) != 0; }
  bool medium_present() { return (status() & toy::kMediumPresent) != 0; }
  bool busy() { return (status() & toy::kBusy) != 0; }

  // Starts a command; the drive is not busy.
  void StartTransfer(toy::Command command, uint64_t lba, uint32_t count, uint64_t buffer);
  void StartCommand(toy::Command command);
  // Starts it and waits; nullopt when the drive does not answer in time.
  std::optional<toy::Error> Run(toy::Command command, Duration timeout);

  // Looks at the interrupt and takes events that came; a finished command's error once.
  std::optional<toy::Error> Poll();
  // Events other than DONE since the last call of this.
  uint32_t TakeEvents();

  uint32_t Get(toy::Register at);
  void Set(toy::Register at, uint32_t value);

 private:
  uint32_t status() { return Get(toy::Register::kStatus); }

  GuestBus& bus_;
  const Place place_;
  uint32_t events_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_TOY_DRIVER_H_
