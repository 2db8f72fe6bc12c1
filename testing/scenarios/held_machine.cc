// SPDX-License-Identifier: Apache-2.0

#include "testing/scenarios/held_machine.h"

#include <algorithm>
#include <chrono>

#include "aio/task.h"
#include "base/check.h"
#include "drivers/file/file_node.h"
#include "drivers/file/simulated_host.h"
#include "testing/guest/virtio_direct_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/model/pattern.h"
#include "testing/scenarios/memory_image.h"

namespace platter {
namespace {

constexpr uint64_t kSeed = 77;
constexpr uint64_t kImagePattern = 1;
constexpr uint64_t kDataPattern = 2;
constexpr uint64_t kGuardPattern = 3;
constexpr uint64_t kGuardBytes = 4096;
constexpr uint64_t kWindow = 0x0a000000;
constexpr char kImagePath[] = "/disk.img";
constexpr Duration kLong = std::chrono::seconds(60);

BlkdebugIoType IoTypeOf(HeldOp op) {
  switch (op) {
    case HeldOp::kRead:
      return BlkdebugIoType::kRead;
    case HeldOp::kWrite:
      return BlkdebugIoType::kWrite;
    case HeldOp::kFlush:
      return BlkdebugIoType::kFlush;
    case HeldOp::kDiscard:
      return BlkdebugIoType::kDiscard;
    case HeldOp::kWriteZeroes:
      return BlkdebugIoType::kWriteZeroes;
  }
  return BlkdebugIoType::kRead;
}

bool ChangesData(HeldOp op) { return op != HeldOp::kRead && op != HeldOp::kFlush; }

}  // namespace

std::vector<HeldCase> AllHeldCases() {
  std::vector<HeldCase> cases;
  for (const HeldOp op :
       {HeldOp::kRead, HeldOp::kWrite, HeldOp::kFlush, HeldOp::kDiscard, HeldOp::kWriteZeroes}) {
    for (const HeldMedium medium :
         {HeldMedium::kMemory, HeldMedium::kMemoryAtHome, HeldMedium::kFile}) {
      for (const HeldTransport transport : {HeldTransport::kMmio, HeldTransport::kDirect}) {
        cases.push_back({op, medium, transport});
      }
    }
  }
  return cases;
}

std::string NameOf(const HeldCase& held) {
  static constexpr const char* kOps[] = {"Read", "Write", "Flush", "Discard", "WriteZeroes"};
  static constexpr const char* kMedia[] = {"Memory", "MemoryAtHome", "File"};
  return std::string(kOps[static_cast<size_t>(held.op)]) +
         kMedia[static_cast<size_t>(held.medium)] +
         (held.transport == HeldTransport::kMmio ? "Mmio" : "Direct");
}

HeldMachine::HeldMachine(const HeldCase& held) : world(kSeed), case_(held) {
  blkdebug = *BlkdebugNode::Create("debug", MakeMedium(), {});
  above_blkdebug = *CountingNode::Create("above", blkdebug);
  PLATTER_CHECK(BlockOn(world.control, world.backend->InsertRoot(above_blkdebug)).ok());

  VirtioBlkOptions options;
  options.id = "disk0";
  device = *VirtioBlk::Create(options, *world.backend, world.control);
  world.run_state.AddDevice(*device);
  if (held.transport == HeldTransport::kMmio) {
    mmio_ = std::make_unique<MmioTransport>(*device, world.bus.memory(), world.bus.Line(1));
    PLATTER_CHECK(world.bus.mmio().Map(kWindow, kMmioTransportBytes, *mmio_).ok());
    transport = std::make_unique<VirtioMmioDriver>(
        world.bus, VirtioMmioDriver::Place{.base = kWindow, .line = 1});
  } else {
    direct_ = std::make_unique<DirectTransport>(*device, world.bus.Vectors(0));
    transport = std::make_unique<VirtioDirectDriver>(world.bus, *device, *direct_, 0);
  }
  driver = std::make_unique<VirtioBlkDriver>(world.bus, *transport, VirtioBlkDriver::Options());
  driver->set_listener(this);
  Probe();

  // The buffer with a guard on each side.
  const uint64_t guarded = *world.bus.Allocate(kBytes + 2 * kGuardBytes, 4096);
  std::vector<uint8_t> fill(kBytes + 2 * kGuardBytes);
  FillPattern(kGuardPattern, 0, fill);
  FillPattern(kDataPattern, 0, std::span(fill).subspan(kGuardBytes, kBytes));
  world.bus.Write(guarded, fill);
  buffer_ = guarded + kGuardBytes;
}

IoOp HeldMachine::io_op() const {
  static constexpr IoOp kOps[] = {IoOp::kRead, IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard,
                                  IoOp::kWriteZeroes};
  return kOps[static_cast<size_t>(case_.op)];
}

NodeRef HeldMachine::MakeMedium() {
  before_.resize(kDiskBytes);
  FillPattern(kImagePattern, 0, before_);
  if (case_.medium == HeldMedium::kFile) {
    SimulatedDisk& disk = world.world.disk();
    SparseFile& file = disk.Create(kImagePath, kDiskBytes);
    PLATTER_CHECK(file.Write(0, before_.data(), kDiskBytes) == int64_t{kDiskBytes});
    FileOptions options;
    options.filename = kImagePath;
    return *FileNode::Open(
        {.control = &world.control, .log = &world.log, .host = SimulatedHost(disk, kImagePath)},
        "file", options);
  }
  MemoryOptions options;
  options.size = kDiskBytes;
  if (case_.medium == HeldMedium::kMemoryAtHome) {
    options.home_context = &world.world.NewContext("io");
  }
  memory_ = *MemoryNode::Create("memory", options);
  AccessImage(world.control, *memory_, IoOp::kWrite, before_);
  return memory_;
}

HeldMachine::~HeldMachine() {
  Release();
  if (world.run_state.stopped()) world.run_state.Cont();
  if (device != nullptr) {
    bool done = false;
    Begin(&Device::Unplug, &done);
    EXPECT_TRUE(Wait([&] { return done; }));
    DestroyDevice();
  }
}

void HeldMachine::DestroyDevice() {
  world.run_state.RemoveDevice(*device);
  driver.reset();
  transport.reset();
  if (mmio_ != nullptr) world.bus.mmio().Unmap(kWindow);
  device.reset();
  mmio_.reset();
  direct_.reset();
}

void HeldMachine::Probe() {
  const absl::Status probed = driver->Probe();
  ASSERT_TRUE(probed.ok()) << probed;
}

void HeldMachine::OnBlkDone(uint64_t token, uint8_t status) {
  ledger_.Completed(token);
  ++completions_;
  status_ = status;
}

void HeldMachine::StartRequest() {
  const GuestSegment data = {buffer_, kBytes};
  const guest::BlkRange range = {.sector = kOffset / 512, .sectors = kBytes / 512, .flags = 0u};
  BlkCommand command;
  switch (case_.op) {
    case HeldOp::kRead:
    case HeldOp::kWrite:
      command.type = case_.op == HeldOp::kRead ? guest::kBlkIn : guest::kBlkOut;
      command.sector = kOffset / 512;
      command.data = std::span(&data, 1);
      break;
    case HeldOp::kFlush:
      command.type = guest::kBlkFlush;
      break;
    case HeldOp::kDiscard:
    case HeldOp::kWriteZeroes:
      command.type = case_.op == HeldOp::kDiscard ? guest::kBlkDiscard : guest::kBlkWriteZeroes;
      command.ranges = std::span(&range, 1);
      break;
  }
  ledger_.Submitted(kToken);
  ASSERT_TRUE(driver->Submit(0, command, kToken));
  driver->Kick(0);
}

void HeldMachine::HoldRequest() {
  blkdebug->AddRule(BlkdebugSuspendRule{.tag = kTag, .iotype = IoTypeOf(case_.op)});
  StartRequest();
  ASSERT_TRUE(Wait([&] { return blkdebug->IsSuspended(kTag); })) << "it is not held";
  ASSERT_EQ(completions_, 0u);
  ASSERT_EQ(world.backend->in_flight(), 1u);
}

void HeldMachine::Release() { blkdebug->RemoveBreakpoint(kTag); }

bool HeldMachine::Wait(absl::FunctionRef<bool()> done) {
  return world.bus.WaitFor(
      [&] {
        if (driver != nullptr) driver->HandleInterrupts();
        return done();
      },
      kLong);
}

void HeldMachine::Settle() {
  world.bus.WaitFor(
      [&] {
        if (driver != nullptr) driver->HandleInterrupts();
        return false;
      },
      std::chrono::seconds(1));
}

void HeldMachine::Begin(void (Device::*operation)(DeviceDone), bool* done) {
  (device.get()->*operation)([done] { *done = true; });
}

std::vector<uint8_t> HeldMachine::Image() {
  std::vector<uint8_t> image(before_.size());
  if (memory_ == nullptr) {
    const SparseFile* file = world.world.disk().Find(kImagePath);
    EXPECT_EQ(file->Read(0, image.data(), image.size()), image.size());
    return image;
  }
  AccessImage(world.control, *memory_, IoOp::kRead, image);
  return image;
}

uint64_t HeldMachine::EndedInBackend() {
  const BlockStats stats = world.backend->Stats();
  const auto& operation = case_.op == HeldOp::kRead      ? stats.read
                          : case_.op == HeldOp::kFlush   ? stats.flush
                          : case_.op == HeldOp::kDiscard ? stats.unmap
                                                         : stats.write;
  return operation.operations + operation.failed;
}

void HeldMachine::ExpectClean() {
  EXPECT_EQ(completions_, 1u);
  EXPECT_TRUE(ledger_.Check(CompletionLedger::Outstanding::kRefused).ok());
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

  std::vector<uint8_t> memory(kBytes + 2 * kGuardBytes);
  world.bus.Read(buffer_ - kGuardBytes, memory);
  const auto before = std::span(memory).first(kGuardBytes);
  const auto after = std::span(memory).last(kGuardBytes);
  EXPECT_EQ(FindPatternMismatch(kGuardPattern, 0, before), std::nullopt);
  EXPECT_EQ(FindPatternMismatch(kGuardPattern, kGuardBytes + kBytes, after), std::nullopt);
  if (case_.op != HeldOp::kRead) {
    EXPECT_EQ(FindPatternMismatch(kDataPattern, 0, std::span(memory).subspan(kGuardBytes, kBytes)),
              std::nullopt);
  }
}

void HeldMachine::ExpectWorks() {
  std::vector<uint8_t> data(kBytes);
  std::vector<uint8_t> back(kBytes);
  FillPattern(kSeed, 0, data);
  for (const uint64_t offset : {uint64_t{0}, kOffset}) {
    EXPECT_EQ(driver->Write(offset / 512, data).value_or(guest::kBlkNotWritten), guest::kBlkOk);
    EXPECT_EQ(driver->Read(offset / 512, back).value_or(guest::kBlkNotWritten), guest::kBlkOk);
    EXPECT_EQ(back, data);
  }
}

}  // namespace platter
