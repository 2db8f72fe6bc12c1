// SPDX-License-Identifier: Apache-2.0
//
// CapiMachine, for tests of the C interface: a machine with memory, on which the guest drivers of
// testing/guest talk through nothing but platter.h, with a record of what its callbacks were
// told.
//
// Ownership: a CapiMachine owns its handle and memory. Threading: the machine's thread, but for
//   interrupts. Units: bytes. Errors: test failures.

#ifndef PLATTER_CAPI_CAPI_FIXTURE_H_
#define PLATTER_CAPI_CAPI_FIXTURE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"

#include "aio/clock.h"
#include "base/mutex.h"
#include "capi/platter.h"
#include "testing/guest/guest_allocator.h"
#include "testing/guest/guest_bus.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {

class CapiMachine final : public GuestBus {
 public:
  static constexpr uint64_t kMemoryBase = 0x100000;
  static constexpr uint64_t kMemoryBytes = 0x400000;

  CapiMachine() : memory_(kMemoryBytes) {
    allocator_.AddRegion(kMemoryBase, kMemoryBytes);
    platter_memory_region region = {};
    region.address = kMemoryBase;
    region.size = kMemoryBytes;
    region.host = memory_.data();
    platter_host host = Host();
    host.memory = &region;
    host.memory_count = 1;
    EXPECT_EQ(platter_machine_create(&host, &machine_), 0) << platter_last_error();
  }
  ~CapiMachine() override {
    EXPECT_EQ(platter_machine_destroy(machine_), 0) << platter_last_error();
  }
  CapiMachine(const CapiMachine&) = delete;
  CapiMachine& operator=(const CapiMachine&) = delete;

  platter_machine* get() const { return machine_; }

  void AddBlockdev(const char* options) {
    EXPECT_EQ(platter_blockdev_add(machine_, options), 0) << platter_last_error();
  }
  void AddDevice(const char* options) {
    EXPECT_EQ(platter_device_add(machine_, options), 0) << platter_last_error();
  }
  platter_location PlaceOf(const char* id) {
    platter_location where = {};
    where.size = sizeof(where);
    EXPECT_EQ(platter_location_of(machine_, id, &where), 0) << platter_last_error();
    return where;
  }
  IdeDriver::Place IdePlaceOf(const char* id) {
    const platter_location at = PlaceOf(id);
    EXPECT_EQ(at.kind, static_cast<uint32_t>(PLATTER_AT_IDE));
    return {.command = at.command_port,
            .control = at.control_port,
            .bus_master = at.bus_master_port,
            .line = at.irq,
            .unit = static_cast<uint8_t>(at.unit)};
  }
  VirtioMmioDriver::Place VirtioPlaceOf(const char* id) {
    const platter_location at = PlaceOf(id);
    EXPECT_EQ(at.kind, static_cast<uint32_t>(PLATTER_AT_VIRTIO_MMIO));
    return {.base = at.mmio_base, .line = at.irq};
  }
  platter_drive_info InfoOf(const char* drive) {
    platter_drive_info info = {};
    info.size = sizeof(info);
    EXPECT_EQ(platter_get_drive_info(machine_, drive, &info), 0) << platter_last_error();
    return info;
  }

  // A few words for each event so far.
  const std::vector<std::string>& events() const { return events_; }
  std::vector<std::string> log() const {
    const MutexLock lock(mutex_);
    return log_;
  }
  // Called in the machine's thread with each event, as an embedder's code would be.
  void (*in_event)(CapiMachine& machine) = nullptr;
  void (*in_interrupt)(CapiMachine& machine) = nullptr;
  std::atomic<int> answer_in_callback = 0;

