// SPDX-License-Identifier: Apache-2.0

#include "testing/scenarios/scsi_held_machine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "testing/model/pattern.h"
#include "testing/scenarios/memory_image.h"

namespace platter {
namespace {

constexpr uint64_t kSeed = 78;
constexpr uint64_t kImagePattern = 1;
constexpr uint64_t kDataPattern = 2;
constexpr uint64_t kWindow = 0x0a000000;
constexpr Duration kLong = std::chrono::seconds(60);

BlkdebugIoType IoTypeOf(ScsiHeldOp op) {
  switch (op) {
    case ScsiHeldOp::kRead:
      return BlkdebugIoType::kRead;
    case ScsiHeldOp::kWrite:
    case ScsiHeldOp::kWriteSame:
      return BlkdebugIoType::kWrite;
    case ScsiHeldOp::kFlush:
      return BlkdebugIoType::kFlush;
    case ScsiHeldOp::kUnmap:
      return BlkdebugIoType::kDiscard;
  }
  return BlkdebugIoType::kRead;
}

bool ChangesData(ScsiHeldOp op) { return op != ScsiHeldOp::kRead && op != ScsiHeldOp::kFlush; }

}  // namespace

ScsiHeldMachine::ScsiHeldMachine(const ScsiHeldCase& held) : world(kSeed), case_(held) {
  before_.resize(kDiskBytes);
  FillPattern(kImagePattern, 0, before_);
  MemoryOptions memory_options;
  memory_options.size = kDiskBytes;
  memory_ = *MemoryNode::Create("memory", memory_options);
  AccessImage(world.control, *memory_, IoOp::kWrite, before_);
  blkdebug = *BlkdebugNode::Create("debug", memory_, {});
  above_blkdebug = *CountingNode::Create("above", blkdebug);
  PLATTER_CHECK(BlockOn(world.control, world.backend->InsertRoot(above_blkdebug)).ok());

  VirtioScsiOptions options;
  options.id = "scsi0";
  if (held.apart) options.iothreads = {&world.world.NewContext("io")};
  adapter = *VirtioScsi::Create(options, world.control);
  std::unique_ptr<ScsiUnit> unit;
  if (held.is_cd) {
    unit = *ScsiCd::Create({.id = "cd0"}, *world.backend, world.control);
  } else {
    unit = *ScsiDisk::Create({.id = "disk0"}, *world.backend);
  }
  PLATTER_CHECK(adapter->AddUnit({}, std::move(unit)).ok());
  world.run_state.AddDevice(*adapter);
  mmio_ = std::make_unique<MmioTransport>(*adapter, world.bus.memory(), world.bus.Line(1));
  PLATTER_CHECK(world.bus.mmio().Map(kWindow, kMmioTransportBytes, *mmio_).ok());
  transport = std::make_unique<VirtioMmioDriver>(
      world.bus, VirtioMmioDriver::Place{.base = kWindow, .line = 1});
  driver = std::make_unique<VirtioScsiDriver>(world.bus, *transport, VirtioScsiDriver::Options());
  driver->set_listener(this);
  unit_ = std::make_unique<VirtioScsiUnit>(*driver, kLun);
  initiator = std::make_unique<ScsiInitiator>(*unit_);
  Probe();

  buffer_ = *world.bus.Allocate(kBytes, 4096);
  std::vector<uint8_t> data(kBytes);
  FillPattern(kDataPattern, 0, data);
  world.bus.Write(buffer_, data);
}

ScsiHeldMachine::~ScsiHeldMachine() {
  Release();
  if (world.run_state.stopped()) world.run_state.Cont();
  if (adapter == nullptr) return;
  bool done = false;
  Begin(&Device::Unplug, &done);
  EXPECT_TRUE(Wait([&] { return done; }));
  DestroyAdapter();
}

void ScsiHeldMachine::DestroyAdapter() {
  world.run_state.RemoveDevice(*adapter);
  driver.reset();
  world.bus.mmio().Unmap(kWindow);
  adapter.reset();
}

void ScsiHeldMachine::Probe() {
  const absl::Status probed = driver->Probe();
  ASSERT_TRUE(probed.ok()) << probed;
  ASSERT_TRUE(initiator->ClearAttentions().ok());
}

void ScsiHeldMachine::OnScsiDone(uint64_t, const ScsiQueueAnswer& answer) {
  ++completions_;
  response_ = answer.response;
  status_ = answer.status;
}

void ScsiHeldMachine::OnScsiFunctionDone(uint64_t, uint8_t response) {
  functions_.push_back({response, completions_});
}

void ScsiHeldMachine::StartCommand() {
  const auto lba = static_cast<uint32_t>(kOffset / block_size());
  const auto blocks = static_cast<uint16_t>(kBytes / block_size());
  GuestSegment data = {buffer_, kBytes};
  ScsiQueueCommand command = {.lun = kLun, .tag = kTag, .cdb = {}};
  std::vector<uint8_t> cdb;
  switch (case_.op) {
    case ScsiHeldOp::kRead:
      cdb = ScsiRead10(lba, blocks);
      command.in = std::span(&data, 1);
      break;
    case ScsiHeldOp::kWrite:
      cdb = ScsiWrite10(lba, blocks);
      command.out = std::span(&data, 1);
      break;
    case ScsiHeldOp::kFlush:
      cdb = ScsiSynchronizeCache10();
      break;
    case ScsiHeldOp::kUnmap: {
      const std::vector<uint8_t> list = ScsiUnmapList(lba, blocks);
      world.bus.Write(buffer_, list);
      data.bytes = static_cast<uint32_t>(list.size());
      cdb = ScsiUnmap10(static_cast<uint16_t>(list.size()));
      command.out = std::span(&data, 1);
      break;
    }
    case ScsiHeldOp::kWriteSame:
      data.bytes = block_size();
      cdb = ScsiWriteSame16(lba, blocks);
      command.out = std::span(&data, 1);
      break;
  }
  command.cdb = cdb;
  ASSERT_TRUE(driver->Submit(0, command, 1));
  driver->Kick(0);
}

void ScsiHeldMachine::Hold() {
  blkdebug->AddRule(BlkdebugSuspendRule{.tag = kRule, .iotype = IoTypeOf(case_.op)});
  StartCommand();
  ASSERT_TRUE(Wait([&] { return blkdebug->IsSuspended(kRule); })) << "it is not held";
  ASSERT_EQ(completions_, 0u);
  ASSERT_EQ(world.backend->in_flight(), 1u);
}

bool ScsiHeldMachine::Wait(absl::FunctionRef<bool()> done) {
  return world.bus.WaitFor(
      [&] {
        if (driver != nullptr) driver->HandleInterrupts();
        return done();
      },
      kLong);
}

void ScsiHeldMachine::Settle() {
  world.bus.WaitFor(
      [&] {
        if (driver != nullptr) driver->HandleInterrupts();
        return false;
      },
      std::chrono::seconds(1));
}

void ScsiHeldMachine::Begin(void (Device::*operation)(DeviceDone), bool* done) {
  (adapter.get()->*operation)([done] { *done = true; });
}

std::vector<uint8_t> ScsiHeldMachine::Image() {
  std::vector<uint8_t> image(before_.size());
  AccessImage(world.control, *memory_, IoOp::kRead, image);
  return image;
}

void ScsiHeldMachine::ExpectDoneOr(uint8_t cancelled_as) {
  EXPECT_EQ(completions_, 1u);
  if (response_ == guest::kScsiOk) {
    EXPECT_EQ(status_, 0);
  } else {
    EXPECT_EQ(response_, cancelled_as);
  }
}

void ScsiHeldMachine::ExpectClean() {
  EXPECT_EQ(completions_, 1u);
  EXPECT_EQ(world.backend->in_flight(), 0u);
  EXPECT_EQ(blkdebug->SuspendedCount(), 0);
  if (driver != nullptr) {
    EXPECT_EQ(driver->ring_faults(), 0u);
  }
  std::vector<uint8_t> image = Image();
  if (ChangesData(case_.op)) {
    std::copy_n(before_.begin() + kOffset, kBytes, image.begin() + kOffset);
  }
  const auto differs = std::mismatch(image.begin(), image.end(), before_.begin());
  EXPECT_TRUE(differs.first == image.end())
      << "byte " << differs.first - image.begin() << " of the image changed";
}

void ScsiHeldMachine::ExpectWorks() {
  ASSERT_TRUE(initiator->ClearAttentions()->good());
  const auto lba = static_cast<uint32_t>(kOffset / block_size());
  const auto blocks = static_cast<uint16_t>(kBytes / block_size());
  if (!case_.is_cd) {
    std::vector<uint8_t> data(kBytes);
    FillPattern(kSeed, 0, data);
    EXPECT_TRUE(initiator->Write10(lba, blocks, data)->good());
    EXPECT_EQ(initiator->Read10(lba, blocks, block_size())->data, data);
    return;
  }
  const auto read = initiator->Read10(lba, blocks, block_size());
  ASSERT_TRUE(read->good());
  EXPECT_TRUE(std::equal(read->data.begin(), read->data.end(), before_.begin() + kOffset));
}

}  // namespace platter
