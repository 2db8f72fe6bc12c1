// SPDX-License-Identifier: Apache-2.0
//
// HeldMachine: virtio-blk over a filter that counts over blkdebug over a medium, with one request
// of the guest held in blkdebug: the starting point of the tests of what may happen meanwhile.
//
// Ownership: owns everything. Threading: one thread, top level of a simulated world.
// Units: bytes. Errors: test failures.

#ifndef PLATTER_TESTING_SCENARIOS_HELD_MACHINE_H_
#define PLATTER_TESTING_SCENARIOS_HELD_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/memory/memory_node.h"
#include "drivers/node.h"
#include "testing/contract/device_world.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/model/completion_ledger.h"
#include "testing/scenarios/counting_node.h"

namespace platter {

enum class HeldOp : uint8_t { kRead, kWrite, kFlush, kDiscard, kWriteZeroes };
enum class HeldMedium : uint8_t {
  kMemory,
  kMemoryAtHome,  // A node whose requests run in another context.
  kFile,          // A file whose operations take their time.
};
enum class HeldTransport : uint8_t { kMmio, kDirect };

struct HeldCase {
  HeldOp op;
  HeldMedium medium;
  HeldTransport transport;
};
// All of them, and their names for GoogleTest.
std::vector<HeldCase> AllHeldCases();
std::string NameOf(const HeldCase& held);

class HeldMachine final : private BlkListener {
 public:
  static constexpr uint64_t kDiskBytes = 256 * 1024;
  // Where the held request goes; the disk's first and last block are elsewhere.
  static constexpr uint64_t kOffset = 64 * 1024;
  static constexpr uint32_t kBytes = 4096;
  static constexpr uint64_t kToken = 1;
  // Of the rule that holds it.
  static constexpr char kTag[] = "held";

  explicit HeldMachine(const HeldCase& held);
  ~HeldMachine();

  // The guest starts the request, and it arrives at blkdebug and stays.
  void HoldRequest();
  // Makes the guest start the request without anything to hold it.
  void StartRequest();
  void Release();

  bool Wait(absl::FunctionRef<bool()> done);
  void Settle();
  // A device operation; wait for `*done`.
  void Begin(void (Device::*operation)(DeviceDone), bool* done);
  void Probe();
  // The device has gone or was reset: the driver forgets its queues.
  void Forget() { driver->Abandon(); }
  void DestroyDevice();

  uint32_t completions() const { return completions_; }
  uint8_t status() const { return status_; }
  // Of the case's request, as nodes see it.
  IoOp io_op() const;

  // Exactly one completion, nothing in flight, the image untouched outside of the request (and
  // inside too unless it changes data), guest memory untouched around the buffer.
  void ExpectClean();
  // The guest reads and writes again, at the request's place too.
  void ExpectWorks();
  // How many requests of the kind have got through to the medium's backend and ended.
  uint64_t EndedInBackend();

  DeviceWorld world;
  std::shared_ptr<BlkdebugNode> blkdebug;
  std::shared_ptr<CountingNode> above_blkdebug;
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<VirtioBlkDriver> driver;
  std::unique_ptr<VirtioTransportDriver> transport;

 private:
  void OnBlkDone(uint64_t token, uint8_t status) override;
  // The medium, filled with a pattern.
  NodeRef MakeMedium();
  std::vector<uint8_t> Image();

  const HeldCase case_;
  std::shared_ptr<MemoryNode> memory_;  // nullptr: the medium is a file.
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::vector<uint8_t> before_;  // The image.
  uint64_t buffer_ = 0;          // Of the request, with a guard on both sides.
  CompletionLedger ledger_;
  uint32_t completions_ = 0;
  uint8_t status_ = guest::kBlkNotWritten;
};

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_HELD_MACHINE_H_
