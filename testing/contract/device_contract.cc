// SPDX-License-Identifier: Apache-2.0

#include "testing/contract/device_contract.h"

#include <algorithm>

#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kSeed = 20261123;
constexpr uint64_t kDiskPattern = 1;

}  // namespace

DeviceContractTest::DeviceContractTest()
    : world_(kSeed), view_(*world_.backend), fixture_(GetParam().make()) {}

DeviceContractTest::~DeviceContractTest() = default;

void DeviceContractTest::OnGuestIo(uint64_t token, GuestOutcome outcome) {
  ledger_.Completed(token);
  Io& io = ios_[token];
  ++io.completions;
  io.outcome = outcome;
  if (io.io.op != GuestOp::kWrite) return;
  if (outcome == GuestOutcome::kOk) {
    std::vector<uint8_t> data(io.io.buffer.bytes);
    FillPattern(io.pattern, io.io.offset, data);
    model_.Write(io.io.offset, data);
  } else if (traits().writable && io.io.offset + io.io.buffer.bytes <= model_.size()) {
    // Nobody knows how much of it was done.
    model_.MakeUndefined(io.io.offset, io.io.buffer.bytes);
  }
}

void DeviceContractTest::InsertDisk() {
  ASSERT_TRUE(Await(backend().InsertRoot(world_.NewMedium("disk", kDiskBytes))).ok());
  std::vector<uint8_t> data(kDiskBytes);
  FillPattern(kDiskPattern, 0, data);
  world_.disk().bytes() = data;
  model_.Write(0, data);
}

absl::Status DeviceContractTest::CreateDevice(OnError read, OnError write) {
  const absl::Status status = fixture_->Create({.control = world_.control,
                                                .bus = world_.bus,
                                                .backend = view_,
                                                .id = "dut",
                                                .read_error = read,
                                                .write_error = write});
  created_ = status.ok();
  if (created_) world_.run_state.AddDevice(fixture_->device());
  return status;
}

void DeviceContractTest::StartMachine(OnError read, OnError write) {
  InsertDisk();
  const absl::Status created = CreateDevice(read, write);
  ASSERT_TRUE(created.ok()) << created;
  const absl::Status probed = fixture_->Probe(*this);
  ASSERT_TRUE(probed.ok()) << probed;
  probed_ = true;
}

void DeviceContractTest::TearDown() {
  if (HasFailure()) world_.ReleaseDisk();
  if (world_.run_state.stopped()) Cont();
  if (created_) {
    Settle();
    if (probed_) {
      EXPECT_EQ(fixture_->Faults(), 0u);
    }
    UnplugDevice();
    fixture_->Destroy();
  }
  EXPECT_EQ(InFlight(), 0u);
  EXPECT_TRUE(ledger_.Check(CompletionLedger::Outstanding::kRefused).ok())
      << ledger_.Check(CompletionLedger::Outstanding::kRefused);
  if (backend().root() != nullptr && model_.size() == backend().root()->length()) {
    const auto mismatch = model_.Mismatch(0, world_.disk().bytes());
    EXPECT_EQ(mismatch, std::nullopt) << *mismatch;
  }
}

std::vector<GuestOp> DeviceContractTest::Transfers() const {
  if (!traits().writable) return {GuestOp::kRead};
  return {GuestOp::kRead, GuestOp::kWrite};
}

IoOp DeviceContractTest::IoOpOf(GuestOp op) {
  return op == GuestOp::kRead ? IoOp::kRead : IoOp::kWrite;
}

uint64_t DeviceContractTest::Start(GuestOp op, uint64_t offset, uint32_t bytes) {
  const uint64_t token = next_token_++;
  Io& io = ios_[token];
  io.pattern = 1000 + token;
  const uint32_t length = op == GuestOp::kFlush ? 0 : bytes;
  const uint64_t address = *world_.bus.Allocate(length, 4096);
  io.io = {.token = token, .op = op, .offset = offset, .buffer = {address, length}};
  if (op == GuestOp::kWrite) {
    std::vector<uint8_t> data(length);
    FillPattern(io.pattern, offset, data);
    world_.bus.Write(address, data);
  }
  ledger_.Submitted(token);
  const absl::Status started = fixture_->Start(io.io);
  EXPECT_TRUE(started.ok()) << started;
  return token;
}

bool DeviceContractTest::Wait(absl::FunctionRef<bool()> done, Duration timeout) {
  return world_.bus.WaitFor(
      [&] {
        if (created_ && probed_) fixture_->Poll();
        return done();
      },
      timeout);
}

void DeviceContractTest::Settle() {
  Wait([] { return false; }, std::chrono::seconds(1));
}

