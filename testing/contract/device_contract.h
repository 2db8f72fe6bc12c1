// SPDX-License-Identifier: Apache-2.0
//
// The device contract suite: what every device model does with its backend, whatever its guest
// sees. Instantiate it with a case per model:
//
//   INSTANTIATE_TEST_SUITE_P(ToyDrive, DeviceContractTest,
//                            testing::Values(DeviceContractCase{"Mmio", &MakeToyDriveFixture}),
//                            NameOfCase);
//
// After each test: every request completed once, nothing in flight, the image holds what the model
// says, and the device broke no rule towards its driver.
//
// Ownership, threading: one simulated world per test. Units: bytes. Errors: test failures.

#ifndef PLATTER_TESTING_CONTRACT_DEVICE_CONTRACT_H_
#define PLATTER_TESTING_CONTRACT_DEVICE_CONTRACT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "testing/contract/counting_view.h"
#include "testing/contract/device_fixture.h"
#include "testing/contract/device_world.h"
#include "testing/model/completion_ledger.h"
#include "testing/model/disk_model.h"

namespace platter {

inline std::string NameOfCase(const testing::TestParamInfo<DeviceContractCase>& test) {
  return test.param.name;
}

class DeviceContractTest : public testing::TestWithParam<DeviceContractCase>,
                           protected GuestIoListener {
 protected:
  static constexpr uint64_t kDiskBytes = uint64_t{256} * 1024;
  static constexpr uint32_t kIoBytes = 4096;
  static constexpr Duration kLong = std::chrono::seconds(60);

  struct Io {
    GuestIo io;
    uint64_t pattern = 0;  // Of a write's data.
    uint32_t completions = 0;
    GuestOutcome outcome = GuestOutcome::kTakenAway;
  };

  DeviceContractTest();
  ~DeviceContractTest() override;
  void TearDown() override;

  DeviceTraits traits() const { return fixture_->traits(); }
  BlockBackend& backend() { return *world_.backend; }

  // Puts a medium of kDiskBytes with a pattern on it into the backend.
  void InsertDisk();
  // InsertDisk and a device that its guest has probed. An error fails the test.
  void StartMachine(OnError read = OnError::kAuto, OnError write = OnError::kAuto);
  absl::Status CreateDevice(OnError read = OnError::kAuto, OnError write = OnError::kAuto);

  // --- The guest. ---

  // What moves data: reads, and writes if the device takes any. Transfer: a write if so.
  std::vector<GuestOp> Transfers() const;
  GuestOp Transfer() const { return Transfers().back(); }
  static IoOp IoOpOf(GuestOp op);
  static std::string WordOf(GuestOp op) { return op == GuestOp::kRead ? "read" : "write"; }
  // Starts a request and returns its token; a write's data is a pattern of its own. `extra` bytes
  // of buffer around it are watched: see ExpectBufferUntouched.
  uint64_t Start(GuestOp op, uint64_t offset, uint32_t bytes = kIoBytes);
  bool Finished(uint64_t token) { return ios_[token].completions != 0; }
  GuestOutcome OutcomeOf(uint64_t token) { return ios_[token].outcome; }
  // Of a request that was in flight when the device went: no answer, or a true one that came before
  // the end (the image is compared with it); never an error.
  void ExpectTakenAwayOrDone(uint64_t token) {
    EXPECT_TRUE(Finished(token));
    EXPECT_NE(OutcomeOf(token), GuestOutcome::kFailed);
  }
  // Lets the machine run until `done`; false after a long (virtual) time.
  bool Wait(absl::FunctionRef<bool()> done, Duration timeout = kLong);
  // Lets it run until nothing happens any more.
  void Settle();
  // Start and wait; nullopt when it does not end.
  std::optional<GuestOutcome> Run(GuestOp op, uint64_t offset, uint32_t bytes = kIoBytes);
  // The data that a finished read brought.
  std::vector<uint8_t> DataOf(uint64_t token);
  // A write that succeeded and a read that gives it back; of a read-only device a refused write.
  void ExpectWorks(uint64_t offset = 0);
  // Of a read-only device: the write reaches no medium, and its refusal is no error of one.
  void ExpectWriteRefused(uint64_t offset = 0);
  // The guest has, or finds when it looks, another capacity.
  void ExpectCapacity(uint64_t bytes);

  // --- The host. ---

  // A device operation, waited for.
  void ResetDevice();
  void UnplugDevice();
  template <typename T>
  T Await(Task<T> task) {
    return BlockOn(world_.control, std::move(task));
  }
  // Not waited for: `result` has a value when it is done.
  template <typename T>
  void StartTask(Task<T> task, std::optional<T>& result) {
    Spawn(world_.control, Keep(std::move(task), result));
  }
  void Stop(StopReason reason = StopReason::kPaused);
  void Cont();
  // All of the guest's memory, and how many interrupts there were.
  std::vector<uint8_t> GuestMemoryNow();
  uint64_t InterruptsNow();
  uint32_t InFlight() { return backend().in_flight(); }
  // Requests that the device gave to its backend so far, also those that wait there.
  uint64_t Submitted() const { return view_.submitted(); }
  // For a long time nothing changes: not the guest's memory, not the image, not an interrupt, and
  // the device gives nothing to its backend.
  void ExpectNothingMoves();

  DeviceWorld world_;
  CountingView view_;
  std::unique_ptr<DeviceFixture> fixture_;
  bool created_ = false;
  bool probed_ = false;
  DiskModel model_{kDiskBytes};
  CompletionLedger ledger_;

 private:
  template <typename T>
  static Task<void> Keep(Task<T> task, std::optional<T>& result) {
    result = co_await std::move(task);
  }

  void OnGuestIo(uint64_t token, GuestOutcome outcome) override;

  std::map<uint64_t, Io> ios_;
  uint64_t next_token_ = 1;
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_DEVICE_CONTRACT_H_
