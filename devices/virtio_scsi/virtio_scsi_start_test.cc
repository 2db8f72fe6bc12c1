// SPDX-License-Identifier: Apache-2.0
//
// What a request may look like, and what the answer is: virtio 1.3, 5.6.6.1, with requests built by
// hand on a bare ring, however they are cut.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio_scsi/virtio_scsi_fixture.h"
#include "testing/guest/chain_builder.h"
#include "testing/guest/raw_ring.h"

namespace platter {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kResponseBytes = 12 + 96;

class VirtioScsiStartTest : public testing::Test, protected VirtioScsiFixture {
 protected:
  static constexpr uint16_t kSize = 64;
  static constexpr uint64_t kResponse = 256;  // In the scratch page.
  static constexpr uint64_t kData = 4096;     // The page behind it.

  // Three bare rings, the request queue's written by the test.
  void StartRaw(uint32_t cdb_size = 32) {
    MakeAdapter();
    AddDisk({}, backend, "disk0");
    scratch = *bus.Allocate(16384, 4096);
    mmio.BeginReset();
    world.RunUntilIdle();
    ASSERT_TRUE(mmio.AcceptFeatures(mmio.DeviceFeatures()).ok());
    SetCdbSize(cdb_size);
    for (uint16_t queue = 0; queue < 3; ++queue) {
      rings.push_back(std::make_unique<RawRing>(*RawRing::Create(bus, kSize)));
      ASSERT_TRUE(mmio.StartQueue(queue, rings.back()->layout()).ok());
    }
    mmio.DriverOk();
    world.RunUntilIdle();
    // The attention.
    ASSERT_EQ(Run(Chain(Request({0, 0, 0, 0, 0, 0})).Writable(scratch + kResponse, kResponseBytes)),
              0);
  }
  void SetCdbSize(uint32_t size) {
    const Le32 value = size;
    mmio.WriteConfig(offsetof(guest::ScsiConfigLayout, cdb_size),
                     {reinterpret_cast<const uint8_t*>(&value), sizeof(value)});
    cdb_bytes = size;
  }
  // Header and CDB.
  Bytes Request(Bytes cdb, const guest::ScsiLun& lun = guest::ScsiLunOf(0, 0)) const {
    Bytes bytes(19);
    std::copy(lun.begin(), lun.end(), bytes.begin());
    cdb.resize(cdb_bytes);
    bytes.insert(bytes.end(), cdb.begin(), cdb.end());
    return bytes;
  }
  // Puts the request at the start of the scratch page and begins a chain with it.
  ChainBuilder Chain(const Bytes& request) {
    bus.Write(scratch, Bytes(kResponse + 512, 0xee));
    if (request.size() <= kResponse) bus.Write(scratch, request);
    return ChainBuilder().Readable(scratch, static_cast<uint32_t>(request.size()));
  }
  // Runs the chain and returns the response byte.
  uint8_t Run(const ChainBuilder& chain, uint16_t queue = 2) {
    rings[queue]->MakeAvailable(chain.Place(*rings[queue], 0));
    mmio.Notify(queue);
    world.RunUntilIdle();
    bus.Read(scratch + kResponse, {reinterpret_cast<uint8_t*>(&response), sizeof(response)});
    return response.response;
  }
  uint32_t Written() { return rings[2]->UsedEntry(rings[2]->UsedIndex() - 1).bytes; }
  bool NeedsReset() { return mmio.NeedsReset(); }

  uint64_t scratch = 0;
  uint32_t cdb_bytes = 32;
  std::vector<std::unique_ptr<RawRing>> rings;
  guest::ScsiResponse response{};
};

const Bytes kRead = {0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0};  // One block at 2.

TEST_F(VirtioScsiStartTest, R_BLK_03_TheUsedLengthIsWhatWasWritten) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  EXPECT_EQ(Run(Chain(Request(kRead)).Writable(at, kResponseBytes).Writable(scratch + kData, 512)),
            0);
  EXPECT_EQ(Written(), kResponseBytes + 512);
  Bytes sense(96);
  bus.Read(at + 12, sense);
  EXPECT_EQ(sense, Bytes(96, 0)) << "counted, so written";
  EXPECT_EQ(Run(Chain(Request({0, 0, 0, 0, 0, 0})).Writable(at, kResponseBytes)), 0);
  EXPECT_EQ(Written(), 12u);
  EXPECT_EQ(Run(Chain(Request({0xff})).Writable(at, kResponseBytes)), 0);
  EXPECT_EQ(response.status, 2);
  EXPECT_EQ(response.sense_len.get(), 18u);
  EXPECT_EQ(Written(), 12u + 18);
  // An error in mid-air writes no data.
  backend.next_error = -EIO;
  EXPECT_EQ(Run(Chain(Request(kRead)).Writable(at, kResponseBytes).Writable(scratch + kData, 512)),
            0);
  EXPECT_EQ(Written(), 12u + 18);
}

