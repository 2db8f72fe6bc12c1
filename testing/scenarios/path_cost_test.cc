// SPDX-License-Identifier: Apache-2.0
//
// What a request costs on its way virtio-blk -> backend -> driver, in allocations and locks: none,
// on any thread, once warm. Two queues on two I/O threads (two channels), requests of 1 to 32
// segments, reads, writes and flushes, depth 32.

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/mutex.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"
#include "testing/alloc_counter/alloc_counter.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

constexpr uint64_t kDiskBytes = 16 * kMiB;
constexpr uint32_t kDepth = 32;
constexpr uint32_t kMaxSegments = 32;
constexpr uint16_t kQueues = 2;
constexpr auto kPatience = std::chrono::seconds(120);

struct Path {
  const char* name;
  AioKind kind;
  const char* blockdev;  // $FILE is replaced by a file of kDiskBytes.
};

void PrintTo(const Path& path, std::ostream* os) { *os << path.name; }

// A file that is there while the test runs.
class TemporaryFile {
 public:
  TemporaryFile() {
    const int fd = mkstemp(path_.data());
    valid_ = fd >= 0 && ftruncate(fd, static_cast<off_t>(kDiskBytes)) == 0;
    if (fd >= 0) close(fd);
  }
  ~TemporaryFile() { unlink(path_.data()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  bool valid() const { return valid_; }
  std::string path() const { return path_.data(); }

 private:
  std::array<char, 32> path_ = {"/tmp/platter-path-cost-XXXXXX"};
  bool valid_ = false;
};

class PathCost : public testing::TestWithParam<Path>, private InterruptController {
 protected:
  void SetUp() override {
    ASSERT_TRUE(file_.valid());
    absl::StatusOr<std::unique_ptr<AioContext>> context =
        CreateAioContext({.kind = GetParam().kind, .name = "control"});
    ASSERT_TRUE(context.ok()) << context.status();
    context_ = *std::move(context);
    InProcessBus::Options bus_options;
    bus_options.regions = {{0x40000000, 64 * kMiB}};
    bus_options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
    bus_ = std::make_unique<InProcessBus>(*context_, bus_options);
    MachineHost host;
    host.control = context_.get();
    host.log = &log_;
    host.interrupts = this;
    host.io_kind = GetParam().kind;
    host.memory = bus_->memory();
    host.mmio = &bus_->mmio();
    machine_ = std::make_unique<Machine>(std::move(host));
    AddDisk();
    if (!HasFatalFailure()) ProbeDisk();
  }

  void TearDown() override {
    if (machine_ != nullptr) BlockOn(*context_, machine_->Shutdown());
    driver_.reset();
  }

  void AddDisk() {
    for (int i = 0; i < kQueues; ++i) {
      ASSERT_TRUE(machine_->ObjectAdd(*ParseObject(absl::StrCat("iothread,id=io", i))).ok());
    }
    std::string blockdev = GetParam().blockdev;
    if (const size_t at = blockdev.find("$FILE"); at != std::string::npos) {
      blockdev.replace(at, 5, file_.path());
    }
    absl::StatusOr<config::BlockdevOptions> node = ParseBlockdev(blockdev);
    ASSERT_TRUE(node.ok()) << node.status();
    const absl::Status added = BlockOn(*context_, machine_->BlockdevAdd(*node));
    ASSERT_TRUE(added.ok()) << added;
    absl::StatusOr<config::DeviceOptions> device = ParseDevice(
        "virtio-blk,id=vd0,drive=d0,num-queues=2,queue-size=256,"
        "iothread-vq-mapping.0.iothread=io0,iothread-vq-mapping.1.iothread=io1");
    ASSERT_TRUE(device.ok()) << device.status();
    const absl::Status plugged = BlockOn(*context_, machine_->DeviceAdd(*device));
    ASSERT_TRUE(plugged.ok()) << plugged;
  }

  void ProbeDisk() {
    const auto at = *machine_->LocationOf<VirtioMmioLocation>("vd0");
    transport_ = std::make_unique<VirtioMmioDriver>(
        *bus_, VirtioMmioDriver::Place{.base = at.mmio_base, .line = at.irq});
    VirtioBlkDriver::Options options;
    options.queues = kQueues;
    options.queue_size = 256;
    options.indirect_entries = kMaxSegments + 2;
    driver_ = std::make_unique<VirtioBlkDriver>(*bus_, *transport_, options);
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
    ASSERT_EQ(driver_->queue_count(), kQueues);
    for (uint32_t i = 0; i < kQueues * kDepth * kMaxSegments; ++i) {
      segments_.push_back({.address = *bus_->Allocate(512, 512), .bytes = 512});
    }
  }

  // Keeps kDepth requests in flight on both queues until `count` more are done.
  void Run(uint64_t count) {
    uint64_t started = 0;
    uint64_t done = 0;
    std::array<uint32_t, kQueues> in_flight{};
    std::array<std::array<bool, kDepth>, kQueues> busy{};
    const Instant limit = clock_.Now() + kPatience;
    while (done < count) {
      for (uint16_t q = 0; q < kQueues; ++q) {
        VirtioBlkQueue& queue = driver_->queue(q);
        const uint32_t finished = queue.Reap([&](uint64_t token, uint8_t status, uint32_t) {
          busy[q][token] = false;
          failed_ += status == guest::kBlkOk ? 0 : 1;
        });
        done += finished;
        in_flight[q] -= finished;
        for (uint32_t slot = 0; slot < kDepth && started < count; ++slot) {
          if (busy[q][slot] || !Submit(queue, q, slot)) continue;
          busy[q][slot] = true;
          ++in_flight[q];
          ++started;
        }
        if (queue.Publish()) transport_->Notify(q);
      }
      context_->RunReady();
      if (clock_.Now() > limit) break;
    }
    ASSERT_EQ(done, count) << "requests did not complete in time";
    EXPECT_EQ(in_flight[0] + in_flight[1], 0u);
  }

  bool Submit(VirtioBlkQueue& queue, uint16_t q, uint32_t slot) {
    const uint64_t n = next_++;
    BlkCommand command;
    if (n % 17 == 16) {
      command.type = guest::kBlkFlush;
    } else {
      // Every number of segments, read and written.
      const auto count = static_cast<uint32_t>(n % kMaxSegments + 1);
      command.type = n / kMaxSegments % 2 == 0 ? guest::kBlkIn : guest::kBlkOut;
      ++(command.type == guest::kBlkIn ? reads_ : writes_)[count];
      command.sector = n * 37 % (kDiskBytes / 512 - kMaxSegments);
      command.data = std::span(segments_).subspan((q * kDepth + slot) * kMaxSegments, count);
    }
    return queue.Submit(command, slot);
  }

  InterruptLine& Line(uint32_t number) override { return bus_->Line(number); }

  TemporaryFile file_;
  MemoryLog log_;
  MonotonicClock clock_;
  std::unique_ptr<AioContext> context_;
  std::unique_ptr<InProcessBus> bus_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> driver_;
  std::vector<GuestSegment> segments_;
  uint64_t next_ = 0;
  uint64_t failed_ = 0;
  // Transfers submitted, by their number of segments.
  std::array<uint32_t, kMaxSegments + 1> reads_{};
  std::array<uint32_t, kMaxSegments + 1> writes_{};
};

TEST_P(PathCost, NoAllocationAndNoLockOnAnyThread) {
  ASSERT_EQ(AllocationsAreCounted(), !kBuiltWithSanitizer);
  const uint64_t count = kBuiltWithSanitizer ? 2'000 : 100'000;
  ASSERT_NO_FATAL_FAILURE(Run(count / 4));  // Warm: pools have grown, pages are there.
  reads_ = writes_ = {};
  const AllocationWindow allocations;
  const uint64_t locks = Mutex::TotalAcquisitions();
  ASSERT_NO_FATAL_FAILURE(Run(count));
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 0u);
  EXPECT_EQ(failed_, 0u);
  EXPECT_EQ(driver_->ring_faults(), 0u);
  for (uint32_t segments = 1; segments <= kMaxSegments; ++segments) {
    EXPECT_GT(reads_[segments], 0u) << segments << " segments";
    EXPECT_GT(writes_[segments], 0u) << segments << " segments";
  }
}

// The counters see what they are to see.
TEST(PathCostCounters, AnAllocationAndALockAreCounted) {
  const AllocationWindow allocations;
  const uint64_t locks = Mutex::TotalAcquisitions();
  auto made = std::make_unique<Mutex>();
  MutexLock lock(*made);
  EXPECT_EQ(allocations.count(), kBuiltWithSanitizer ? 0u : 1u);
  EXPECT_EQ(Mutex::TotalAcquisitions() - locks, 1u);
}

constexpr char kNull[] = "driver=null-co,node-name=d0,size=16M";
constexpr char kMemory[] = "driver=memory,node-name=d0,size=16M";
constexpr char kFile[] = "driver=file,node-name=d0,filename=$FILE";
constexpr char kRawFile[] = "driver=raw,node-name=d0,file.driver=file,file.filename=$FILE";

INSTANTIATE_TEST_SUITE_P(Paths, PathCost,
                         testing::Values(Path{"NullOnRing", AioKind::kUring, kNull},
                                         Path{"NullOnThreads", AioKind::kThreads, kNull},
                                         Path{"MemoryOnRing", AioKind::kUring, kMemory},
                                         Path{"MemoryOnThreads", AioKind::kThreads, kMemory},
                                         Path{"FileOnRing", AioKind::kUring, kFile},
                                         Path{"FileOnThreads", AioKind::kThreads, kFile},
                                         Path{"RawFileOnRing", AioKind::kUring, kRawFile}),
                         [](const testing::TestParamInfo<Path>& path) {
                           return std::string(path.param.name);
                         });

}  // namespace
}  // namespace platter
