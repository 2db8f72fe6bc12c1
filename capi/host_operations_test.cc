// SPDX-License-Identifier: Apache-2.0
//
// The host's operations through the C interface, with a guest on the other side.

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "capi/capi_fixture.h"
#include "capi/platter.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Error() { return platter_last_error(); }

// An empty CD-ROM drive.
class CapiTrayTest : public testing::Test {
 protected:
  void SetUp() override {
    machine_.AddDevice("ide-cd,id=cd0");
    guest_ = std::make_unique<AtapiDriver>(machine_, machine_.IdePlaceOf("cd0"));
    ASSERT_TRUE(guest_->ClearNews());
  }
  int Change(const char* options, int force = PLATTER_POLITELY) {
    return platter_change_medium(machine_.get(), "cd0", options, force);
  }

  CapiMachine machine_;
  std::unique_ptr<AtapiDriver> guest_;
};

TEST_F(CapiTrayTest, ADiscComesAndGoes) {
  EXPECT_EQ(machine_.InfoOf("cd0").inserted, 0u);
  EXPECT_EQ(Change("memory,size=1M,read-only=on"), 0) << Error();
  platter_drive_info info = machine_.InfoOf("cd0");
  EXPECT_EQ(info.inserted, 1u);
  EXPECT_EQ(info.read_only, 1u);
  EXPECT_EQ(info.length, 1048576u);
  EXPECT_EQ(info.removable, 1u);
  EXPECT_EQ(info.has_tray, 1u);
  EXPECT_EQ(info.lockable, 1u);
  EXPECT_EQ(info.tray_open, 0u);
  EXPECT_TRUE(guest_->ClearNews());
  std::array<uint8_t, 2048> block;
  EXPECT_TRUE(guest_->Read10(IdeWay::kPio, 511, block).ok());
  EXPECT_EQ(machine_.InfoOf("cd0").read.bytes, 2048u);

  EXPECT_EQ(platter_eject(machine_.get(), "cd0", PLATTER_POLITELY), 0) << Error();
  info = machine_.InfoOf("cd0");
  EXPECT_EQ(info.inserted, 0u);
  EXPECT_EQ(info.tray_open, 1u);
  EXPECT_EQ(info.length, 0u);
  EXPECT_EQ(platter_close_tray(machine_.get(), "cd0"), PLATTER_TRAY_MOVED);
  EXPECT_EQ(platter_close_tray(machine_.get(), "cd0"), PLATTER_TRAY_ALREADY);
  EXPECT_THAT(machine_.events(),
              ElementsAre("TRAY cd0 open", "TRAY cd0", "TRAY cd0 open", "TRAY cd0"));
}

TEST_F(CapiTrayTest, TheGuestsLockHoldsThePoliteHostAndNotTheOther) {
  ASSERT_EQ(Change("memory,size=1M,read-only=on"), 0) << Error();
  ASSERT_TRUE(guest_->ClearNews());
  ASSERT_TRUE(guest_->PreventAllow(AtapiLock::kLocked).ok());
  EXPECT_EQ(machine_.InfoOf("cd0").locked, 1u);
  EXPECT_EQ(platter_eject(machine_.get(), "cd0", PLATTER_POLITELY), -EBUSY);
  EXPECT_THAT(Error(), AllOf(HasSubstr("cd0"), HasSubstr("locked")));
  EXPECT_EQ(Change("memory,size=2M,read-only=on"), -EBUSY);
  EXPECT_EQ(platter_open_tray(machine_.get(), "cd0", PLATTER_POLITELY), PLATTER_TRAY_REQUESTED);
  EXPECT_EQ(machine_.InfoOf("cd0").length, 1048576u);
  EXPECT_EQ(platter_open_tray(machine_.get(), "cd0", PLATTER_FORCE), PLATTER_TRAY_MOVED);
  EXPECT_EQ(platter_remove_medium(machine_.get(), "cd0"), 0) << Error();
  EXPECT_EQ(machine_.InfoOf("cd0").inserted, 0u);
}

