// SPDX-License-Identifier: Apache-2.0
//
// ScsiHeldMachine: a SCSI disk or CD drive behind virtio-scsi, over a filter that counts over
// blkdebug over memory, with one command of the guest held in blkdebug: the starting point of the
// tests of what may happen meanwhile.
//
// Ownership: owns everything. Threading: one thread, top level of a simulated world.
// Units: bytes. Errors: test failures.

#ifndef PLATTER_TESTING_SCENARIOS_SCSI_HELD_MACHINE_H_
#define PLATTER_TESTING_SCENARIOS_SCSI_HELD_MACHINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "aio/task.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/memory/memory_node.h"
#include "testing/contract/device_world.h"
#include "testing/guest/scsi_initiator.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_scsi_driver.h"
#include "testing/scenarios/counting_node.h"

namespace platter {

enum class ScsiHeldOp : uint8_t { kRead, kWrite, kFlush, kUnmap, kWriteSame };
struct ScsiHeldCase {
  const char* name;
  bool is_cd;
  ScsiHeldOp op;
  // Whether the request queue runs in a context of its own.
  bool apart;
};
inline void PrintTo(const ScsiHeldCase& held, std::ostream* os) { *os << held.name; }

class ScsiHeldMachine final : private ScsiListener {
 public:
  static constexpr uint64_t kDiskBytes = 256 * 1024;
  // Where the held command goes; first and last block are elsewhere.
  static constexpr uint64_t kOffset = 64 * 1024;
  static constexpr uint32_t kBytes = 4096;
  static constexpr uint64_t kTag = 4711;       // The command's.
  static constexpr uint64_t kFunction = 1000;  // Tokens of functions.
  static constexpr char kRule[] = "held";
  static constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);

  explicit ScsiHeldMachine(const ScsiHeldCase& held);
  ~ScsiHeldMachine();

  // The guest starts the command, and it arrives at blkdebug and stays.
  void Hold();
  // The same without anything to hold it.
  void StartCommand();
  void Release() { blkdebug->RemoveBreakpoint(kRule); }

  bool Wait(absl::FunctionRef<bool()> done);
  void Settle();
  void Begin(void (Device::*operation)(DeviceDone), bool* done);
  template <typename T>
  void StartTask(Task<T> task, std::optional<T>& result) {
    Spawn(world.control, Keep(std::move(task), result));
  }
  // The driver finds the device anew, and takes the attentions away.
  void Probe();
  void DestroyAdapter();

  uint32_t completions() const { return completions_; }
  uint8_t response() const { return response_; }
  uint8_t status() const { return status_; }
  // Answers to functions, in order of arrival; each with how many completions there were before.
  struct FunctionDone {
    uint8_t response;
    uint32_t completions;
  };
  const std::vector<FunctionDone>& functions() const { return functions_; }
  bool is_cd() const { return case_.is_cd; }

  // The command was answered with what it did, or was cancelled and answered `cancelled_as` (or was
  // taken away by a reset); never with an error that was none.
  void ExpectDoneOr(uint8_t cancelled_as);
  // Exactly one completion, nothing in flight, the image untouched outside of the command.
  void ExpectClean();
  // The guest reads again, and writes where it can.
  void ExpectWorks();

  DeviceWorld world;
  std::shared_ptr<BlkdebugNode> blkdebug;
  std::shared_ptr<CountingNode> above_blkdebug;
  std::unique_ptr<VirtioScsi> adapter;
  std::unique_ptr<VirtioScsiDriver> driver;
  std::unique_ptr<VirtioMmioDriver> transport;
  std::unique_ptr<ScsiInitiator> initiator;

 private:
  template <typename T>
  static Task<void> Keep(Task<T> task, std::optional<T>& result) {
    result = co_await std::move(task);
  }
  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override;
  void OnScsiFunctionDone(uint64_t token, uint8_t response) override;
  uint32_t block_size() const { return case_.is_cd ? 2048 : 512; }
  std::vector<uint8_t> Image();

  const ScsiHeldCase case_;
  std::shared_ptr<MemoryNode> memory_;
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<VirtioScsiUnit> unit_;
  std::vector<uint8_t> before_;  // The image.
  uint64_t buffer_ = 0;
  uint32_t completions_ = 0;
  uint8_t response_ = guest::kScsiNotWritten;
  uint8_t status_ = 0;
  std::vector<FunctionDone> functions_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_SCSI_HELD_MACHINE_H_
