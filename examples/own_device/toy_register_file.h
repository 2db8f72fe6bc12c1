// SPDX-License-Identifier: Apache-2.0
//
// ToyRegisterFile: the registers of a toy drive as bytes on a bus: widths, halves, write-one-clear,
// the interrupt line, and one lock around it all. What commands and status bits mean is ToyDrive's.
//
// Ownership: line and bottom half outlive it. Threading: any thread; `medium_bytes` is called on
// the
//   accessing thread and returns at once.
// Units: bytes towards the drive, blocks towards the guest.
// Errors: accesses that are not 32 bits wide and aligned read zero and ignore writes.

#ifndef PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_
#define PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "devices/bus/serialiser.h"
#include "examples/own_device/toy_registers.h"

namespace platter {

// A command and its operands, as the guest wrote them.
struct ToyCommand {
  toy::Command code{};
  uint64_t lba = 0;
  uint32_t count = 0;
  uint64_t buffer = 0;
};

class ToyRegisterFile final : public RegisterBlock {
 public:
  // `on_command` is scheduled when a command was written; BUSY is set already. `medium_bytes`: the
  // length of the medium, 0 without one.
  ToyRegisterFile(InterruptLine& line, BottomHalf& on_command,
                  absl::AnyInvocable<uint64_t() const> medium_bytes);

  // --- The guest's side. ---

  uint64_t ReadRegister(uint64_t offset, unsigned width) override;
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override;

  // --- The drive's side. ---

  // The command that was written last. It doesn't change while BUSY is set.
  ToyCommand command();
  // The outcome of the command: no longer BUSY, ERROR says `error`, a DONE event.
  void Finish(toy::Error error);
  // A bit of STATUS; Set returns whether it changed. MEDIUM_PRESENT follows from the others.
  bool Has(toy::StatusBit bit);
  bool Set(toy::StatusBit bit, bool on);
  void Raise(toy::Event event);
  // Every register as in a new drive.
  void Clear();
  // As Clear, and from now on reads are all ones, writes are ignored and the line is low.
  void Disconnect();

 private:
  uint32_t Read(toy::Register at, uint64_t medium_bytes) const;
  void UpdateLine();

  struct Values {
    uint32_t status = 0;
    toy::Error error{};
    uint32_t events = 0;
    ToyCommand command;
  };

  InterruptLine& line_;
  BottomHalf& on_command_;
  const absl::AnyInvocable<uint64_t() const> medium_bytes_;
  Serialiser serialiser_{Serialiser::Mode::kOn};
  Values values_;
  bool connected_ = true;
};

}  // namespace platter

#endif  // PLATTER_EXAMPLES_OWN_DEVICE_TOY_REGISTER_FILE_H_
