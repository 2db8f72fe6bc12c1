// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/toy_driver.h"

#include <utility>

namespace platter {

using toy::Register;

uint32_t ToyDriver::Get(Register at) {
  return bus_.ReadRegister32(RegisterSpace::kMmio, place_.base + static_cast<uint64_t>(at));
}

void ToyDriver::Set(Register at, uint32_t value) {
  bus_.WriteRegister32(RegisterSpace::kMmio, place_.base + static_cast<uint64_t>(at), value);
}

uint64_t ToyDriver::capacity_blocks() {
  // The halves may change between the two reads.
  uint32_t high = 0;
  uint32_t low = 0;
  do {
    high = Get(Register::kCapacityHigh);
    low = Get(Register::kCapacityLow);
  } while (Get(Register::kCapacityHigh) != high);
  return uint64_t{high} << 32 | low;
}

void ToyDriver::StartTransfer(toy::Command command, uint64_t lba, uint32_t count, uint64_t buffer) {
  Set(Register::kLbaLow, static_cast<uint32_t>(lba));
  Set(Register::kLbaHigh, static_cast<uint32_t>(lba >> 32));
  Set(Register::kCount, count);
  Set(Register::kBufferLow, static_cast<uint32_t>(buffer));
  Set(Register::kBufferHigh, static_cast<uint32_t>(buffer >> 32));
  StartCommand(command);
}

void ToyDriver::StartCommand(toy::Command command) {
  Set(Register::kCommand, static_cast<uint32_t>(command));
}

std::optional<toy::Error> ToyDriver::Run(toy::Command command, Duration timeout) {
  StartCommand(command);
  std::optional<toy::Error> error;
  bus_.WaitFor(
      [&] {
        error = Poll();
        return error.has_value();
      },
      timeout);
  return error;
}

std::optional<toy::Error> ToyDriver::Poll() {
  if (!bus_.Interrupt(place_.line).high) return std::nullopt;
  const uint32_t events = Get(Register::kEvents);
  Set(Register::kEvents, events);
  events_ |= events & ~uint32_t{toy::kDone};
  if ((events & toy::kDone) == 0) return std::nullopt;
  return static_cast<toy::Error>(Get(Register::kError));
}

uint32_t ToyDriver::TakeEvents() { return std::exchange(events_, 0); }

}  // namespace platter
