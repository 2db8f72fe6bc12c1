// SPDX-License-Identifier: Apache-2.0
//
// SteppingBus: a guest bus in front of another one that calls its owner before every step of the
// guest that its target can notice: a register access, or a wait. What the owner does there (stop
// the machine and let another one go on, say) the guest's driver must not notice.
//
//   SteppingBus bus(target, [&](const SteppingBus::Step&) { if (++steps == n) Migrate(); });
//   IdeDriver driver(bus, place);
//
// Ownership: the other bus outlives it. Threading, units, errors: as GuestBus.

#ifndef PLATTER_TESTING_GUEST_STEPPING_BUS_H_
#define PLATTER_TESTING_GUEST_STEPPING_BUS_H_

#include <cstdint>
#include <span>
#include <utility>

#include "absl/functional/any_invocable.h"

#include "testing/guest/guest_bus.h"

namespace platter {

class SteppingBus final : public GuestBus {
 public:
  struct Step {
    enum class Kind : uint8_t { kRead, kWrite, kWait };
    Kind kind = Kind::kWait;
    RegisterSpace space = RegisterSpace::kPort;  // Of accesses ...
    uint64_t address = 0;                        // ... and the register.
  };

  SteppingBus(GuestBus& target, absl::AnyInvocable<void(const Step&)> before_step)
      : target_(target), before_step_(std::move(before_step)) {}

  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override {
    return target_.Allocate(bytes, alignment);
  }
  void Free(uint64_t address) override { target_.Free(address); }
  bool Read(uint64_t address, std::span<uint8_t> out) override {
    return target_.Read(address, out);
  }
  bool Write(uint64_t address, std::span<const uint8_t> data) override {
    return target_.Write(address, data);
  }
  uint8_t* TryMap(uint64_t address, uint64_t bytes) override {
    return target_.TryMap(address, bytes);
  }
  uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) override {
    before_step_({.kind = Step::Kind::kRead, .space = space, .address = address});
    return target_.ReadRegister(space, address, width);
  }
  void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                     uint64_t value) override {
    before_step_({.kind = Step::Kind::kWrite, .space = space, .address = address});
    target_.WriteRegister(space, address, width, value);
  }
  GuestInterrupt Interrupt(uint32_t number) override { return target_.Interrupt(number); }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override {
    before_step_({});
    return target_.WaitFor(done, timeout);
  }
  Instant Now() override { return target_.Now(); }
  absl::Status health() override { return target_.health(); }

 private:
  GuestBus& target_;
  absl::AnyInvocable<void(const Step&)> before_step_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_STEPPING_BUS_H_
