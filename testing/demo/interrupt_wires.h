// SPDX-License-Identifier: Apache-2.0
//
// InterruptWires: the lines of a guest bus as a machine's interrupt controller, with wires that can
// be cut.
//
// Ownership: the bus outlives it; it outlives the devices. Threading: Line and Cut in the control
// context, before and while interrupts come from any thread. Errors: none.

#ifndef PLATTER_TESTING_DEMO_INTERRUPT_WIRES_H_
#define PLATTER_TESTING_DEMO_INTERRUPT_WIRES_H_

#include <atomic>
#include <cstdint>
#include <map>

#include "devices/bus/interrupt.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"

namespace platter {

class InterruptWires final : public InterruptController {
 public:
  explicit InterruptWires(InProcessBus& bus) : bus_(bus) {}

  InterruptLine& Line(uint32_t number) override {
    return wires_.try_emplace(number, bus_.Line(number)).first->second;
  }
  // Nothing more comes through.
  void Cut(uint32_t number) { wires_.at(number).cut.store(true, std::memory_order_relaxed); }

 private:
  struct Wire final : InterruptLine {
    explicit Wire(InterruptLine& line) : to(line) {}
    void Set(LineLevel level) override {
      if (!cut.load(std::memory_order_relaxed)) to.Set(level);
    }

    InterruptLine& to;
    std::atomic<bool> cut{false};
  };

  InProcessBus& bus_;
  std::map<uint32_t, Wire> wires_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_INTERRUPT_WIRES_H_
