// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scsi_guest_disk.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr Duration kPatience = std::chrono::seconds(1);

// Two disks behind one adapter.
class ScsiGuestDiskTest : public testing::Test {
 protected:
  ScsiGuestDiskTest() {
    device_ = *VirtioScsi::Create({.id = "scsi0"}, control_);
    EXPECT_TRUE(device_->AddUnit({.target = 0}, *ScsiDisk::Create({.id = "sd0"}, backend_)).ok());
    EXPECT_TRUE(device_->AddUnit({.target = 1}, *ScsiDisk::Create({.id = "sd1"}, other_)).ok());
    mmio_ = std::make_unique<MmioTransport>(*device_, bus_.memory(), bus_.Line(1));
    EXPECT_TRUE(bus_.mmio().Map(kBase, kMmioTransportBytes, *mmio_).ok());
    EXPECT_TRUE(adapter_.Probe().ok());
    EXPECT_TRUE(disk_.Probe().ok());
  }
  ~ScsiGuestDiskTest() override {
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
  FakeBlockDevice other_{2 * kMiB};
  std::unique_ptr<VirtioScsi> device_;
  std::unique_ptr<MmioTransport> mmio_;
  GuestScsiAdapter adapter_{bus_, {.base = kBase, .line = 1}, kPatience};
  ScsiGuestDisk disk_{adapter_.driver(), guest::ScsiLunOf(0, 0), kPatience};
};

TEST_F(ScsiGuestDiskTest, ManyPiecesAreWrittenAndRead) {
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

TEST_F(ScsiGuestDiskTest, DisksOfOneAdapterTakeTurns) {
  ScsiGuestDisk other(adapter_.driver(), guest::ScsiLunOf(1, 0), kPatience);
  ASSERT_TRUE(other.Probe().ok());
  EXPECT_EQ(other.capacity_bytes(), 2 * kMiB);
  ASSERT_TRUE(other.Write({{.offset = 0, .data = std::vector<uint8_t>(512, 2)}}).ok());
  ASSERT_TRUE(disk_.Write({{.offset = 0, .data = std::vector<uint8_t>(512, 1)}}).ok());
  EXPECT_EQ(backend_.data[0], 1);
  EXPECT_EQ(other_.data[0], 2);
}

TEST_F(ScsiGuestDiskTest, AnswerThatIsAnErrorNamesTheRequest) {
  const absl::Status status = disk_.Write({{.offset = kMiB, .data = std::vector<uint8_t>(512)}});
  EXPECT_EQ(ErrnoOf(status), EIO);
  EXPECT_EQ(MessageOf(status),
            "the guest's write of 512 bytes at byte 1048576 was answered '5/21/00'");
}

TEST_F(ScsiGuestDiskTest, OneWriteIsPolledFor) {
  EXPECT_FALSE(disk_.PollWrite().has_value());
  ASSERT_TRUE(disk_.StartWrite({.offset = 512, .data = std::vector<uint8_t>(512, 7)}).ok());
  std::optional<DiskAnswer> answer;
  EXPECT_TRUE(bus_.WaitFor([&] { return (answer = disk_.PollWrite()).has_value(); }, kPatience));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->good) << answer->text;
  EXPECT_EQ(backend_.data[512], 7);
}

TEST_F(ScsiGuestDiskTest, AUnitThatIsNotThereIsRefused) {
  ScsiGuestDisk nobody(adapter_.driver(), guest::ScsiLunOf(7, 0), kPatience);
  EXPECT_EQ(MessageOf(nobody.Probe()), "the guest's TEST UNIT READY was answered 'response 3'");
}

}  // namespace
}  // namespace platter
