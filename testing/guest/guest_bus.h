// SPDX-License-Identifier: Apache-2.0
//
// GuestBus: what a guest's driver has of its machine: memory, registers, interrupts and time.
// Guest drivers are written on it alone, so the same driver and the same test run on a device in
// this process, behind a socket that speaks a test protocol, or behind vhost-user.
//
//   const uint64_t page = *bus.Allocate(4096, 4096);
//   bus.WriteRegister(RegisterSpace::kMmio, base + kQueueNotify, 4, 0);
//   if (!bus.WaitFor([&] { return bus.Interrupt(line).raised != 0; }, 5s)) ...
//
// Ownership: the creator owns the bus; it outlives the drivers on it. TryMap's pointers live as
//   long as the bus.
// Threading: one thread, the guest's, at the top level of the program: WaitFor runs or waits for
//   the target, so it must not be called from inside the target's own event loop.
// Units: guest physical addresses and lengths in bytes; register widths 1, 2, 4 or 8 bytes;
//   durations of the target's clock, which may be virtual.
// Errors: memory calls are false for addresses that are no memory. A target that went away reads
//   as all ones, ignores writes and says why in health().

#ifndef PLATTER_TESTING_GUEST_GUEST_BUS_H_
#define PLATTER_TESTING_GUEST_GUEST_BUS_H_

#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/clock.h"

namespace platter {

enum class RegisterSpace : uint8_t { kMmio, kPort };

// An interrupt of the target, by the target's numbering: a line or a message vector.
struct GuestInterrupt {
  uint64_t raised = 0;  // Rising edges or messages since the bus exists.
  bool high = false;    // Level now; false for messages.
};

class GuestBus {
 public:
  virtual ~GuestBus() = default;

  // --- Memory. ---

  // `bytes` of guest memory that nothing else uses, zeroed, at a multiple of `alignment` (a power
  // of two) and within one region. RESOURCE_EXHAUSTED when there is none.
  virtual absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) = 0;
  // Gives back what Allocate returned.
  virtual void Free(uint64_t address) = 0;

  virtual bool Read(uint64_t address, std::span<uint8_t> out) = 0;
  virtual bool Write(uint64_t address, std::span<const uint8_t> data) = 0;
  // A pointer to the range, where the target's memory is this process's too; else nullptr.
  virtual uint8_t* TryMap(uint64_t address, uint64_t bytes) {
    static_cast<void>(address);
    static_cast<void>(bytes);
    return nullptr;
  }

  // --- Registers. ---

  virtual uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) = 0;
  virtual void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                             uint64_t value) = 0;

  // --- Interrupts and time. ---

  // Numbers that the target has not wired read as never raised.
  virtual GuestInterrupt Interrupt(uint32_t number) = 0;

  // Lets the target run until `done` is true (checked first) or `timeout` of its time has passed.
  // Returns whether it is true.
  virtual bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) = 0;
  virtual Instant Now() = 0;

  // OK while the target answers.
  virtual absl::Status health() { return absl::OkStatus(); }

  // --- Conveniences. ---

  // As WaitFor, for what no interrupt announces: looks again every `interval` (not 0).
  bool PollFor(absl::FunctionRef<bool()> done, Duration interval, Duration timeout) {
    Duration waited{};
    while (!WaitFor(done, interval)) {
      waited += interval;
      if (waited >= timeout) return false;
    }
    return true;
  }
  // Lets the target run for `time` of its clock.
  void RunFor(Duration time) {
    WaitFor([] { return false; }, time);
  }
  uint32_t ReadRegister32(RegisterSpace space, uint64_t address) {
    return static_cast<uint32_t>(ReadRegister(space, address, 4));
  }
  void WriteRegister32(RegisterSpace space, uint64_t address, uint32_t value) {
    WriteRegister(space, address, 4, value);
  }
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_GUEST_BUS_H_
