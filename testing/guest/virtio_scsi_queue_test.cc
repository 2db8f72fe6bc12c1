// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_scsi_queue.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

#include "testing/guest/memory_bus.h"
#include "testing/guest/naive_device.h"

namespace platter {
namespace {

class VirtioScsiQueueTest : public testing::TestWithParam<Mapping> {
 protected:
  void Answer(NaiveDevice& device, const NaiveDevice::Chain& chain, uint8_t response,
              std::vector<uint8_t> sense = {}) {
    guest::ScsiResponse header{};
    header.sense_len = static_cast<uint32_t>(sense.size());
    header.residual = 5u;
    header.status = 2;
    header.response = response;
    bus_.Write(chain.writable[0].address,
               {reinterpret_cast<const uint8_t*>(&header), sizeof(header)});
    if (!sense.empty()) bus_.Write(chain.writable[0].address + sizeof(header), sense);
    device.Push(chain.head, 12);
  }

  MemoryBus bus_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Memory, VirtioScsiQueueTest,
                         testing::Values(Mapping::kMapped, Mapping::kHidden));

TEST_P(VirtioScsiQueueTest, RequestsAreLaidOutAsTheStandardSays) {
  const auto queue = *VirtioScsiQueue::Create(bus_, {.size = 16});
  NaiveDevice device(bus_, queue->ring().layout());
  const GuestSegment data[] = {{MemoryBus::kBase, 512}, {MemoryBus::kBase + 512, 1024}};
  const std::vector<uint8_t> cdb = {0x28, 1, 2, 3};
  ASSERT_TRUE(
      queue->Submit({.lun = guest::ScsiLunOf(3, 300), .tag = 0x1122, .cdb = cdb, .in = data}, 1));
  ASSERT_TRUE(queue->Submit({.cdb = cdb, .out = data}, 2));
  queue->Publish();

  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  ASSERT_EQ(chain.readable.size(), 1u);
  ASSERT_EQ(chain.readable[0].bytes, 51u);
  std::vector<uint8_t> request(51);
  ASSERT_TRUE(bus_.Read(chain.readable[0].address, request));
  EXPECT_EQ(std::vector<uint8_t>(request.begin(), request.begin() + 23),
            (std::vector<uint8_t>{1, 3, 0x41, 300 - 256, 0, 0, 0, 0,    0x22, 0x11, 0, 0,
                                  0, 0, 0,    0,         0, 0, 0, 0x28, 1,    2,    3}));
  ASSERT_EQ(chain.writable.size(), 3u);
  EXPECT_EQ(chain.writable[0].bytes, 108u);
  Answer(device, chain, guest::kScsiOk, {0x70, 0, 5});

  ASSERT_TRUE(device.Pop(chain));
  EXPECT_EQ(chain.readable.size(), 3u);
  EXPECT_EQ(chain.writable.size(), 1u);
  EXPECT_EQ(queue->InFlight(), (std::vector<uint64_t>{1, 2}));

  uint32_t done = 0;
  queue->Reap([&](uint64_t token, const ScsiQueueAnswer& answer) {
    ++done;
    EXPECT_EQ(token, 1u);
    EXPECT_EQ(answer.response, guest::kScsiOk);
    EXPECT_EQ(answer.status, 2);
    EXPECT_EQ(answer.residual, 5u);
    EXPECT_EQ(std::vector<uint8_t>(answer.sense.begin(), answer.sense.end()),
              (std::vector<uint8_t>{0x70, 0, 5}));
  });
  EXPECT_EQ(done, 1u);
  EXPECT_EQ(queue->InFlight(), std::vector<uint64_t>{2});
}

TEST_P(VirtioScsiQueueTest, RefusesWhatDoesNotFitAndGoesOn) {
  const auto queue = *VirtioScsiQueue::Create(bus_, {.size = 2});
  NaiveDevice device(bus_, queue->ring().layout());
  const std::vector<uint8_t> cdb(6);
  const std::vector<uint8_t> long_cdb(33);
  EXPECT_FALSE(queue->Submit({.cdb = long_cdb}, 1));
  ASSERT_TRUE(queue->Submit({.cdb = cdb}, 2));
  EXPECT_FALSE(queue->Submit({.cdb = cdb}, 3)) << "no descriptor is left";
  queue->Publish();
  NaiveDevice::Chain chain;
  ASSERT_TRUE(device.Pop(chain));
  Answer(device, chain, guest::kScsiOk);
  uint32_t again = 0;
  queue->Reap(
      [&](uint64_t, const ScsiQueueAnswer&) { again += queue->Submit({.cdb = cdb}, 4) ? 1 : 0; });
  EXPECT_EQ(again, 1u) << "from inside a completion";
}

}  // namespace
}  // namespace platter
