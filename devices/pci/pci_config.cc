// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/pci_config.h"

#include <algorithm>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

namespace {

constexpr uint16_t kCommandBits = kPciCommandIo | kPciCommandMemory | kPciCommandBusMaster |
                                  kPciCommandParity | kPciCommandSerr | kPciCommandIntxDisable;
constexpr uint64_t kMaxMemory32Bar = uint64_t{1} << 31;
constexpr uint64_t kMaxMemory64Bar = uint64_t{1} << 62;

constexpr uint32_t BarOffset(uint32_t index) { return kPciBar0 + kPciDwordBytes * index; }

bool Touches(uint32_t offset, unsigned width, uint32_t begin, uint32_t end) {
  return offset < end && offset + width > begin;
}

}  // namespace

PciConfig::PciConfig(const PciIdentity& identity) {
  Put(kPciVendorId, 2, identity.vendor);
  Put(kPciDeviceId, 2, identity.device);
  Put(kPciRevisionId, 1, identity.revision);
  Put(kPciClassCode, 3, identity.class_code);
  Put(kPciSubsystemVendorId, 2, identity.subsystem_vendor);
  Put(kPciSubsystemId, 2, identity.subsystem);
  PutMask(&writable_, kPciCommand, 2, kCommandBits);
  PutMask(&cleared_, kPciStatus, 2, kPciStatusErrors);
  PutMask(&writable_, kPciCacheLineSize, 1, 0xff);
  PutMask(&writable_, kPciInterruptLine, 1, 0xff);
}

