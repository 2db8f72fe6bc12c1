// SPDX-License-Identifier: Apache-2.0
//
// VhostUserBus: the machine of a guest whose device is a vhost-user back-end: memory in memfds that
// the front-end shares, and waiting for event descriptors. There are no registers.
//
// Ownership: owns the memory. Threading: one thread, the guest's; with Options::turn the back-end
//   runs on it too. Units: bytes. Errors: as GuestBus.

#ifndef PLATTER_TESTING_GUEST_VHOST_USER_BUS_H_
#define PLATTER_TESTING_GUEST_VHOST_USER_BUS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/arith.h"
#include "base/owned_descriptor.h"
#include "exports/vhost_user/vhost_user_spec.h"
#include "testing/guest/guest_allocator.h"
#include "testing/guest/guest_bus.h"

namespace platter {

class VhostUserBus final : public GuestBus {
 public:
  struct Region {
    uint64_t address = 0;
    uint64_t bytes = 0;
  };
  struct Options {
    // Neighbours in the guest, which are none in the host.
    std::vector<Region> regions = {{kMiB, 4 * kMiB}, {5 * kMiB, 4 * kMiB}};
    // What lets the back-end run while the guest waits, when it has no thread of its own.
    std::function<void()> turn = {};
  };
  // A user address is the guest's plus this: made up, as a front-end's own addresses are nobody
  // else's business.
  static constexpr uint64_t kUserBase = 0x7f0000000000;

  explicit VhostUserBus(Options options);
  ~VhostUserBus() override;
  VhostUserBus(const VhostUserBus&) = delete;
  VhostUserBus& operator=(const VhostUserBus&) = delete;

  // What SET_MEM_TABLE says, and the descriptors that go with it.
  std::vector<VhostUserMemoryRegion> table() const;
  std::vector<int> descriptors() const;
  // A guest that waits looks again when this is readable.
  void AddWakeUp(int fd) { wake_ups_.push_back(fd); }

  absl::StatusOr<uint64_t> Allocate(uint64_t bytes, uint64_t alignment) override;
  void Free(uint64_t address) override { allocator_.Free(address); }
  bool Read(uint64_t address, std::span<uint8_t> out) override;
  bool Write(uint64_t address, std::span<const uint8_t> data) override;
  uint8_t* TryMap(uint64_t address, uint64_t bytes) override;
  uint64_t ReadRegister(RegisterSpace, uint64_t, unsigned) override { return UINT64_MAX; }
  void WriteRegister(RegisterSpace, uint64_t, unsigned, uint64_t) override {}
  GuestInterrupt Interrupt(uint32_t) override { return {}; }
  bool WaitFor(absl::FunctionRef<bool()> done, Duration timeout) override;
  Instant Now() override;

 private:
  struct Mapped {
    Region region;
    OwnedDescriptor file;
    uint8_t* host = nullptr;
  };

  const Options options_;
  std::vector<Mapped> mapped_;
  GuestAllocator allocator_;
  std::vector<int> wake_ups_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VHOST_USER_BUS_H_
