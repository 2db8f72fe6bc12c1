// SPDX-License-Identifier: Apache-2.0
//
// What virtio-blk costs by itself: guest's ring driver, device, and a backend that does nothing, on
// one thread, in batches. BM_Ring is the driver and the device's ring without the block device.

#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/check.h"
#include "base/intrusive_fifo.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/ring/virtqueue.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{1} << 40;
constexpr uint32_t kBlock = 4096;

// A backend whose requests are done as soon as they are submitted.
class NullBackend final : public BlockDeviceView {
 public:
  const std::string& name() const override { return name_; }
  absl::Status Attach(const DeviceAttachment&, BlockDevOps) override { return absl::OkStatus(); }
  void Detach() override {}
  std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) override {
    return std::make_unique<Channel>(context, client);
  }
  bool is_inserted() const override { return true; }
  uint64_t length() const override { return kDiskBytes; }
  bool is_read_only() const override { return false; }
  bool write_cache_enabled() const override { return true; }
  void set_write_cache_enabled(bool) override {}
  uint64_t max_transfer() const override { return kGiB; }
  uint32_t max_iov() const override { return 1024; }
  bool can_discard() const override { return true; }
  bool is_available() override { return true; }
  BackendBlockSizes probe_block_sizes() override { return {}; }
  void LockMedium(bool) override {}
  void TrayMoved(MediumMove) override {}

 private:
  class Channel final : public BlockChannel {
   public:
    Channel(AioContext& context, ChannelClient& client) : context_(context), client_(client) {}
    void Submit(BlockRequest& request) override {
      ++outstanding_;
      done_.PushBack(request);
    }
    void Plug() override {}
    void Unplug() override {
      if (done_.empty()) return;
      IntrusiveFifo<IoRequest, &IoRequest::next> batch;
      batch.Swap(done_);
      while (IoRequest* request = batch.PopFront()) {
        --outstanding_;
        static_cast<BlockRequest&>(*request).OnBlockDone(0);
      }
      client_.OnBatchDone();
    }
    void Cancel(BlockRequest&) override {}
    void CancelAll() override {}
    uint32_t outstanding() const override { return outstanding_; }
    void CountInvalid(IoOp) override {}
    AioContext& context() override { return context_; }

   protected:
    void OnNodeDone(BlockRequest&, IoResult) override {}

   private:
    AioContext& context_;
    ChannelClient& client_;
    IntrusiveFifo<IoRequest, &IoRequest::next> done_;
    uint32_t outstanding_ = 0;
  };

  const std::string name_ = "null";
};

QueueLayout LayoutOf(const VirtioRing& ring, uint64_t features) {
  const RingLayout& layout = ring.layout();
  const uint16_t first = FirstPlace(features);
  return {.size = layout.size,
          .descriptors = layout.descriptors,
          .driver = layout.driver,
          .device = layout.device,
          .next_avail = first,
          .next_used = first};
}

bool IsPacked(const benchmark::State& state) { return state.range(2) != 0; }

VirtioRing::Options OptionsOf(const benchmark::State& state) {
  return {.size = 256,
          .event_index = EventIndex::kOn,
          .indirect_entries = static_cast<uint16_t>(state.range(1) != 0 ? 16 : 0),
          .format = IsPacked(state) ? RingFormat::kPacked : RingFormat::kSplit};
}

// Batches of range(0) reads of 4 KiB; range(1): indirect tables; range(2): a packed ring.
void BM_VirtioBlk(benchmark::State& state) {
  SimulatedWorld world(1);
  AioContext& context = world.NewContext("io");
  InProcessBus bus(context, {});
  NullBackend backend;
  auto device = *VirtioBlk::Create(
      {.id = "d", .ring = {.packed = IsPacked(state)}, .serialise = Serialiser::Mode::kOff},
      backend, context);
  DirectTransport transport(*device, bus.Vectors(0));
  PLATTER_CHECK(transport.SetMemory(bus.memory()).ok());
  PLATTER_CHECK(transport.SetFeatures(transport.offered_features()).ok());
  auto queue = *VirtioBlkQueue::Create(bus, OptionsOf(state));
  PLATTER_CHECK(
      transport.StartQueue(0, LayoutOf(queue->ring(), transport.offered_features())).ok());
  const auto depth = static_cast<uint32_t>(state.range(0));
  const uint64_t data = *bus.Allocate(uint64_t{depth} * kBlock, kBlock);
  std::vector<GuestSegment> segments(depth);
  for (uint32_t i = 0; i < depth; ++i) segments[i] = {data + uint64_t{i} * kBlock, kBlock};
  uint64_t sector = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (uint32_t i = 0; i < depth; ++i) {
      queue->Submit({.sector = sector, .data = {&segments[i], 1}}, i);
      sector = (sector + 8) & 0xffffff;
    }
    if (queue->Publish()) transport.Kick(0);
    while (context.RunReady()) {
    }
    const uint32_t reaped = queue->Reap([](uint64_t, uint8_t status, uint32_t bytes) {
      PLATTER_CHECK(status == guest::kBlkOk && bytes == kBlock + 1);
    });
    PLATTER_CHECK(reaped == depth);
    queue->ring().EnableInterrupts();
  }
  state.SetItemsProcessed(state.iterations() * depth);
  bool done = false;
  device->Unplug([&] { done = true; });
  world.RunUntil([&] { return done; });
}
BENCHMARK(BM_VirtioBlk)
    ->ArgsProduct({{1, 8, 32, 64}, {0, 1}, {0, 1}})
    ->ArgNames({"depth", "indirect", "packed"});

// The same requests, popped and pushed back unread: what the driver and the ring cost.
void BM_Ring(benchmark::State& state) {
  SimulatedWorld world(1);
  InProcessBus bus(world.NewContext("io"), {});
  auto queue = *VirtioBlkQueue::Create(bus, OptionsOf(state));
  const uint64_t features = VirtioRingFeatures({.packed = IsPacked(state)});
  Virtqueue device(256);
  PLATTER_CHECK(
      device.Start(bus.memory(), {.layout = LayoutOf(queue->ring(), features)}, features).ok());
  const auto depth = static_cast<uint32_t>(state.range(0));
  const uint64_t data = *bus.Allocate(kBlock, kBlock);
  const GuestSegment segment = {data, kBlock};
  for ([[maybe_unused]] auto _ : state) {
    for (uint32_t i = 0; i < depth; ++i) queue->Submit({.data = {&segment, 1}}, i);
    benchmark::DoNotOptimize(queue->Publish());
    Chain chain;
    while (device.Pop(&chain) == PopResult::kChain) device.PushUsed(chain.head, kBlock + 1);
    benchmark::DoNotOptimize(device.Publish());
    device.ArmKicks();
    queue->Reap([](uint64_t, uint8_t, uint32_t) {});
    queue->ring().EnableInterrupts();
  }
  state.SetItemsProcessed(state.iterations() * depth);
  device.Stop();
}
BENCHMARK(BM_Ring)->ArgsProduct({{32}, {0, 1}, {0, 1}})->ArgNames({"depth", "indirect", "packed"});

}  // namespace
}  // namespace platter