  // GuestBus.
  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override {
    auto address = allocator_.Allocate(bytes, alignment);
    if (address.ok()) std::memset(TryMap(*address, bytes), 0, bytes);
    return address;
  }
  void Free(uint64_t address) override { allocator_.Free(address); }
  bool Read(uint64_t address, std::span<uint8_t> out) override {
    const uint8_t* from = TryMap(address, out.size());
    if (from != nullptr) std::memcpy(out.data(), from, out.size());
    return from != nullptr;
  }
  bool Write(uint64_t address, std::span<const uint8_t> data) override {
    uint8_t* to = TryMap(address, data.size());
    if (to != nullptr) std::memcpy(to, data.data(), data.size());
    return to != nullptr;
  }
  uint8_t* TryMap(uint64_t address, uint64_t bytes) override {
    void* host = nullptr;
    return platter_guest_memory(machine_, address, bytes, &host) == 0 ? static_cast<uint8_t*>(host)
                                                                      : nullptr;
  }
  uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) override {
    uint64_t value = 0;
    EXPECT_EQ(space == RegisterSpace::kMmio ? platter_mmio_read(machine_, address, width, &value)
                                            : platter_port_read(machine_, address, width, &value),
              0);
    return value;
  }
  void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                     uint64_t value) override {
    EXPECT_EQ(space == RegisterSpace::kMmio ? platter_mmio_write(machine_, address, width, value)
                                            : platter_port_write(machine_, address, width, value),
              0);
  }
  GuestInterrupt Interrupt(uint32_t number) override {
    const Line& line = lines_.at(number);
    return {.raised = line.raised.load(), .high = line.high.load()};
  }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override {
    const Instant end = Now() + timeout;
    while (!done()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Now()).count();
      if (left <= 0) return false;
      EXPECT_GE(platter_run(machine_, static_cast<int>(left)), 0) << platter_last_error();
    }
    return true;
  }
  Instant Now() override { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }

 private:
  struct Line {
    std::atomic<uint64_t> raised{0};
    std::atomic<bool> high{false};
  };

  platter_host Host() {
    platter_host host = {};
    host.size = sizeof(host);
    host.opaque = this;
    host.set_interrupt = [](void* self, uint32_t irq, int level) {
      static_cast<CapiMachine*>(self)->SetInterrupt(irq, level);
    };
    host.event = [](void* self, const platter_event* event) {
      static_cast<CapiMachine*>(self)->OnEvent(*event);
    };
    host.log = [](void* self, platter_log_level level, const char* text) {
      static_cast<CapiMachine*>(self)->OnLog(level, text);
    };
    host.pause_vcpus = [](void* self) {
      static_cast<CapiMachine*>(self)->events_.emplace_back("pause");
    };
    host.resume_vcpus = [](void* self) {
      static_cast<CapiMachine*>(self)->events_.emplace_back("resume");
    };
    host.aio = PLATTER_AIO_THREADS;
    return host;
  }
  void SetInterrupt(uint32_t irq, int level) {
    Line& line = lines_.at(irq);
    if (!line.high.exchange(level != 0) && level != 0) ++line.raised;
    if (in_interrupt != nullptr) in_interrupt(*this);
    EXPECT_EQ(platter_wake(machine_), 0);
  }
  void OnEvent(const platter_event& event) {
    static constexpr const char* kNames[] = {"?",       "STOP", "RESUME", "RESET",
                                             "DELETED", "TRAY", "ERROR",  "THRESHOLD"};
    std::string words = kNames[event.type];
    for (const char* word : {event.device, event.drive, event.node}) {
      if (*word != '\0') words += std::string(" ") + word;
    }
    if (event.tray_open != 0) words += " open";
    if (event.io_error != 0) words += " io-error";
    if (event.type == PLATTER_EVENT_IO_ERROR) {
      words += event.is_write != 0 ? " write" : " read";
      words += " " + std::to_string(event.action) + " " + event.reason;
    }
    events_.push_back(words);
    if (in_event != nullptr) in_event(*this);
  }
  void OnLog(platter_log_level level, const char* text) {
    const MutexLock lock(mutex_);
    log_.push_back(std::to_string(level) + " " + text);
  }

  platter_machine* machine_ = nullptr;
  std::vector<uint8_t> memory_;
  GuestAllocator allocator_;
  std::array<Line, 64> lines_;
  std::vector<std::string> events_;
  mutable Mutex mutex_;
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace platter

#endif  // PLATTER_CAPI_CAPI_FIXTURE_H_
