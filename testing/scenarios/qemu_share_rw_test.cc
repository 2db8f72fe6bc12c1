// SPDX-License-Identifier: Apache-2.0
//
// Two machines that write to one raw image, QEMU's and ours, each with virtio-blk on it: with
// share-rw=on in both they run at the same time and see what the other wrote; where either has not
// got it, whoever comes second is refused, with a message that names the file.

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/peers/peer_process.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
constexpr uint64_t kDiskBytes = 1 << 20;

enum class ShareRw : uint8_t { kOff, kOn };
const char* NameOf(ShareRw share) { return share == ShareRw::kOn ? "on" : "off"; }

// A machine of QEMU's that is stopped before its first instruction: its monitor writes and reads
// through the device's backend in the place of a guest.
class QemuMachine final : public PeerProcess {
 public:
  QemuMachine(const std::string& image, ShareRw share)
      : PeerProcess(
            {kQemu, "-accel", "tcg", "-machine", "microvm", "-nodefaults", "-no-user-config",
             "-display", "none", "-S", "-monitor", "stdio",  //
             "-blockdev", absl::StrCat("driver=file,node-name=file,filename=", image), "-blockdev",
             "driver=raw,node-name=disk,file=file",  //
             "-device",
             absl::StrCat("virtio-blk-device,id=vd0,drive=disk,share-rw=", NameOf(share))}) {}

  bool Writes(uint64_t sector, uint8_t fill) { return Command("write", sector, fill, "wrote"); }
  // Whether the sector is filled with the byte.
  bool Reads(uint64_t sector, uint8_t fill) { return Command("read", sector, fill, "read"); }
  void Quit() {
    Send("quit");
    Finish();
  }

 private:
  bool Command(const char* verb, uint64_t sector, uint8_t fill, const char* past) {
    Send(absl::StrCat("qemu-io -d /machine/peripheral/vd0 \"", verb, " -P ", fill, " ",
                      sector * 512, " 512\""));
    const std::string done = absl::StrCat(past, " 512/512 bytes");
    // A pattern that is not there is said before how much was read.
    return WaitFor({done, "failed"}) == done;
  }
};

// A machine of ours with a guest.
class OurMachine final : private InterruptController {
 public:
  explicit OurMachine(const std::string& image)
      : context_(*CreateAioContext({.kind = AioKind::kThreads, .name = "control"})),
        bus_(*context_, {.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots}) {
    MachineHost host;
    host.control = context_.get();
    host.log = &log_;
    host.interrupts = this;
    host.io_kind = AioKind::kThreads;
    host.memory = bus_.memory();
    host.mmio = &bus_.mmio();
    machine_ = std::make_unique<Machine>(std::move(host));
    const absl::Status added =
        BlockOn(*context_, machine_->BlockdevAdd(*ParseBlockdev(
                               absl::StrCat("driver=file,node-name=disk,filename=", image))));
    EXPECT_TRUE(added.ok()) << added;
  }
  ~OurMachine() { BlockOn(*context_, machine_->Shutdown()); }

  absl::Status Plug(ShareRw share) {
    return BlockOn(*context_, machine_->DeviceAdd(*ParseDevice(absl::StrCat(
                                  "virtio-blk,id=vd0,drive=disk,share-rw=", NameOf(share)))));
  }
  // The guest's driver; plugged.
  void Probe() {
    const auto at = *machine_->LocationOf<VirtioMmioLocation>("vd0");
    transport_ = std::make_unique<VirtioMmioDriver>(
        bus_, VirtioMmioDriver::Place{.base = at.mmio_base, .line = at.irq});
    driver_ = std::make_unique<VirtioBlkDriver>(bus_, *transport_, VirtioBlkDriver::Options());
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
  }
  bool Writes(uint64_t sector, uint8_t fill) {
    const std::vector<uint8_t> data(512, fill);
    return driver_->Write(sector, data).value_or(guest::kBlkNotWritten) == guest::kBlkOk;
  }
  bool Reads(uint64_t sector, uint8_t fill) {
    std::vector<uint8_t> data(512);
    return driver_->Read(sector, data).value_or(guest::kBlkNotWritten) == guest::kBlkOk &&
           data == std::vector<uint8_t>(512, fill);
  }

 private:
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }

  MemoryLog log_;
  const std::unique_ptr<AioContext> context_;
  InProcessBus bus_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<VirtioMmioDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> driver_;
};

class QemuShareRwTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPeer({kQemu}); !why.empty()) GTEST_SKIP() << why;
    image_ = ::testing::TempDir() + "/platter_share_rw_XXXXXX";
    const int fd = ::mkstemp(image_.data());
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::ftruncate(fd, kDiskBytes), 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(image_.c_str()); }

  // Both write, and each sees what the other wrote.
  static void ExpectBothRun(OurMachine& ours, QemuMachine& qemu) {
    ours.Probe();
    EXPECT_TRUE(ours.Writes(0, 17));
    EXPECT_TRUE(qemu.Writes(1, 34)) << qemu.output();
    EXPECT_TRUE(qemu.Reads(0, 17)) << qemu.output();
    EXPECT_TRUE(ours.Reads(1, 34));
    EXPECT_TRUE(ours.Writes(1, 51));
    EXPECT_TRUE(qemu.Reads(1, 51)) << qemu.output();
    EXPECT_FALSE(qemu.Reads(1, 34)) << "the look can fail";
  }
  void ExpectRefusedByQemu(QemuMachine& qemu) {
    EXPECT_THAT(qemu.Finish(), HasSubstr("Failed to get "));
    EXPECT_THAT(qemu.output(), HasSubstr("lock"));
    EXPECT_THAT(qemu.output(), HasSubstr(image_));
    EXPECT_FALSE(qemu.succeeded());
  }

  std::string image_;
};

TEST_F(QemuShareRwTest, BothShareAndOursComesFirst) {
  OurMachine ours(image_);
  const absl::Status plugged = ours.Plug(ShareRw::kOn);
  ASSERT_TRUE(plugged.ok()) << plugged;
  QemuMachine qemu(image_, ShareRw::kOn);
  ExpectBothRun(ours, qemu);
  qemu.Quit();
  EXPECT_TRUE(ours.Writes(2, 68)) << "it goes on alone";
}

TEST_F(QemuShareRwTest, BothShareAndQemuComesFirst) {
  QemuMachine qemu(image_, ShareRw::kOn);
  ASSERT_TRUE(qemu.Writes(3, 85)) << qemu.output();
  OurMachine ours(image_);
  const absl::Status plugged = ours.Plug(ShareRw::kOn);
  ASSERT_TRUE(plugged.ok()) << plugged;
  ExpectBothRun(ours, qemu);
  EXPECT_TRUE(ours.Reads(3, 85));
  qemu.Quit();
}

TEST_F(QemuShareRwTest, QemuIsRefusedUnlessBothShare) {
  for (const auto& [our_share, qemus] :
       {std::pair(ShareRw::kOff, ShareRw::kOff), std::pair(ShareRw::kOff, ShareRw::kOn),
        std::pair(ShareRw::kOn, ShareRw::kOff)}) {
    SCOPED_TRACE(::testing::Message()
                 << "ours " << NameOf(our_share) << ", QEMU's " << NameOf(qemus));
    OurMachine ours(image_);
    const absl::Status plugged = ours.Plug(our_share);
    ASSERT_TRUE(plugged.ok()) << plugged;
    QemuMachine qemu(image_, qemus);
    ExpectRefusedByQemu(qemu);
    ours.Probe();
    EXPECT_TRUE(ours.Writes(0, 17)) << "ours is none the worse for it";
  }
}

TEST_F(QemuShareRwTest, OursIsRefusedUnlessBothShare) {
  for (const auto& [our_share, qemus] :
       {std::pair(ShareRw::kOff, ShareRw::kOff), std::pair(ShareRw::kOff, ShareRw::kOn),
        std::pair(ShareRw::kOn, ShareRw::kOff)}) {
    SCOPED_TRACE(::testing::Message()
                 << "ours " << NameOf(our_share) << ", QEMU's " << NameOf(qemus));
    QemuMachine qemu(image_, qemus);
    ASSERT_TRUE(qemu.Writes(0, 17)) << qemu.output();
    OurMachine ours(image_);
    const absl::Status refused = ours.Plug(our_share);
    EXPECT_EQ(ErrnoOf(refused), EBUSY) << refused;
    EXPECT_THAT(MessageOf(refused), HasSubstr("'" + image_ + "' is in use"));
    EXPECT_THAT(MessageOf(refused), HasSubstr("share-rw=on"));
    EXPECT_TRUE(qemu.Writes(1, 34)) << "QEMU is none the worse for it: " << qemu.output();
    qemu.Quit();
    const absl::Status plugged = ours.Plug(our_share);
    EXPECT_TRUE(plugged.ok()) << plugged << " although it has gone";
  }
}

}  // namespace
}  // namespace platter
