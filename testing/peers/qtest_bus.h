// SPDX-License-Identifier: Apache-2.0
//
// QtestBus: a GuestBus whose target is a machine in QEMU, driven by QEMU's own test protocol
// (docs/devel/qtest.rst): ports, memory, and the input lines of an interrupt controller. The same
// guest driver runs on it and on a device of this project.
//
// Ownership: the socket outlives it. Threading: as GuestBus. Units: GuestBus's; time is the host's,
// for QEMU runs by itself. Errors: health() says why QEMU doesn't answer.

#ifndef PLATTER_TESTING_PEERS_QTEST_BUS_H_
#define PLATTER_TESTING_PEERS_QTEST_BUS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/guest/guest_allocator.h"
#include "testing/guest/guest_bus.h"
#include "testing/peers/line_socket.h"

namespace platter {

class QtestBus final : public GuestBus {
 public:
  // Memory that nothing in the machine uses.
  struct Ram {
    uint64_t address;
    uint64_t bytes;
  };
  // The peer has connected to `socket`. Interrupts are those of `controller`, QEMU's path or name
  // of a device: "ioapic".
  QtestBus(LineSocket& socket, Ram ram, std::string_view controller);

  // GuestBus.
  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override;
  void Free(uint64_t address) override { allocator_.Free(address); }
  bool Read(uint64_t address, std::span<uint8_t> out) override;
  bool Write(uint64_t address, std::span<const uint8_t> data) override;
  uint64_t ReadRegister(RegisterSpace space, uint64_t address, unsigned width) override;
  void WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                     uint64_t value) override;
  GuestInterrupt Interrupt(uint32_t number) override;
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override;
  Instant Now() override;
  absl::Status health() override { return health_; }

 private:
  // The words after "OK" of the answer; empty, with health() set, when there is none.
  std::string Ask(const std::string& command);
  // Whether the line told of an interrupt.
  bool TakeInterrupt(const std::string& line);
  void Fail(absl::Status why);

  LineSocket& socket_;
  const Ram ram_;
  GuestAllocator allocator_;
  std::map<uint32_t, GuestInterrupt> interrupts_;
  absl::Status health_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_PEERS_QTEST_BUS_H_
