// SPDX-License-Identifier: Apache-2.0
//
// The PCI configuration access capability of VirtioPciTransport (virtio 1.3, 4.1.4.9): the
// structures of BAR 0 without BAR 0, for firmware. Any access to the data register reads or writes
// what the window's registers say, once. A selection that is none (another BAR, a length other than
// 1, 2 and 4, an offset that is no multiple of it, bytes outside of a structure) reads zeroes and
// writes nothing (R-VQ-17).

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/arith.h"
#include "base/bytes.h"
#include "devices/pci/virtio_pci_transport.h"

namespace platter {

bool VirtioPciTransport::TouchesWindow(uint32_t offset, unsigned width) const {
  const uint32_t data = window_at_ + kVirtioPciCapExtra;
  return offset < data + kPciDwordBytes && offset + width > data;
}

std::optional<VirtioPciTransport::WindowAccess> VirtioPciTransport::SelectedByWindow() const {
  const uint32_t bar = config_.Read(window_at_ + kVirtioPciCapBar, 1);
  const uint64_t offset = config_.Read(window_at_ + kVirtioPciCapOffset, 4);
  const uint32_t width = config_.Read(window_at_ + kVirtioPciCapBytes, 4);
  if (bar != kBar || (width != 1 && width != 2 && width != 4) || !IsAligned(offset, width)) {
    return std::nullopt;
  }
  const auto is_in = [&](uint64_t begin, uint64_t bytes) {
    return offset >= begin && RangeFits(offset - begin, width, bytes);
  };
  if (!is_in(kCommonAt, kVirtioPciCommonBytes) && !is_in(kIsrAt, 1) &&
      !is_in(kDeviceAt, kDeviceBytes) && !is_in(kNotifyAt, notify_bytes_)) {
    return std::nullopt;
  }
  return WindowAccess{.offset = offset, .width = width};
}

void VirtioPciTransport::ReadThroughWindow() {
  std::optional<WindowAccess> access;
  {
    SerialiserLock lock(device_.serialiser());
    access = SelectedByWindow();
  }
  const auto value =
      access ? static_cast<uint32_t>(ReadBar(kBar, access->offset, access->width)) : 0;
  SerialiserLock lock(device_.serialiser());
  config_.Store(window_at_ + kVirtioPciCapExtra,
                std::bit_cast<std::array<uint8_t, kPciDwordBytes>>(Le32(value)));
}

void VirtioPciTransport::WriteThroughWindow() {
  std::optional<WindowAccess> access;
  uint32_t value = 0;
  {
    SerialiserLock lock(device_.serialiser());
    access = SelectedByWindow();
    if (access) value = config_.Read(window_at_ + kVirtioPciCapExtra, access->width);
  }
  if (access) WriteBar(kBar, access->offset, access->width, value);
}

}  // namespace platter
