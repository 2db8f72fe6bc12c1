// SPDX-License-Identifier: Apache-2.0
//
// InProcessBus: a guest bus over a machine's parts in this process: guest memory of several
// regions, the two register spaces, interrupt lines and vectors that are counted, and an
// AioContext that runs while the guest waits (with a simulated one, time is virtual).
//
//   SimulatedWorld world(seed);
//   InProcessBus bus(world.NewContext("control"), {});
//   MmioTransport transport(device, bus.memory(), bus.Line(1));
//   bus.mmio().Map(0xa000000, kMmioTransportBytes, transport);
//
// Ownership: owns memory, register spaces and interrupts; outlives the devices on it. The context
//   outlives the bus. Threading: the guest's calls on the context's home thread, outside of its
//   turns; lines and vectors may be raised from any thread.
// Units: bytes. Errors: as GuestBus.

#ifndef PLATTER_TESTING_GUEST_IN_PROCESS_BUS_H_
#define PLATTER_TESTING_GUEST_IN_PROCESS_BUS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "aio/aio_context.h"
#include "base/arith.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/io_space.h"
#include "testing/guest/guest_allocator.h"
#include "testing/guest/guest_bus.h"

namespace platter {

class InProcessBus final : public GuestBus {
 public:
  struct Region {
    uint64_t address = 0;
    uint64_t bytes = 0;
  };
  struct Options {
    // Each has host memory of its own, so neighbours in the guest are none in the host. The gap
    // below 4 GiB is where a machine's registers are.
    std::vector<Region> regions = {{0x40000000, 8 * kMiB}, {0x100000000, 8 * kMiB}};
    // Interrupts of each kind; vectors are numbered from kFirstVector.
    uint32_t lines = 16;
    uint32_t vectors = 64;
    DirtyLog* dirty_log = nullptr;
  };
  static constexpr uint32_t kFirstVector = 1000;

  InProcessBus(AioContext& context, const Options& options);
  ~InProcessBus() override;
  InProcessBus(const InProcessBus&) = delete;
  InProcessBus& operator=(const InProcessBus&) = delete;

  // --- The machine's side. ---

  const std::shared_ptr<const GuestMemory>& memory() const { return memory_; }
  const Options& options() const { return options_; }
  IoSpace& mmio() { return mmio_; }
  IoSpace& ports() { return ports_; }
  InterruptLine& Line(uint32_t number);
  // Vector v of the device is interrupt kFirstVector + first + v of the bus.
  InterruptVectors& Vectors(uint32_t first);

  // --- The guest's side. ---

  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override;
  void Free(uint64_t address) override;
  bool Read(uint64_t address, std::span<uint8_t> out) override;
  bool Write(uint64_t address, std::span<const uint8_t> data) override;
  uint8_t* TryMap(uint64_t address, uint64_t bytes) override;
  uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) override;
  void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                     uint64_t value) override;
  GuestInterrupt Interrupt(uint32_t number) override;
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override;
  Instant Now() override { return context_.Now(); }

 private:
  class CountedLine;
  class CountedVectors;
  struct HostRegion;

  HostRegion* Find(uint64_t address, uint64_t bytes);
  // An interrupt came, on any thread: a guest that waits looks again.
  void OnInterrupt();

  AioContext& context_;
  const Options options_;
  std::vector<HostRegion> regions_;
  std::shared_ptr<const GuestMemory> memory_;
  IoSpace mmio_;
  IoSpace ports_;
  GuestAllocator allocator_;
  std::vector<std::unique_ptr<CountedLine>> lines_;
  std::vector<std::atomic<uint64_t>> vectors_;  // Messages so far.
  std::vector<std::unique_ptr<CountedVectors>> vector_views_;
  std::atomic<bool> waiting_{false};
  uint64_t wake_ups_ = 0;  // Its turn is what matters: the guest looks again after it.
  BottomHalf wake_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_IN_PROCESS_BUS_H_