TEST_F(VirtioScsiStartTest, FramingMeansNothing) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  for (uint32_t cut : {1u, 7u, 18u, 19u, 20u, 50u}) {
    for (uint32_t response_cut : {1u, 11u, 12u, 13u, 107u}) {
      bus.Write(scratch + kData, Bytes(512, 0));
      Chain(Request(kRead));
      const auto chain = ChainBuilder()
                             .Readable(scratch, cut)
                             .Readable(scratch + cut, 51 - cut)
                             .Writable(at, response_cut)
                             .Writable(at + response_cut, kResponseBytes - response_cut)
                             .Writable(scratch + kData, 100)
                             .Writable(scratch + kData + 100, 412);
      ASSERT_EQ(Run(chain), 0);
      ASSERT_EQ(response.residual.get(), 0u);
      Bytes data(512);
      bus.Read(scratch + kData, data);
      ASSERT_TRUE(std::equal(data.begin(), data.end(), backend.data.begin() + 1024));
    }
  }
  // Response and data in one buffer, byte by byte in many.
  ASSERT_EQ(Run(Chain(Request(kRead)).Writable(at, kResponseBytes + 512)), 0);
  EXPECT_EQ(Written(), kResponseBytes + 512);
  Chain(Request(kRead));
  ChainBuilder many;
  for (uint32_t i = 0; i < 51; ++i) many.Readable(scratch + i, 1);
  for (uint32_t i = 0; i < 12; ++i) many.Writable(at + i, 1);
  many.Writable(at + 12, 96 + 512);
  ASSERT_EQ(Run(many), 0);
  EXPECT_EQ(response.residual.get(), 0u);
}

TEST_F(VirtioScsiStartTest, R_SCSI_26_TooShortRequestsAreAnsweredAndNoMore) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  const Bytes whole = Request(kRead);
  for (uint32_t bytes : {1u, 8u, 18u, 19u, 50u}) {
    Chain(whole);
    EXPECT_EQ(Run(ChainBuilder().Readable(scratch, bytes).Writable(at, kResponseBytes + 512)),
              guest::kScsiFailure)
        << bytes;
  }
  EXPECT_EQ(Run(ChainBuilder().Writable(at, kResponseBytes)), guest::kScsiFailure);
  for (uint32_t bytes : {12u, 13u, 107u}) {
    EXPECT_EQ(Run(Chain(whole).Writable(at, bytes)), guest::kScsiFailure) << bytes;
    EXPECT_EQ(Written(), 12u);
  }
  EXPECT_FALSE(NeedsReset());
  EXPECT_EQ(Run(Chain(whole).Writable(at, kResponseBytes).Writable(scratch + kData, 512)), 0);
}

TEST_F(VirtioScsiStartTest, WithoutRoomForAResponseTheQueueIsBroken) {
  for (int kind = 0; kind < 3; ++kind) {
    if (adapter == nullptr) {
      StartRaw();
    }
    switch (kind) {
      case 0:
        Run(Chain(Request(kRead)));
        break;
      case 1:
        Run(Chain(Request(kRead)).Writable(scratch + kResponse, 11));
        break;
      default:
        Run(Chain(Request(kRead)).Writable(ChainBuilder::kHole, kResponseBytes));
    }
    EXPECT_TRUE(NeedsReset()) << kind;
    rings.clear();
    Unplug();
  }
}

