// SPDX-License-Identifier: Apache-2.0
//
// What an ATAPI drive makes of memory bandwidth: BM_AtapiDmaRead is a guest's READ(10) of `bytes`
// by bus master, registers, interrupt and all, from a disc in the `memory` driver;
// BM_MemoryDriverRead is the same read without the drive, from its backend; BM_Memcpy is the copy
// alone. All three walk over the same amount of memory. Compare their bytes_per_second in one run.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/check.h"
#include "blockbackend/block_backend.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "drivers/memory/memory_node.h"

namespace platter {
namespace {

constexpr uint64_t kDiscBytes = 256 * kMiB;  // More than caches hold.
constexpr uint32_t kTable = 0x1000;
constexpr uint32_t kBuffer = 0x100000;
constexpr uint64_t kMemoryBytes = 4 * kMiB;
constexpr uint32_t kRegionBytes = 65536;

class Line final : public InterruptLine {
 public:
  void Set(LineLevel level) override { high = level == LineLevel::kHigh; }
  bool high = false;
};

class Client final : public ChannelClient {
 public:
  void OnBatchDone() override {}
};

class Request final : public BlockRequest {
 public:
  void OnBlockDone(IoResult result) override { PLATTER_CHECK(result == 0); }
};

// A backend on a disc in memory, every page of it there.
class Disc {
 public:
  Disc() {
    backend_ = *registry_.Create("drive0", {});
    auto node = MemoryNode::Create("node0", {.size = kDiscBytes});
    PLATTER_CHECK(node.ok());
    PLATTER_CHECK(BlockOn(context, backend_->InsertRoot(*std::move(node))).ok());
    const std::vector<uint8_t> data(kMiB, 0xa5);
    for (uint64_t at = 0; at < kDiscBytes; at += data.size()) {
      PLATTER_CHECK(BlockOn(context, backend_->Pwrite(at, data, IoFlags::kNone)) == 0);
    }
  }
  BlockBackend& backend() { return *backend_; }
  void Turn() {
    while (context.RunReady()) {
    }
  }

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("control");

 private:
  BackendRegistry registry_{BackendServices{.control = &context}};
  BlockBackendRef backend_;
};

// The next place to read `bytes` at.
uint64_t Next(uint64_t at, uint64_t bytes) { return at + 2 * bytes > kDiscBytes ? 0 : at + bytes; }

class Machine {
 public:
  Machine() : memory_bytes_(kMemoryBytes) {
    drive_ = *AtapiCd::Create({.id = "cd0"}, channel_.port(0), disc_.backend(), disc_.context);
    // The attention of a new drive.
    Send({}, 0);
    channel_.command_block().ReadRegister(ata::kRegStatus, 1);
  }
  ~Machine() {
    bool done = false;
    drive_->Unplug([&] { done = true; });
    disc_.world.RunUntil([&] { return done; });
  }

  void WriteTable(uint32_t bytes) {
    uint32_t index = 0;
    for (uint32_t at = 0; at < bytes; at += kRegionBytes, ++index) {
      const uint32_t address = kBuffer + at;
      const uint32_t count = std::min(bytes - at, kRegionBytes);
      uint8_t* prd = &memory_bytes_[kTable + size_t{8} * index];
      for (int i = 0; i < 4; ++i) prd[i] = static_cast<uint8_t>(address >> (8 * i));
      for (int i = 0; i < 2; ++i) prd[4 + i] = static_cast<uint8_t>(count >> (8 * i));
      prd[7] = at + count == bytes ? 0x80 : 0;
    }
  }
  // As a driver does it: the table's address, the command, the packet, the engine, the interrupt.
  void Read(uint32_t lba, uint16_t blocks) {
    channel_.bus_master().WriteRegister(kBmRegTable, 4, kTable);
    channel_.bus_master().WriteRegister(kBmRegStatus, 1, kBmStatusInterrupt | kBmStatusError);
    Send({0x28, 0, static_cast<uint8_t>(lba >> 24), static_cast<uint8_t>(lba >> 16),
          static_cast<uint8_t>(lba >> 8), static_cast<uint8_t>(lba), 0,
          static_cast<uint8_t>(blocks >> 8), static_cast<uint8_t>(blocks)},
         kAtapiFeatureDma);
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, kBmCommandStart | kBmCommandToMemory);
    disc_.Turn();
    PLATTER_CHECK(line_.high);
    channel_.bus_master().WriteRegister(kBmRegCommand, 1, 0);
    PLATTER_CHECK(channel_.command_block().ReadRegister(ata::kRegStatus, 1) == ata::kStatusGood);
  }
  uint8_t ByteAt(uint64_t at) const { return memory_bytes_[kBuffer + at]; }

 private:
  void Send(const std::array<uint8_t, kAtapiPacketBytes>& packet, uint8_t features) {
    RegisterBlock& command = channel_.command_block();
    command.WriteRegister(ata::kRegFeatures, 1, features);
    command.WriteRegister(ata::kRegCommand, 1, ata::kPacket);
    disc_.Turn();
    channel_.WriteData(packet);
    disc_.Turn();
  }
  std::shared_ptr<const GuestMemory> Memory() {
    return *GuestMemory::Create(
        {{.address = 0, .size = kMemoryBytes, .host = memory_bytes_.data()}}, nullptr);
  }

  Disc disc_;
  std::vector<uint8_t> memory_bytes_;
  Line line_;
  IdeChannel channel_{{.memory = Memory(), .line = line_}};  // Locks are on.
  std::unique_ptr<AtapiCd> drive_;
};

void BM_AtapiDmaRead(benchmark::State& state) {
  const auto bytes = static_cast<uint32_t>(state.range(0));
  Machine machine;
  machine.WriteTable(bytes);
  uint64_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    machine.Read(static_cast<uint32_t>(at / kCdBlockBytes),
                 static_cast<uint16_t>(bytes / kCdBlockBytes));
    at = Next(at, bytes);
  }
  PLATTER_CHECK(machine.ByteAt(bytes - 1) == 0xa5);
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(BM_AtapiDmaRead)->ArgName("bytes")->Arg(128 * kKiB)->Arg(2 * kKiB);

void BM_MemoryDriverRead(benchmark::State& state) {
  const auto bytes = static_cast<uint64_t>(state.range(0));
  Disc disc;
  PLATTER_CHECK(disc.backend().Attach({.device_id = "cd0", .needs_write = false}, {}).ok());
  Client client;
  auto channel = disc.backend().OpenChannel(disc.context, client);
  std::vector<uint8_t> data(bytes);
  const iovec piece = {.iov_base = data.data(), .iov_len = bytes};
  Request request;
  uint64_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    request.op = IoOp::kRead;
    request.offset = at;
    request.bytes = bytes;
    request.iov = &piece;
    request.iov_count = 1;
    channel->Submit(request);
    disc.Turn();
    at = Next(at, bytes);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  channel.reset();
  disc.backend().Detach();
}
BENCHMARK(BM_MemoryDriverRead)->ArgName("bytes")->Arg(128 * kKiB)->Arg(2 * kKiB);

void BM_Memcpy(benchmark::State& state) {
  const auto bytes = static_cast<uint64_t>(state.range(0));
  const std::vector<uint8_t> from(kDiscBytes, 0xa5);
  std::vector<uint8_t> to(bytes);
  uint64_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(to.data(), &from[at], bytes);
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
    at = Next(at, bytes);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Memcpy)->ArgName("bytes")->Arg(128 * kKiB)->Arg(2 * kKiB);

}  // namespace
}  // namespace platter

BENCHMARK_MAIN();
