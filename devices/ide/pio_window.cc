// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/pio_window.h"

#include <algorithm>
#include <cstddef>

namespace platter {

void PioWindow::OpenIn(std::span<const uint8_t> block) {
  Close();
  in_ = block;
}

void PioWindow::OpenOut(std::span<uint8_t> block) {
  Close();
  out_ = block;
}

void PioWindow::Close() {
  in_ = {};
  out_ = {};
}

void PioWindow::Read(std::span<uint8_t> to) {
  const size_t count = std::min(to.size(), in_.size());
  std::copy_n(in_.begin(), count, to.begin());
  std::fill(to.begin() + static_cast<ptrdiff_t>(count), to.end(), uint8_t{0xff});
  in_ = in_.subspan(count);
}

void PioWindow::Write(std::span<const uint8_t> from) {
  const size_t count = std::min(from.size(), out_.size());
  std::copy_n(from.begin(), count, out_.begin());
  out_ = out_.subspan(count);
}

}  // namespace platter