TEST_F(CapiTrayTest, AMediumInSteps) {
  machine_.AddBlockdev("memory,node-name=disc,size=1M,read-only=on");
  EXPECT_EQ(platter_insert_medium(machine_.get(), "cd0", "disc"), -EINVAL);
  EXPECT_THAT(Error(), AllOf(HasSubstr("'cd0'"), HasSubstr("is not open")));
  EXPECT_EQ(platter_open_tray(machine_.get(), "cd0", PLATTER_POLITELY), PLATTER_TRAY_MOVED);
  EXPECT_EQ(platter_insert_medium(machine_.get(), "cd0", "none"), -ENOENT);
  EXPECT_THAT(Error(), HasSubstr("'none'"));
  EXPECT_EQ(platter_insert_medium(machine_.get(), "cd0", nullptr), -EINVAL);
  EXPECT_EQ(platter_insert_medium(machine_.get(), "cd0", "disc"), 0) << Error();
  EXPECT_EQ(platter_close_tray(machine_.get(), "cd0"), PLATTER_TRAY_MOVED);
  EXPECT_TRUE(guest_->ClearNews());
  EXPECT_EQ(guest_->ReadCapacity()->blocks, 512u);
}

TEST_F(CapiTrayTest, AChangeThatCannotBeLeavesWhatWasThere) {
  ASSERT_EQ(Change(R"({"driver": "memory", "node-name": "mine", "size": 1048576})"), 0) << Error();
  EXPECT_EQ(Change("file,filename=/no/such/disc,read-only=on"), -ENOENT);
  EXPECT_THAT(Error(), HasSubstr("/no/such/disc"));
  EXPECT_EQ(Change("memory,sise=1M"), -EINVAL);
  EXPECT_THAT(Error(), HasSubstr("sise"));
  EXPECT_EQ(Change(""), -EINVAL);
  EXPECT_EQ(Change("{"), -EINVAL);
  EXPECT_EQ(Change(nullptr), -EINVAL);
  EXPECT_EQ(Change("memory,size=1M", 2), -EINVAL);
  EXPECT_EQ(Error(), "platter_change_medium: 'force' is no enum platter_force");
  EXPECT_EQ(machine_.InfoOf("cd0").length, 1048576u);
  EXPECT_EQ(machine_.InfoOf("cd0").tray_open, 0u);
}

TEST_F(CapiTrayTest, DrivesThatAreNone) {
  platter_machine* const m = machine_.get();
  machine_.AddDevice("virtio-scsi,id=scsi0");
  EXPECT_EQ(platter_eject(m, "none", PLATTER_POLITELY), -ENOENT);
  EXPECT_EQ(Error(), "drive 'none': there is neither a device nor a block backend of that name");
  EXPECT_EQ(platter_eject(m, "scsi0", PLATTER_POLITELY), -ENOENT);
  EXPECT_EQ(Error(), "device 'scsi0' is no drive");
  EXPECT_EQ(platter_eject(m, nullptr, PLATTER_POLITELY), -EINVAL);
  EXPECT_EQ(Error(), "platter_eject: 'drive' is NULL");
  EXPECT_EQ(platter_resize(m, "cd0", 512), -ENOMEDIUM);
  EXPECT_EQ(platter_get_drive_info(m, "cd0", nullptr), -EINVAL);
  platter_drive_info info = {};
  EXPECT_EQ(platter_get_drive_info(m, "cd0", &info), -EINVAL) << "no size";
}

TEST(CapiResizeTest, TheGuestSeesTheNewSize) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("virtio-blk,id=vd0,drive=d0");
  VirtioMmioDriver transport(machine, machine.VirtioPlaceOf("vd0"));
  VirtioBlkDriver disk(machine, transport, {});
  ASSERT_EQ(MessageOf(disk.Probe()), "");
  EXPECT_EQ(platter_resize(machine.get(), "vd0", 2097152), 0) << Error();
  EXPECT_TRUE(disk.WaitUntil([&] { return disk.info().capacity_sectors == 4096; },
                             std::chrono::seconds(60)));
  EXPECT_EQ(machine.InfoOf("vd0").length, 2097152u);
  EXPECT_EQ(platter_resize(machine.get(), "vd0", 1000), -EINVAL) << "not whole sectors";
}

