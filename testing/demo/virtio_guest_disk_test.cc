// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/virtio_guest_disk.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;

class VirtioGuestDiskTest : public testing::Test {
 protected:
  VirtioGuestDiskTest() {
    device_ = *VirtioBlk::Create({.id = "disk0"}, backend_, control_);
    mmio_ = std::make_unique<MmioTransport>(*device_, bus_.memory(), bus_.Line(1));
    EXPECT_TRUE(bus_.mmio().Map(kBase, kMmioTransportBytes, *mmio_).ok());
    EXPECT_TRUE(disk_.Probe().ok());
  }
  ~VirtioGuestDiskTest() override {
    backend_.Release();
    bool done = false;
    device_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    bus_.mmio().Unmap(kBase);
    device_.reset();
  }

  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kMiB};
  std::unique_ptr<VirtioBlk> device_;
  std::unique_ptr<MmioTransport> mmio_;
  VirtioGuestDisk disk_{bus_, {.base = kBase, .line = 1}, std::chrono::seconds(1)};
};

TEST_F(VirtioGuestDiskTest, ManyPiecesAreWrittenAndRead) {
  EXPECT_EQ(disk_.capacity_bytes(), kMiB);
  std::vector<DiskPiece> pieces;
  for (uint64_t i = 0; i < 100; ++i) {
    pieces.push_back({.offset = i * 8192, .data = std::vector<uint8_t>(4096)});
    FillPattern(1, pieces[i].offset, pieces[i].data);
  }
  ASSERT_TRUE(disk_.Write(pieces).ok());
  ASSERT_TRUE(disk_.Flush().ok());
  std::vector<DiskPiece> seen = pieces;
  for (DiskPiece& piece : seen) piece.data.assign(4096, 0);
  ASSERT_TRUE(disk_.Read(seen).ok());
  for (size_t i = 0; i < pieces.size(); ++i) EXPECT_EQ(seen[i].data, pieces[i].data) << i;
}

TEST_F(VirtioGuestDiskTest, AnswerThatIsAnErrorNamesTheRequest) {
  const absl::Status status = disk_.Write({{.offset = kMiB, .data = std::vector<uint8_t>(512)}});
  EXPECT_EQ(ErrnoOf(status), EIO);
  EXPECT_EQ(MessageOf(status),
            "the guest's write of 512 bytes at byte 1048576 was answered 'I/O error'");
}

TEST_F(VirtioGuestDiskTest, OneWriteIsPolledFor) {
  EXPECT_FALSE(disk_.PollWrite().has_value());
  ASSERT_TRUE(disk_.StartWrite({.offset = 512, .data = std::vector<uint8_t>(512, 7)}).ok());
  std::optional<DiskAnswer> answer;
  EXPECT_TRUE(bus_.WaitFor([&] { return (answer = disk_.PollWrite()).has_value(); },
                           std::chrono::seconds(1)));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->good);
  EXPECT_EQ(answer->text, "OK");
  EXPECT_EQ(backend_.data[512], 7);
}

TEST(BlkStatusNameTest, NamesThemAll) {
  EXPECT_EQ(BlkStatusName(guest::kBlkOk), "OK");
  EXPECT_EQ(BlkStatusName(guest::kBlkIoError), "I/O error");
  EXPECT_EQ(BlkStatusName(guest::kBlkUnsupported), "unsupported");
  EXPECT_EQ(BlkStatusName(77), "status 77");
}

}  // namespace
}  // namespace platter