// Little-endian bytes of what a function has from the start.
void PciConfig::Put(uint32_t offset, unsigned width, uint32_t value) {
  for (unsigned i = 0; i < width; ++i) {
    bytes_[offset + i] = initial_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

void PciConfig::PutMask(Bytes* mask, uint32_t offset, unsigned width, uint32_t value) {
  for (unsigned i = 0; i < width; ++i) {
    (*mask)[offset + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

// --- Building. ---

void PciConfig::AddBar(uint32_t index, PciBarKind kind, uint64_t size) {
  const bool wide = kind == PciBarKind::kMemory64;
  const bool io = kind == PciBarKind::kIo;
  PLATTER_CHECK(index + (wide ? 1 : 0) < kPciBars && bars_[index].size_ == 0);
  PLATTER_CHECK(IsPowerOfTwo(size) && size >= (io ? kPciMinIoBar : kPciMinMemoryBar));
  PLATTER_CHECK(size <= (wide ? kMaxMemory64Bar : io ? kPciMaxIoBar : kMaxMemory32Bar));
  bars_[index].kind_ = kind;
  bars_[index].size_ = size;
  // 6.2.5.1: bits below the size, and the type's, are fixed.
  const uint64_t address_bits = ~(size - 1);
  Put(BarOffset(index), 4, wide ? kPciBarMemory64 : io ? kPciBarIo : 0);
  PutMask(&writable_, BarOffset(index), 4, static_cast<uint32_t>(address_bits));
  if (wide) {
    PutMask(&writable_, BarOffset(index + 1), 4, static_cast<uint32_t>(address_bits >> 32));
  }
}

uint8_t PciConfig::AddCapability(uint8_t id, std::span<const uint8_t> body,
                                 std::span<const uint8_t> writable) {
  const uint32_t at = next_capability_;
  PLATTER_CHECK(at + kPciCapabilityHeader + body.size() <= kPciConfigBytes);
  PLATTER_CHECK(writable.empty() || writable.size() == body.size());
  Put(last_capability_ + kPciCapabilityNext, 1, at);
  Put(kPciStatus, 2, kPciStatusCapabilityList);
  Put(at, 1, id);
  for (size_t i = 0; i < body.size(); ++i) {
    Put(static_cast<uint32_t>(at + kPciCapabilityHeader + i), 1, body[i]);
  }
  std::copy(writable.begin(), writable.end(), writable_.begin() + at + kPciCapabilityHeader);
  last_capability_ = at;
  next_capability_ =
      static_cast<uint32_t>(AlignUp(at + kPciCapabilityHeader + body.size(), kPciDwordBytes));
  return static_cast<uint8_t>(at);
}

void PciConfig::SetInterruptPin(uint8_t pin) { Put(kPciInterruptPin, 1, pin); }

// --- Accesses. ---

uint32_t PciConfig::Read(uint32_t offset, unsigned width) const {
  uint32_t value = 0;
  for (unsigned i = 0; i < width && i < kPciDwordBytes; ++i) {
    const uint64_t at = uint64_t{offset} + i;
    const uint8_t byte = at < kPciConfigBytes ? bytes_[at] : uint8_t{0xff};
    value |= uint32_t{byte} << (8 * i);
  }
  return value;
}

void PciConfig::Write(uint32_t offset, unsigned width, uint32_t value) {
  for (unsigned i = 0; i < width && i < kPciDwordBytes; ++i) {
    const uint64_t at = uint64_t{offset} + i;
    if (at >= kPciConfigBytes) break;
    const auto byte = static_cast<uint8_t>(value >> (8 * i));
    const auto kept = static_cast<uint8_t>(bytes_[at] & ~writable_[at] & ~(byte & cleared_[at]));
    bytes_[at] = static_cast<uint8_t>(kept | (byte & writable_[at]));
  }
  if (Touches(offset, width, kPciCommand, kPciStatus) ||
      Touches(offset, width, kPciBar0, BarOffset(kPciBars))) {
    PlaceBars();
  }
}

// --- Base address registers. ---

uint64_t PciConfig::BaseOf(uint32_t index) const {
  const PciBar& bar = bars_[index];
  const bool wide = bar.kind_ == PciBarKind::kMemory64;
  const bool io = bar.kind_ == PciBarKind::kIo;
  if (bar.size_ == 0 || (command() & (io ? kPciCommandIo : kPciCommandMemory)) == 0) {
    return PciBar::kNowhere;
  }
  uint64_t base = Read(BarOffset(index), 4);
  if (wide) base |= uint64_t{Read(BarOffset(index + 1), 4)} << 32;
  const uint64_t address_bits = ~(bar.size_ - 1) & (wide ? UINT64_MAX : UINT32_MAX);
  base &= address_bits;
  // Guests size registers with decoding on, too, and would have it answer there meanwhile.
  return base == 0 || base == address_bits ? PciBar::kNowhere : base;
}

void PciConfig::PlaceBars() {
  for (uint32_t i = 0; i < kPciBars; ++i) {
    bars_[i].base_.store(BaseOf(i), std::memory_order_release);
  }
}

// --- The function's side. ---

void PciConfig::SetInterruptStatus(LineLevel level) {
  bytes_[kPciStatus] = static_cast<uint8_t>(bytes_[kPciStatus] & ~kPciStatusInterrupt);
  if (level == LineLevel::kHigh) bytes_[kPciStatus] |= kPciStatusInterrupt;
}

void PciConfig::SetErrors(uint16_t bits) {
  bytes_[kPciStatus + 1] |= static_cast<uint8_t>((bits & kPciStatusErrors) >> 8);
}

void PciConfig::Store(uint32_t offset, std::span<const uint8_t> bytes) {
  PLATTER_CHECK(RangeFits(offset, bytes.size(), kPciConfigBytes));
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + offset);
}

void PciConfig::Reset() {
  bytes_ = initial_;
  PlaceBars();
}

// --- Saved state. ---

std::string PciConfig::Save() const { return {bytes_.begin(), bytes_.end()}; }

const char* PciConfig::Check(const std::string& state) const {
  if (state.size() != kPciConfigBytes) return "the size of its configuration space";
  for (uint32_t i = 0; i < kPciConfigBytes; ++i) {
    const uint8_t moves = i == kPciStatus ? kPciStatusInterrupt : writable_[i] | cleared_[i];
    if (((static_cast<uint8_t>(state[i]) ^ initial_[i]) & ~moves) != 0) {
      return "its configuration space";
    }
  }
  return nullptr;
}

void PciConfig::Restore(const std::string& state) {
  std::copy_n(state.begin(), kPciConfigBytes, bytes_.begin());
  PlaceBars();
}

}  // namespace platter