std::optional<GuestOutcome> DeviceContractTest::Run(GuestOp op, uint64_t offset, uint32_t bytes) {
  const uint64_t token = Start(op, offset, bytes);
  if (!Wait([&] { return Finished(token); })) return std::nullopt;
  return OutcomeOf(token);
}

std::vector<uint8_t> DeviceContractTest::DataOf(uint64_t token) {
  const GuestSegment buffer = ios_[token].io.buffer;
  std::vector<uint8_t> data(buffer.bytes);
  EXPECT_TRUE(world_.bus.Read(buffer.address, data));
  return data;
}

void DeviceContractTest::ExpectWriteRefused(uint64_t offset) {
  ASSERT_FALSE(traits().writable);
  Settle();  // What came before has been told.
  const uint64_t errors = world_.events.Count("BLOCK_IO_ERROR");
  EXPECT_EQ(Run(GuestOp::kWrite, offset), GuestOutcome::kFailed);
  EXPECT_EQ(world_.disk().done(IoOp::kWrite), 0u);
  EXPECT_EQ(world_.events.Count("BLOCK_IO_ERROR"), errors);
}

void DeviceContractTest::ExpectCapacity(uint64_t bytes) {
  if (traits().tells_capacity) {
    EXPECT_TRUE(Wait([&] { return fixture_->Capacity() == bytes; }));
  } else {
    Settle();
    EXPECT_EQ(fixture_->Capacity(), bytes);
  }
}

void DeviceContractTest::ExpectWorks(uint64_t offset) {
  if (traits().writable) {
    EXPECT_EQ(Run(GuestOp::kWrite, offset), GuestOutcome::kOk);
  } else {
    ExpectWriteRefused(offset);
  }
  const uint64_t read = Start(GuestOp::kRead, offset);
  ASSERT_TRUE(Wait([&] { return Finished(read); }));
  EXPECT_EQ(OutcomeOf(read), GuestOutcome::kOk);
  const auto mismatch = model_.Mismatch(offset, DataOf(read));
  EXPECT_EQ(mismatch, std::nullopt) << *mismatch;
}

void DeviceContractTest::ResetDevice() {
  bool done = false;
  fixture_->device().Reset([&] { done = true; });
  EXPECT_FALSE(done) << "done is never called from inside the call";
  ASSERT_TRUE(Wait([&] { return done; })) << "the reset does not end";
  if (probed_) fixture_->ForgetAll();
}

void DeviceContractTest::UnplugDevice() {
  bool done = false;
  fixture_->device().Unplug([&] { done = true; });
  ASSERT_TRUE(Wait([&] { return done; })) << "the unplug does not end";
  world_.run_state.RemoveDevice(fixture_->device());
  if (probed_) fixture_->ForgetAll();
  created_ = false;
}

void DeviceContractTest::Stop(StopReason reason) {
  world_.run_state.Stop(reason);
  ASSERT_TRUE(Wait([&] { return world_.run_state.stopped(); })) << "the machine does not stop";
}

void DeviceContractTest::Cont() { world_.run_state.Cont(); }

std::vector<uint8_t> DeviceContractTest::GuestMemoryNow() {
  std::vector<uint8_t> all;
  for (const InProcessBus::Region& region : world_.bus.options().regions) {
    const uint8_t* at = world_.bus.TryMap(region.address, region.bytes);
    all.insert(all.end(), at, at + region.bytes);
  }
  return all;
}

uint64_t DeviceContractTest::InterruptsNow() {
  const InProcessBus::Options& options = world_.bus.options();
  uint64_t sum = 0;
  for (uint32_t i = 0; i < options.lines; ++i) sum += world_.bus.Interrupt(i).raised;
  for (uint32_t i = 0; i < options.vectors; ++i) {
    sum += world_.bus.Interrupt(InProcessBus::kFirstVector + i).raised;
  }
  return sum;
}

void DeviceContractTest::ExpectNothingMoves() {
  const std::vector<uint8_t> memory = GuestMemoryNow();
  const std::vector<uint8_t> image = world_.disk().bytes();
  const uint64_t interrupts = InterruptsNow();
  const uint64_t submitted = Submitted();
  world_.bus.RunFor(kLong);
  EXPECT_TRUE(GuestMemoryNow() == memory) << "the guest's memory changed";
  EXPECT_TRUE(world_.disk().bytes() == image) << "the image changed";
  EXPECT_EQ(InterruptsNow(), interrupts);
  EXPECT_EQ(Submitted(), submitted) << "the device took a request from its guest";
  EXPECT_EQ(InFlight(), 0u);
}

}  // namespace platter
