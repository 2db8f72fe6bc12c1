// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/pci_bus.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/arith.h"
#include "base/status.h"

namespace platter {

namespace {

// Fields of a configuration address (3.2.2.3.2).
constexpr unsigned kDeviceShift = 11;
constexpr uint32_t kDeviceMask = kPciDevicesPerBus - 1;
constexpr uint32_t kBusAndFunctionMask = 0xff0700;
constexpr uint32_t kRegisterMask = kPciConfigBytes - 1;

uint64_t AllOnes(unsigned width) { return ~uint64_t{0} >> (64 - 8 * width); }

}  // namespace

// --- What is mapped. ---

class PciBus::Ports final : public RegisterBlock {
 public:
  explicit Ports(PciBus& bus) : bus_(bus) {}

  uint64_t ReadRegister(uint64_t offset, unsigned width) override {
    if (offset == 0 && width == kPciDwordBytes) return bus_.config_address();
    uint32_t where = 0;
    return IsData(offset, width, &where) ? bus_.ReadConfig(where, width) : AllOnes(width);
  }
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override {
    if (offset == 0 && width == kPciDwordBytes) {
      return bus_.set_config_address(static_cast<uint32_t>(value));
    }
    uint32_t where = 0;
    if (IsData(offset, width, &where)) {
      bus_.WriteConfig(where, width, static_cast<uint32_t>(value));
    }
  }

 private:
  bool IsData(uint64_t offset, unsigned width, uint32_t* where) const {
    const uint32_t address = bus_.config_address();
    if (offset < kPciConfigDataPort || width > kPciDwordBytes ||
        (address & kPciConfigEnable) == 0) {
      return false;
    }
    *where = (address & ~kPciConfigEnable) + static_cast<uint32_t>(offset - kPciConfigDataPort);
    return true;
  }

  PciBus& bus_;
};

class PciBus::Ecam final : public RegisterBlock {
 public:
  explicit Ecam(PciBus& bus) : bus_(bus) {}

  uint64_t ReadRegister(uint64_t offset, unsigned width) override {
    uint64_t value = 0;
    ForEachPart(offset, width, [&](uint32_t where, unsigned part, unsigned shift) {
      value |= uint64_t{bus_.ReadConfig(where, part)} << shift;
    });
    return value;
  }
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override {
    ForEachPart(offset, width, [&](uint32_t where, unsigned part, unsigned shift) {
      bus_.WriteConfig(where, part, static_cast<uint32_t>((value >> shift) & AllOnes(part)));
    });
  }

 private:
  // A register beyond the 256 bytes is where no device is, so that it reads as that does.
  static uint32_t Where(uint64_t offset) {
    const auto reg = static_cast<uint32_t>(offset % kPciEcamFunctionBytes);
    const auto function = static_cast<uint32_t>(offset / kPciEcamFunctionBytes);
    return reg < kPciConfigBytes ? function << 8 | reg : kBusAndFunctionMask;
  }
  template <typename Access>
  static void ForEachPart(uint64_t offset, unsigned width, const Access& access) {
    for (unsigned done = 0; done < width;) {
      const uint64_t at = offset + done;
      auto part = static_cast<unsigned>(kPciDwordBytes - at % kPciDwordBytes);
      part = std::min(part, width - done);
      // Three bytes of a dword are two accesses: a bus has byte enables, an interface has widths.
      if (part == 3) part = at % 2 == 0 ? 2 : 1;
      access(Where(at), part, 8 * done);
      done += part;
    }
  }

  PciBus& bus_;
};

class PciBus::BarWindow final : public RegisterBlock {
 public:
  BarWindow(const std::vector<Route>& routes, uint64_t base) : routes_(routes), base_(base) {}

  uint64_t ReadRegister(uint64_t offset, unsigned width) override {
    Route to;
    if (!Find(routes_, base_ + offset, width, &to)) return AllOnes(width);
    return to.function->ReadBar(to.index, to.offset, width);
  }
  void WriteRegister(uint64_t offset, unsigned width, uint64_t value) override {
    Route to;
    if (!Find(routes_, base_ + offset, width, &to)) return;
    to.function->WriteBar(to.index, to.offset, width, value);
  }

