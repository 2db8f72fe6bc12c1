// SPDX-License-Identifier: Apache-2.0
//
// ToyRegisterFile: the registers of a toy drive as bytes on a bus: widths, halves, write-one-clear,
// the interrupt line, and one lock around it all. What commands mean is ToyDrive's.
//
// Ownership: the line outlives it. Threading: any thread; `medium_blocks` and `on_command` are
//   called on the accessing thread and return at once.
// Errors: accesses that are not 32 bits wide and aligned read zero and ignore writes.

#ifndef PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_
#define PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"

#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/bus/serialiser.h"
#include "examples/own_device/toy_registers.h"

namespace platter {

class ToyRegisterFile final : public RegisterBlock {
 public:
  struct Values {
    toy::Command command{};
    toy::Error error{};
    bool busy = false;
    bool tray_open = false;
    bool locked = false;
    bool unplugged = false;
    uint64_t lba = 0;
    uint32_t count = 0;
    uint64_t buffer = 0;
    uint32_t events = 0;
  };

  // `medium_blocks`: the length of the medium, nothing without one. `on_command`: a command was
  // written; BUSY is set already.
  ToyRegisterFile(InterruptLine& line, absl::AnyInvocable<std::optional<uint64_t>()> medium_blocks,
                  absl::AnyInvocable<void()> on_command);

  uint64_t ReadRegister(uint64_t offset, unsigned width) override;
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override;

  Values Get() {
    SerialiserLock lock(serialiser_);
    return values_;
  }
  // Changes the values by `change(Values&)` and sets the line as they then say.
  template <typename Change>
  void Update(Change&& change) {
    SerialiserLock lock(serialiser_);
    change(values_);
    UpdateLine();
  }

 private:
  uint64_t Read(toy::Register at, std::optional<uint64_t> blocks) const;
  void UpdateLine();

  InterruptLine& line_;
  absl::AnyInvocable<std::optional<uint64_t>()> medium_blocks_;
  absl::AnyInvocable<void()> on_command_;
  Serialiser serialiser_{Serialiser::Mode::kOn};
  Values values_;
};

}  // namespace platter

#endif  // PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_
