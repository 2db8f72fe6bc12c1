// SPDX-License-Identifier: Apache-2.0
//
// PioWindow: the part of a drive's buffer that the guest reaches through the data port now: one DRQ
// block. However often and however wide the guest reads or writes, nothing outside of the block is
// touched: what it reads beyond the end is all ones, what it writes there is dropped (R-IDE-01).
//
// Ownership: the memory is the drive's and outlives the open window. Threading: one thread at a
// time (under the channel's lock). Units: bytes. Errors: none.

#ifndef PLATTER_DEVICES_IDE_PIO_WINDOW_H_
#define PLATTER_DEVICES_IDE_PIO_WINDOW_H_

#include <cstdint>
#include <span>

namespace platter {

class PioWindow {
 public:
  // The guest reads `block`, or writes it. What was open before is closed.
  void OpenIn(std::span<const uint8_t> block);
  void OpenOut(std::span<uint8_t> block);
  void Close();

  // Nothing is left to move: read to the end, written to the end, or closed.
  bool at_end() const { return in_.empty() && out_.empty(); }
  // Whether Read, or Write, would move something.
  bool has_in() const { return !in_.empty(); }
  bool has_out() const { return !out_.empty(); }

  // What is left.
  std::span<const uint8_t> in() const { return in_; }
  std::span<const uint8_t> out() const { return out_; }

  // Moves what is left, at most the length of the span. Read fills the rest of `to` with ones.
  void Read(std::span<uint8_t> to);
  void Write(std::span<const uint8_t> from);

 private:
  // What is left; at most one of them has anything.
  std::span<const uint8_t> in_;
  std::span<uint8_t> out_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_PIO_WINDOW_H_