TEST_F(VirtioScsiStartTest, DataBothWaysAndDataThatIsNoMemory) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  EXPECT_EQ(Run(Chain(Request(kRead))
                    .Readable(scratch + kData, 1)
                    .Writable(at, kResponseBytes)
                    .Writable(scratch + kData, 512)),
            guest::kScsiFailure);
  EXPECT_EQ(response.residual.get(), 513u);
  EXPECT_EQ(
      Run(Chain(Request(kRead)).Writable(at, kResponseBytes).Writable(ChainBuilder::kHole, 512)),
      guest::kScsiFailure);
  EXPECT_EQ(Run(Chain(Request({0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}))
                    .Readable(ChainBuilder::kHole, 512)
                    .Writable(at, kResponseBytes)),
            guest::kScsiFailure);
  EXPECT_FALSE(NeedsReset());
}

TEST_F(VirtioScsiStartTest, R_SCSI_10_TheCdbSizeIsWhatTheDriverWrote) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  for (const uint32_t size : {0u, 1u, 6u, 10u, 16u, 32u, 33u, 200u}) {
    SetCdbSize(size);
    const uint8_t result =
        Run(Chain(Request(kRead)).Writable(at, kResponseBytes).Writable(scratch + kData, 512));
    ASSERT_EQ(result, 0) << size;
    // R_SCSI_01: a CDB that is cut off is not filled up.
    EXPECT_EQ(response.status, size < 10 ? 2 : 0) << size;
  }
  // Between the request and its answer: what it began with counts.
  SetCdbSize(32);
  backend.hold = true;
  Run(Chain(Request(kRead)).Writable(at, kResponseBytes).Writable(scratch + kData, 512));
  SetCdbSize(260);
  const Le32 sense = 252u;
  mmio.WriteConfig(offsetof(guest::ScsiConfigLayout, sense_size),
                   {reinterpret_cast<const uint8_t*>(&sense), sizeof(sense)});
  backend.Release();
  world.RunUntilIdle();
  EXPECT_EQ(Written(), kResponseBytes + 512);
}

TEST_F(VirtioScsiStartTest, R_SCSI_01_EveryOperationCodeWithEveryActionHasAnAnswer) {
  StartRaw();
  const uint64_t at = scratch + kResponse;
  for (uint32_t opcode = 0; opcode < 256; ++opcode) {
    for (uint8_t action = 0; action < 32; ++action) {
      const Bytes cdb = {static_cast<uint8_t>(opcode), action, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64};
      const uint8_t result =
          Run(Chain(Request(cdb)).Writable(at, kResponseBytes).Writable(scratch + kData, 512));
      ASSERT_TRUE(result == guest::kScsiOk || result == guest::kScsiOverrun)
          << opcode << " " << int{action};
      ASSERT_FALSE(NeedsReset());
    }
  }
}

// Every queue empty, full of garbage, and kicked.
TEST_F(VirtioScsiStartTest, R_SCSI_14_EveryQueueStandsGarbage) {
  StartRaw();
  for (uint16_t queue = 0; queue < 4; ++queue) mmio.Notify(queue);
  world.RunUntilIdle();
  const uint64_t at = scratch + kResponse;
  for (uint32_t bytes : {1u, 4u, 15u, 16u, 23u, 24u, 64u}) {
    for (uint8_t fill : {0x00, 0x01, 0x02, 0xff}) {
      bus.Write(scratch, Bytes(64, fill));
      Run(ChainBuilder().Readable(scratch, bytes).Writable(at, 8), kVirtioScsiControlQueue);
    }
  }
  EXPECT_FALSE(NeedsReset());
  EXPECT_EQ(rings[0]->UsedIndex(), 28);
  // Event buffers: too short, readable, in a hole.
  Run(ChainBuilder().Writable(at, 15), kVirtioScsiEventQueue);
  Run(ChainBuilder().Readable(at, 16), kVirtioScsiEventQueue);
  EXPECT_EQ(rings[1]->UsedIndex(), 0) << "buffers wait for events";
  backend.Resize(2 * kDiskBytes);
  world.RunUntilIdle();
  EXPECT_EQ(rings[1]->UsedIndex(), 2);
  EXPECT_FALSE(NeedsReset());
  Run(ChainBuilder().Writable(ChainBuilder::kHole, 16), kVirtioScsiEventQueue);
  EXPECT_TRUE(NeedsReset());
}

}  // namespace
}  // namespace platter