 private:
  const std::vector<Route>& routes_;
  const uint64_t base_;
};

// --- Making and taking apart. ---

template <typename Block>
absl::Status PciBus::Map(IoSpace& space, uint64_t base, uint64_t size,
                         std::unique_ptr<Block> block) {
  PLATTER_RETURN_IF_ERROR(Annotate(space.Map(base, size, *block), "PCI bus"));
  mappings_.push_back(
      {.space = &space, .base = base, .block = {block.release(), [](RegisterBlock* owned) {
                                                  delete static_cast<Block*>(owned);
                                                }}});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PciBus>> PciBus::Create(IoSpace& mmio, IoSpace& ports,
                                                       const Options& options) {
  std::unique_ptr<PciBus> bus(new PciBus());
  if (options.config_ports == ConfigPorts::kCf8) {
    PLATTER_RETURN_IF_ERROR(
        bus->Map(ports, kPciConfigPorts, kPciConfigPortsBytes, std::make_unique<Ports>(*bus)));
  }
  if (options.ecam_base != 0) {
    PLATTER_RETURN_IF_ERROR(
        bus->Map(mmio, options.ecam_base, kPciEcamBusBytes, std::make_unique<Ecam>(*bus)));
  }
  for (const Window& window : options.memory) {
    PLATTER_RETURN_IF_ERROR(
        bus->Map(mmio, window.base, window.size,
                 std::make_unique<BarWindow>(bus->memory_routes_, window.base)));
  }
  for (const Window& window : options.ports) {
    PLATTER_RETURN_IF_ERROR(bus->Map(ports, window.base, window.size,
                                     std::make_unique<BarWindow>(bus->port_routes_, window.base)));
  }
  return bus;
}

PciBus::~PciBus() {
  for (const Mapping& mapping : mappings_) mapping.space->Unmap(mapping.base);
}

absl::Status PciBus::Add(uint32_t device, PciFunction& function) {
  const std::string name = "PCI device number " + std::to_string(device);
  if (device >= kPciDevicesPerBus) {
    return absl::OutOfRangeError(name + ": numbers end at " +
                                 std::to_string(kPciDevicesPerBus - 1));
  }
  if (functions_[device] != nullptr) return absl::AlreadyExistsError(name + " is taken");
  functions_[device] = &function;
  FindRoutes();
  return absl::OkStatus();
}

void PciBus::Remove(uint32_t device) {
  if (device >= kPciDevicesPerBus) return;
  functions_[device] = nullptr;
  FindRoutes();
}

void PciBus::FindRoutes() {
  memory_routes_.clear();
  port_routes_.clear();
  for (PciFunction* function : functions_) {
    if (function == nullptr) continue;
    for (uint32_t i = 0; i < kPciBars; ++i) {
      const PciBar& bar = function->bars()[i];
      if (bar.size() == 0) continue;
      auto& routes = bar.kind() == PciBarKind::kIo ? port_routes_ : memory_routes_;
      routes.push_back({.bar = &bar, .function = function, .index = i, .offset = 0});
    }
  }
}

// --- Accesses. ---

PciFunction* PciBus::FunctionAt(uint32_t where) const {
  if ((where & kBusAndFunctionMask) != 0) return nullptr;
  return functions_[(where >> kDeviceShift) & kDeviceMask];
}

uint32_t PciBus::ReadConfig(uint32_t where, unsigned width) {
  PciFunction* const function = FunctionAt(where);
  if (function == nullptr) return static_cast<uint32_t>(AllOnes(width));
  return function->ReadConfig(where & kRegisterMask, width);
}

void PciBus::WriteConfig(uint32_t where, unsigned width, uint32_t value) {
  PciFunction* const function = FunctionAt(where);
  if (function != nullptr) function->WriteConfig(where & kRegisterMask, width, value);
}

bool PciBus::Find(const std::vector<Route>& routes, uint64_t address, unsigned width,
                  Route* found) {
  for (const Route& route : routes) {
    const uint64_t base = route.bar->base();
    if (base == PciBar::kNowhere || address < base) continue;
    if (!RangeFits(address - base, width, route.bar->size())) continue;
    *found = route;
    found->offset = address - base;
    return true;
  }
  return false;
}

}  // namespace platter
