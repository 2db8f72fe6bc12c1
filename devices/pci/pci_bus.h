// SPDX-License-Identifier: Apache-2.0
//
// PciBus: bus 0 with one function per device number, behind a host bridge's ways to reach it: the
// configuration ports 0xCF8 and 0xCFC, the enhanced configuration window, and windows of memory and
// ports in which the functions' BARs are found. What is in a window is looked up at each access, so
// a vCPU may move a BAR while others run; the IoSpaces themselves never change.
//
// - 0xCF8 takes accesses of 4 bytes at its own address only; others are none of the bus's: all
// ones,
//   ignored. 0xCFC to 0xCFF take 1, 2 and 4 bytes as long as they stay within the four.
// - In the enhanced window an access that crosses a dword, or is 8 bytes wide, is one transaction
//   per dword, in ascending order. Bytes 256 to 4095 of a function aren't there: all ones.
// - A BAR answers where it lies inside a window of its kind. Where BARs overlap, the one of the
//   lowest device number and register answers. Accesses across its end, and elsewhere in a window:
//   all ones, ignored.
//
// Ownership: IoSpaces and functions outlive it (functions: until Remove). Threading: Add, Remove
// and
//   destruction in the control context while no vCPU runs; accesses from any thread, without a
//   lock.
// Units: bytes. Errors: absl::Status naming the window or the device number.

#ifndef PLATTER_DEVICES_PCI_PCI_BUS_H_
#define PLATTER_DEVICES_PCI_PCI_BUS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "devices/bus/io_space.h"
#include "devices/pci/pci_function.h"
#include "devices/pci/pci_spec.h"

namespace platter {

class PciBus {
 public:
  struct Window {
    uint64_t base = 0;
    uint64_t size = 0;
  };
  enum class ConfigPorts : uint8_t { kNone, kCf8 };
  struct Options {
    ConfigPorts config_ports = ConfigPorts::kCf8;
    uint64_t ecam_base = 0;  // 0: no such window.
    std::vector<Window> memory = {};
    std::vector<Window> ports = {};
  };

  // ALREADY_EXISTS or INVALID_ARGUMENT of IoSpace::Map; nothing is mapped then.
  static absl::StatusOr<std::unique_ptr<PciBus>> Create(IoSpace& mmio, IoSpace& ports,
                                                        const Options& options);
  ~PciBus();
  PciBus(const PciBus&) = delete;
  PciBus& operator=(const PciBus&) = delete;

  // OUT_OF_RANGE for a number above 31, ALREADY_EXISTS when it is taken.
  absl::Status Add(uint32_t device, PciFunction& function);
  void Remove(uint32_t device);

  // The register behind 0xCF8, for a machine's saved state.
  uint32_t config_address() const { return config_address_.load(std::memory_order_acquire); }
  void set_config_address(uint32_t value) {
    config_address_.store(value & kPciConfigAddressBits, std::memory_order_release);
  }

 private:
  class Ports;
  class Ecam;
  class BarWindow;
  struct Mapping {
    IoSpace* space;
    uint64_t base;
    std::unique_ptr<RegisterBlock, void (*)(RegisterBlock*)> block;
  };
  // A BAR that there is, wherever it lies now.
  struct Route {
    const PciBar* bar;
    PciFunction* function;
    uint32_t index;
    uint64_t offset;  // Of the access, in what Find returns.
  };

  PciBus() = default;
  template <typename Block>
  absl::Status Map(IoSpace& space, uint64_t base, uint64_t size, std::unique_ptr<Block> block);
  void FindRoutes();

  // One transaction: within a dword. `where` is bus, device, function and register as in a
  // configuration address.
  uint32_t ReadConfig(uint32_t where, unsigned width);
  void WriteConfig(uint32_t where, unsigned width, uint32_t value);
  PciFunction* FunctionAt(uint32_t where) const;
  static bool Find(const std::vector<Route>& routes, uint64_t address, unsigned width,
                   Route* found);

  std::array<PciFunction*, kPciDevicesPerBus> functions_{};
  std::vector<Route> memory_routes_;
  std::vector<Route> port_routes_;
  std::atomic<uint32_t> config_address_{0};
  std::vector<Mapping> mappings_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_PCI_BUS_H_
