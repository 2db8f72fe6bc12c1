// SPDX-License-Identifier: Apache-2.0
//
// PciConfig: the configuration space of a function (PCI 3.0, chapter 6; header type 0, 256 bytes):
// identity, command and status, base address registers, capabilities. A byte has bits that software
// may write, bits that it clears by writing 1, and the rest, which is fixed.
//
//   PciConfig config({.vendor = 0x1af4, .device = 0x1042, ...});
//   config.AddBar(0, PciBarKind::kMemory64, 16384);
//   const uint8_t at = config.AddCapability(kPciCapabilityMsix, body, writable);
//   config.Write(kPciCommand, 2, kPciCommandMemory);
//
// Ownership: of its function. Threading: under the function's lock, but for bars(), which anyone
// may
//   read. Units: offsets in bytes; widths 1, 2, 4. Errors: none at run time. Every offset and width
//   is served byte by byte; what is beyond the end reads all ones and ignores writes. What a
//   function may not build fails a check.

#ifndef PLATTER_DEVICES_PCI_PCI_CONFIG_H_
#define PLATTER_DEVICES_PCI_PCI_CONFIG_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "devices/bus/interrupt.h"
#include "devices/pci/pci_spec.h"

namespace platter {

struct PciIdentity {
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint8_t revision = 0;
  uint32_t class_code = 0;  // Class, subclass, interface: 24 bits.
  uint16_t subsystem_vendor = 0;
  uint16_t subsystem = 0;
};

enum class PciBarKind : uint8_t { kMemory32, kMemory64, kIo };

// A region of registers, and where software has put it.
class PciBar {
 public:
  static constexpr uint64_t kNowhere = UINT64_MAX;

  PciBarKind kind() const { return kind_; }
  uint64_t size() const { return size_; }  // 0: there is none.
  // kNowhere while it is not decoded: the command register says so, or no address was given: none
  // (0) or that of sizing (all ones). Any thread.
  uint64_t base() const { return base_.load(std::memory_order_acquire); }

 private:
  friend class PciConfig;

  PciBarKind kind_ = PciBarKind::kMemory32;
  uint64_t size_ = 0;
  std::atomic<uint64_t> base_{kNowhere};
};

class PciConfig {
 public:
  explicit PciConfig(const PciIdentity& identity);

  // --- To build it, before anything else. ---

  // `size` is a power of two; a 64-bit one takes the next register too.
  void AddBar(uint32_t index, PciBarKind kind, uint64_t size);
  // Appends a capability: its two bytes of header, then `body`, of which the bits of `writable` (as
  // long, or empty) may be written. Returns its offset.
  uint8_t AddCapability(uint8_t id, std::span<const uint8_t> body,
                        std::span<const uint8_t> writable);
  void SetInterruptPin(uint8_t pin);

  // --- Software's side. ---

  uint32_t Read(uint32_t offset, unsigned width) const;
  void Write(uint32_t offset, unsigned width, uint32_t value);

  // --- The function's side. ---

  uint16_t command() const { return static_cast<uint16_t>(Read(kPciCommand, 2)); }
  std::span<const PciBar, kPciBars> bars() const { return bars_; }
  // The status register's Interrupt Status (6.2.3): asserted or not, whether or not it is disabled.
  void SetInterruptStatus(LineLevel level);
  // Sets error bits of the status register.
  void SetErrors(uint16_t bits);
  // Stores bytes whatever software may write.
  void Store(uint32_t offset, std::span<const uint8_t> bytes);
  // As after power-on.
  void Reset();

  // --- Saved state. ---

  std::string Save() const;
  // nullptr, or what is wrong with it: what is fixed has to be the same.
  const char* Check(const std::string& state) const;
  // Of a state that Check has passed.
  void Restore(const std::string& state);

 private:
  using Bytes = std::array<uint8_t, kPciConfigBytes>;

  void Put(uint32_t offset, unsigned width, uint32_t value);
  void PutMask(Bytes* mask, uint32_t offset, unsigned width, uint32_t value);
  void PlaceBars();
  uint64_t BaseOf(uint32_t index) const;

  Bytes bytes_{};
  Bytes initial_{};
  Bytes writable_{};
  Bytes cleared_{};  // By writing 1.
  std::array<PciBar, kPciBars> bars_;
  uint32_t last_capability_ = kPciCapabilities - kPciCapabilityNext;
  uint32_t next_capability_ = kPciHeaderEnd;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_PCI_CONFIG_H_