TEST(CapiThresholdTest, AWriteBeyondItIsToldOnce) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_EQ(platter_set_write_threshold(machine.get(), "none", 1), -ENOENT);
  EXPECT_EQ(platter_set_write_threshold(machine.get(), nullptr, 1), -EINVAL);
  ASSERT_EQ(platter_set_write_threshold(machine.get(), "d0", 512), 0) << Error();
  IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
  const std::vector<uint8_t> sector(512);
  EXPECT_TRUE(disk.Write(IdeWay::kDma, 0, sector)->ok());
  EXPECT_TRUE(machine.events().empty());
  EXPECT_TRUE(disk.Write(IdeWay::kDma, 1, sector)->ok());
  EXPECT_TRUE(disk.Write(IdeWay::kDma, 2, sector)->ok());
  EXPECT_TRUE(machine.WaitFor([&] { return !machine.events().empty(); }, std::chrono::seconds(60)));
  EXPECT_THAT(machine.events(), ElementsAre("THRESHOLD d0"));
}

TEST(CapiSavedStateTest, ImagesGoFromOneMachineToAnother) {
  const std::string image = testing::TempDir() + "/capi_handover.img";
  std::ofstream(image, std::ios::binary) << std::string(1 << 20, 'x');
  const std::string node = "file,node-name=d0,filename=" + image;
  CapiMachine from;
  from.AddBlockdev(node.c_str());
  from.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_EQ(platter_expect_incoming(from.get()), -EBUSY) << "it has a disk";
  CapiMachine to;
  ASSERT_EQ(platter_expect_incoming(to.get()), 0) << Error();
  EXPECT_EQ(platter_get_state(to.get()), PLATTER_INCOMING);
  to.AddBlockdev(node.c_str());
  to.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_LT(platter_cont(to.get()), 0) << "the other one has the image";
  EXPECT_THAT(Error(), HasSubstr("capi_handover.img"));
  EXPECT_EQ(platter_inactivate(from.get()), -EBUSY) << "it runs";
  ASSERT_EQ(platter_stop(from.get()), 0);
  ASSERT_EQ(platter_inactivate(from.get()), 0) << Error();
  EXPECT_EQ(platter_cont(to.get()), 0) << Error();
  EXPECT_EQ(platter_get_state(to.get()), PLATTER_RUNNING);
  EXPECT_LT(platter_cont(from.get()), 0);
  EXPECT_EQ(platter_get_state(from.get()), PLATTER_PAUSED);
}

TEST(CapiSavedStateTest, AnotherMachineGoesOn) {
  void* state = nullptr;
  size_t bytes = 0;
  {
    CapiMachine machine;
    machine.AddBlockdev("memory,node-name=d0,size=1M");
    machine.AddDevice("ide-hd,id=hd0,drive=d0");
    IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
    ASSERT_TRUE(disk.SetMultiple(8)->ok());
    EXPECT_EQ(platter_save_state(machine.get(), &state, &bytes), -EBUSY) << "it runs";
    EXPECT_EQ(state, nullptr);
    EXPECT_EQ(platter_save_state(machine.get(), nullptr, &bytes), -EINVAL);
    EXPECT_EQ(platter_save_state(machine.get(), &state, nullptr), -EINVAL);
    ASSERT_EQ(platter_stop(machine.get()), 0);
    ASSERT_EQ(platter_save_state(machine.get(), &state, &bytes), 0) << Error();
    ASSERT_GT(bytes, 0u);
  }
  CapiMachine machine;
  ASSERT_EQ(platter_stop(machine.get()), 0);
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_EQ(platter_restore_state(machine.get(), nullptr, 0), -EINVAL);
  EXPECT_EQ(Error(), "platter_restore_state: 'data' is NULL");
  EXPECT_EQ(platter_restore_state(machine.get(), "no state", 8), -EINVAL);
  EXPECT_EQ(platter_restore_state(machine.get(), state, bytes / 2), -EINVAL);
  ASSERT_EQ(platter_restore_state(machine.get(), state, bytes), 0) << Error();
  platter_free(state);
  ASSERT_EQ(platter_cont(machine.get()), 0);
  // READ MULTIPLE is refused by a drive that has not been told how many.
  IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
  std::vector<uint8_t> data(512 * 8);
  EXPECT_TRUE(disk.Read(IdeWay::kMultiple, 0, data)->ok());
}

}  // namespace
}  // namespace platter
