// SPDX-License-Identifier: Apache-2.0

#include "capi/platter.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "capi/capi_fixture.h"
#include "testing/guest/ide_driver.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_mmio_driver.h"

namespace platter {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Error() { return platter_last_error(); }

platter_host PlainHost() {
  platter_host host = {};
  host.size = sizeof(host);
  host.aio = PLATTER_AIO_THREADS;
  return host;
}

TEST(CapiTest, TheVersionIsTheHeaders) {
  EXPECT_EQ(platter_version(), std::to_string(PLATTER_VERSION_MAJOR) + "." +
                                   std::to_string(PLATTER_VERSION_MINOR) + "." +
                                   std::to_string(PLATTER_VERSION_PATCH));
}

// Each with everything missing that may be missing.
TEST(CapiTest, NoHandleIsAnErrorThatNamesFunctionAndArgument) {
  const std::vector<std::pair<const char*, int>> answers = {
      {"platter_bind_thread", platter_bind_thread(nullptr)},
      {"platter_run", platter_run(nullptr, 0)},
      {"platter_poll_fd", platter_poll_fd(nullptr)},
      {"platter_timeout", platter_timeout(nullptr, nullptr)},
      {"platter_wake", platter_wake(nullptr)},
      {"platter_configure", platter_configure(nullptr, "")},
      {"platter_object_add", platter_object_add(nullptr, "")},
      {"platter_object_del", platter_object_del(nullptr, "")},
      {"platter_blockdev_add", platter_blockdev_add(nullptr, "")},
      {"platter_blockdev_del", platter_blockdev_del(nullptr, "")},
      {"platter_device_add", platter_device_add(nullptr, "")},
      {"platter_device_del", platter_device_del(nullptr, "")},
      {"platter_location_of", platter_location_of(nullptr, "", nullptr)},
      {"platter_guest_memory", platter_guest_memory(nullptr, 0, 0, nullptr)},
      {"platter_mmio_read", platter_mmio_read(nullptr, 0, 4, nullptr)},
      {"platter_mmio_write", platter_mmio_write(nullptr, 0, 4, 0)},
      {"platter_port_read", platter_port_read(nullptr, 0, 1, nullptr)},
      {"platter_port_write", platter_port_write(nullptr, 0, 1, 0)},
      {"platter_notify", platter_notify(nullptr, nullptr, 0)},
      {"platter_stop", platter_stop(nullptr)},
      {"platter_cont", platter_cont(nullptr)},
      {"platter_reset", platter_reset(nullptr)},
      {"platter_get_state", platter_get_state(nullptr)},
      {"platter_eject", platter_eject(nullptr, "", PLATTER_POLITELY)},
      {"platter_open_tray", platter_open_tray(nullptr, "", PLATTER_POLITELY)},
      {"platter_close_tray", platter_close_tray(nullptr, "")},
      {"platter_insert_medium", platter_insert_medium(nullptr, "", "")},
      {"platter_remove_medium", platter_remove_medium(nullptr, "")},
      {"platter_change_medium", platter_change_medium(nullptr, "", "", PLATTER_POLITELY)},
      {"platter_resize", platter_resize(nullptr, "", 0)},
      {"platter_get_drive_info", platter_get_drive_info(nullptr, "", nullptr)},
      {"platter_save_state", platter_save_state(nullptr, nullptr, nullptr)},
      {"platter_set_write_threshold", platter_set_write_threshold(nullptr, "", 0)},
      {"platter_expect_incoming", platter_expect_incoming(nullptr)},
      {"platter_inactivate", platter_inactivate(nullptr)},
      {"platter_restore_state", platter_restore_state(nullptr, nullptr, 0)},
  };
  for (const auto& [function, answer] : answers) EXPECT_EQ(answer, -EINVAL) << function;
  EXPECT_EQ(Error(), "platter_restore_state: 'machine' is NULL");
  EXPECT_EQ(platter_run(nullptr, 0), -EINVAL);
  EXPECT_EQ(Error(), "platter_run: 'machine' is NULL");
  EXPECT_EQ(platter_machine_destroy(nullptr), 0);
  platter_free(nullptr);
}

TEST(CapiTest, NoArgumentIsAnErrorToo) {
  CapiMachine machine;
  platter_machine* const m = machine.get();
  EXPECT_EQ(platter_configure(m, nullptr), -EINVAL);
  EXPECT_EQ(Error(), "platter_configure: 'options' is NULL");
  EXPECT_EQ(platter_device_del(m, nullptr), -EINVAL);
  EXPECT_EQ(Error(), "platter_device_del: 'id' is NULL");
  EXPECT_EQ(platter_timeout(m, nullptr), -EINVAL);
  EXPECT_EQ(platter_location_of(m, nullptr, nullptr), -EINVAL);
  EXPECT_EQ(platter_location_of(m, "x", nullptr), -EINVAL);
  EXPECT_EQ(Error(), "platter_location_of: 'where' is NULL");
  EXPECT_EQ(platter_guest_memory(m, 0, 1, nullptr), -EINVAL);
  EXPECT_EQ(platter_mmio_read(m, 0, 4, nullptr), -EINVAL);
  EXPECT_EQ(Error(), "platter_mmio_read: 'value' is NULL");
  EXPECT_EQ(platter_port_read(m, 0, 4, nullptr), -EINVAL);
  EXPECT_EQ(platter_notify(m, nullptr, 0), -EINVAL);
}

TEST(CapiCreateTest, WhatItRefuses) {
  platter_machine* machine = reinterpret_cast<platter_machine*>(&machine);
  platter_host host = PlainHost();
  EXPECT_EQ(platter_machine_create(&host, nullptr), -EINVAL);
  EXPECT_EQ(platter_machine_create(nullptr, &machine), -EINVAL);
  EXPECT_EQ(Error(), "platter_machine_create: 'host' is NULL");
  EXPECT_EQ(machine, nullptr) << "on failure there is no machine";

  host.size = sizeof(host) - 1;
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL);
  EXPECT_THAT(Error(), HasSubstr("size of a structure"));
  host = PlainHost();
  host.aio = 7;
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL);
  EXPECT_EQ(Error(), "platter_host.aio: there is no kind 7");
  host = PlainHost();
  host.reserved = 1;
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL);
}

TEST(CapiCreateTest, MemoryThatIsNone) {
  std::array<uint8_t, 8192> bytes{};
  std::array<platter_memory_region, 2> regions = {{
      {.address = 0, .size = 4096, .host = bytes.data(), .read_only = 0, .reserved = 0},
      {.address = 4095, .size = 4096, .host = &bytes[4096], .read_only = 0, .reserved = 0},
  }};
  platter_machine* machine = nullptr;
  platter_host host = PlainHost();
  host.memory = regions.data();
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL) << "an address without a count";
  host.memory_count = 2;
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL);
  EXPECT_THAT(Error(), AllOf(StartsWith("platter_host.memory: "), HasSubstr("overlap")));
  regions[1] = {.address = 4096, .size = 4096, .host = nullptr, .read_only = 0, .reserved = 0};
  EXPECT_EQ(platter_machine_create(&host, &machine), -EINVAL);
  EXPECT_EQ(Error(), "platter_host.memory[1]: 'host' is NULL");
  EXPECT_EQ(machine, nullptr);
}

TEST(CapiCreateTest, MemoryOfTheCallersAndOfTheMachinesOwn) {
  std::array<uint8_t, 8192> bytes{};
  const std::array<platter_memory_region, 2> regions = {{
      {.address = 0, .size = 4096, .host = bytes.data(), .read_only = 0, .reserved = 0},
      {.address = 8192, .size = 4096, .host = &bytes[4096], .read_only = 1, .reserved = 0},
  }};
  platter_machine* machine = nullptr;
  platter_host host = PlainHost();
  host.memory = regions.data();
  host.memory_count = regions.size();
  ASSERT_EQ(platter_machine_create(&host, &machine), 0) << Error();
  void* found = nullptr;
  EXPECT_EQ(platter_guest_memory(machine, 4000, 96, &found), 0);
  EXPECT_EQ(found, &bytes[4000]);
  EXPECT_EQ(platter_guest_memory(machine, 4000, 97, &found), -EFAULT);
  EXPECT_THAT(Error(), HasSubstr("97 bytes at guest address 4000"));
  EXPECT_EQ(platter_guest_memory(machine, 8192, 1, &found), -EFAULT) << "read-only";
  EXPECT_EQ(platter_machine_destroy(machine), 0);

  host = PlainHost();
  ASSERT_EQ(platter_machine_create(&host, &machine), 0) << Error();
  EXPECT_EQ(platter_guest_memory(machine, 0, 1, &found), -EFAULT) << "not configured yet";
  EXPECT_EQ(platter_configure(machine, "memory: 65536"), 0) << Error();
  EXPECT_EQ(platter_guest_memory(machine, 65535, 1, &found), 0) << Error();
  EXPECT_EQ(platter_guest_memory(machine, 65536, 1, &found), -EFAULT);
  EXPECT_EQ(platter_machine_destroy(machine), 0);
}

TEST(CapiCreateTest, EveryKindOfEventLoop) {
  for (const uint32_t aio : {PLATTER_AIO_AUTO, PLATTER_AIO_THREADS}) {
    platter_machine* machine = nullptr;
    platter_host host = PlainHost();
    host.aio = aio;
    ASSERT_EQ(platter_machine_create(&host, &machine), 0) << Error();
    EXPECT_GE(platter_poll_fd(machine), 0);
    EXPECT_EQ(platter_machine_destroy(machine), 0);
  }
}

TEST(CapiTest, AnotherThreadIsRefusedUntilItTakesTheMachineOver) {
  CapiMachine machine;
  platter_machine* const m = machine.get();
  std::thread([&] {
    EXPECT_EQ(platter_run(m, 0), -EPERM);
    EXPECT_EQ(Error(), "platter_run: this thread is not the machine's; see platter_bind_thread");
    EXPECT_EQ(platter_stop(m), -EPERM);
    EXPECT_EQ(platter_machine_destroy(m), -EPERM);
    EXPECT_EQ(platter_bind_thread(m), 0);
    EXPECT_EQ(platter_stop(m), 0) << Error();
  }).join();
  EXPECT_EQ(platter_get_state(m), -EPERM);
  EXPECT_EQ(platter_bind_thread(m), 0);
  EXPECT_EQ(platter_get_state(m), PLATTER_PAUSED);
}

TEST(CapiTest, InsideOfACallbackNothingButAWakeUpIsTaken) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("ide-hd,id=hd0,drive=d0");
  machine.in_event = [](CapiMachine& inside) {
    inside.answer_in_callback = platter_cont(inside.get());
    EXPECT_EQ(Error(), "platter_cont: called from inside a callback of the library's");
    EXPECT_EQ(platter_wake(inside.get()), 0);
  };
  EXPECT_EQ(platter_stop(machine.get()), 0) << Error();
  EXPECT_EQ(machine.answer_in_callback, -EDEADLK);
  machine.in_event = nullptr;
  EXPECT_EQ(platter_cont(machine.get()), 0) << Error();

  machine.answer_in_callback = 0;
  machine.in_interrupt = [](CapiMachine& inside) {
    uint64_t value = 0;
    inside.answer_in_callback = platter_port_read(inside.get(), 0x1f7, 1, &value);
  };
  IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
  EXPECT_TRUE(disk.Identify().ok());
  EXPECT_EQ(machine.answer_in_callback, -EDEADLK);
}

TEST(CapiRunTest, AWakeUpEndsTheWait) {
  CapiMachine machine;
  while (platter_run(machine.get(), 0) == 1) {
  }
  EXPECT_EQ(platter_run(machine.get(), 0), 0);
  std::thread other([&] { EXPECT_EQ(platter_wake(machine.get()), 0); });
  EXPECT_EQ(platter_run(machine.get(), -1), 1);
  other.join();
}

TEST(CapiRunTest, TheDescriptorOfALoopOfTheCallersOwn) {
  CapiMachine machine;
  while (platter_run(machine.get(), 0) == 1) {
  }
  pollfd ready = {.fd = platter_poll_fd(machine.get()), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  int left = 0;
  EXPECT_EQ(platter_timeout(machine.get(), &left), 0);
  EXPECT_EQ(left, -1);
  EXPECT_EQ(platter_wake(machine.get()), 0);
  EXPECT_EQ(poll(&ready, 1, -1), 1);
  EXPECT_EQ(platter_run(machine.get(), 0), 1);
}

TEST(CapiPartsTest, ADiskOnPorts) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("ide-hd,id=hd0,drive=d0,serial=PORTS-1");
  IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
  const auto identity = disk.Identify();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->serial, "PORTS-1");
  std::vector<uint8_t> data(512 * 8, 0x5a);
  EXPECT_TRUE(disk.Write(IdeWay::kDma, 3, data)->ok());
  std::vector<uint8_t> back(data.size());
  EXPECT_TRUE(disk.Read(IdeWay::kPio, 3, back)->ok());
  EXPECT_EQ(back, data);
  EXPECT_EQ(machine.InfoOf("hd0").write.bytes, data.size());
  EXPECT_EQ(disk.faults(), 0u);
}

TEST(CapiPartsTest, ADiskOnMmioWithAnIoThreadAndItsNotify) {
  CapiMachine machine;
  ASSERT_EQ(platter_object_add(machine.get(), "iothread,id=t0"), 0) << Error();
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("virtio-blk,id=vd0,drive=d0,iothread=t0");
  EXPECT_EQ(platter_object_del(machine.get(), "t0"), -EBUSY);
  VirtioMmioDriver transport(machine, machine.VirtioPlaceOf("vd0"));
  VirtioBlkDriver disk(machine, transport, {});
  ASSERT_EQ(MessageOf(disk.Probe()), "");
  EXPECT_EQ(disk.info().capacity_sectors, 2048u);

  // A request whose queue the hypervisor tells of, from a thread of its own.
  struct Done final : BlkListener {
    void OnBlkDone(uint64_t, uint8_t status) override { answer = status; }
    int answer = -1;
  } done;
  disk.set_listener(&done);
  const GuestSegment segment{.address = *machine.Allocate(512, 512), .bytes = 512};
  BlkCommand command;
  command.data = std::span(&segment, 1);
  ASSERT_TRUE(disk.Submit(0, command, 1));
  ASSERT_TRUE(disk.queue(0).Publish()) << "it wants to be told";
  const platter_location where = machine.PlaceOf("vd0");
  std::thread([&] { EXPECT_EQ(platter_notify(machine.get(), &where, 0), 0) << Error(); }).join();
  EXPECT_TRUE(disk.WaitUntil([&] { return done.answer == 0; }, std::chrono::seconds(60)));
  EXPECT_EQ(disk.ring_faults(), 0u);

  EXPECT_EQ(platter_device_del(machine.get(), "vd0"), 0) << Error();
  EXPECT_EQ(platter_blockdev_del(machine.get(), "d0"), 0) << Error();
  EXPECT_EQ(platter_object_del(machine.get(), "t0"), 0) << Error();
  EXPECT_THAT(machine.events(), ElementsAre("DELETED vd0"));
}

TEST(CapiPartsTest, NotifyNeedsAVirtioPlaceAndAQueue) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddBlockdev("memory,node-name=d1,size=1M");
  machine.AddDevice("ide-hd,id=hd0,drive=d0");
  machine.AddDevice("virtio-blk,id=vd0,drive=d1");
  const platter_location ide = machine.PlaceOf("hd0");
  EXPECT_EQ(platter_notify(machine.get(), &ide, 0), -EINVAL);
  EXPECT_EQ(Error(), "platter_notify: 'where' is no place of a virtio device");
  platter_location virtio = machine.PlaceOf("vd0");
  EXPECT_EQ(platter_notify(machine.get(), &virtio, 65536), -EINVAL);
  EXPECT_EQ(platter_notify(machine.get(), &virtio, 65535), 0) << "the guest's mistake, not ours";
  virtio.size = 8;
  EXPECT_EQ(platter_notify(machine.get(), &virtio, 0), -EINVAL);
}

TEST(CapiPartsTest, PlacesOfUnitsAndOfNothing) {
  CapiMachine machine;
  machine.AddBlockdev("memory,node-name=d0,size=1M");
  machine.AddDevice("virtio-scsi,id=scsi0");
  machine.AddDevice("scsi-hd,id=sd0,drive=d0,scsi-id=3,lun=5");
  const platter_location unit = machine.PlaceOf("sd0");
  EXPECT_EQ(unit.kind, static_cast<uint32_t>(PLATTER_AT_SCSI));
  EXPECT_STREQ(unit.adapter, "scsi0");
  EXPECT_EQ(unit.target, 3u);
  EXPECT_EQ(unit.lun, 5u);
  platter_location where = {};
  where.size = sizeof(where);
  EXPECT_EQ(platter_location_of(machine.get(), "none", &where), -ENODEV);
  EXPECT_THAT(Error(), HasSubstr("'none'"));
  where.size = 4;
  EXPECT_EQ(platter_location_of(machine.get(), "sd0", &where), -EINVAL);
}

TEST(CapiPartsTest, AccessesThatMeanNothing) {
  CapiMachine machine;
  uint64_t value = 0;
  for (const unsigned width : {0u, 3u, 5u, 16u, 0xffffffffu}) {
    EXPECT_EQ(platter_mmio_read(machine.get(), 0, width, &value), -EINVAL) << width;
    EXPECT_EQ(platter_port_write(machine.get(), 0, width, 0), -EINVAL) << width;
  }
  EXPECT_EQ(Error(), "platter_port_write: 'width' is not 1, 2, 4 or 8");
  EXPECT_EQ(platter_port_read(machine.get(), 0x80, 2, &value), 0);
  EXPECT_EQ(value, 0xffffu);
  EXPECT_EQ(platter_mmio_read(machine.get(), UINT64_MAX, 8, &value), 0);
  EXPECT_EQ(value, UINT64_MAX);
  EXPECT_EQ(platter_mmio_write(machine.get(), UINT64_MAX - 1, 8, 1), 0);
}

TEST(CapiPartsTest, OptionsThatAreWrongAndHelp) {
  CapiMachine machine;
  platter_machine* const m = machine.get();
  EXPECT_EQ(platter_blockdev_add(m, "memroy,node-name=d0"), -EINVAL);
  EXPECT_THAT(Error(), AllOf(HasSubstr("memroy"), HasSubstr("memory")));
  EXPECT_EQ(platter_blockdev_add(m, "file,node-name=d0,filename=/no/such/image"), -ENOENT);
  EXPECT_THAT(Error(), HasSubstr("/no/such/image"));
  EXPECT_EQ(platter_blockdev_add(m, R"({"driver": "memory")"), -EINVAL);
  EXPECT_EQ(platter_blockdev_add(m, "driver=help"), -EINVAL);
  EXPECT_THAT(Error(), AllOf(HasSubstr("null-co"), HasSubstr("memory")));
  EXPECT_EQ(platter_device_add(m, "ide-hd,id=hd0,drive=none"), -ENOENT);
  EXPECT_THAT(Error(), HasSubstr("'none'"));
  EXPECT_EQ(platter_device_del(m, "hd0"), -ENODEV);
  EXPECT_EQ(platter_blockdev_del(m, "d0"), -ENOENT);
  EXPECT_EQ(platter_object_del(m, "t0"), -ENOENT);

  // After all these it works as before.
  machine.AddBlockdev(R"({"driver": "memory", "node-name": "d0", "size": 1048576})");
  machine.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_EQ(platter_device_add(m, "ide-hd,id=hd0,drive=d0"), -EEXIST);
  EXPECT_EQ(platter_blockdev_del(m, "d0"), -EBUSY);
}

TEST(CapiPartsTest, AConfigurationIsThereAsAWholeOrNotAtAll) {
  CapiMachine machine;
  EXPECT_EQ(platter_configure(machine.get(), R"(
      blockdevs { node_name: "d0" memory { size: 1048576 } }
      devices { id: "vd0" virtio_blk { drive: "gone" } })"),
            -EINVAL);
  EXPECT_EQ(Error(), "machine.devices.0.drive: there is no node 'gone'");
  EXPECT_EQ(platter_configure(machine.get(), R"(
      blockdevs { node_name: "d0" memory { size: 1048576 } }
      blockdevs { node_name: "d1" file { filename: "/no/such/image" } })"),
            -ENOENT);
  EXPECT_THAT(Error(), HasSubstr("/no/such/image"));
  EXPECT_EQ(platter_configure(machine.get(), R"({
      "blockdevs": [{"driver": "memory", "node-name": "d0", "size": 1048576}],
      "devices": [{"driver": "virtio-blk", "id": "vd0", "drive": "d0"}]})"),
            0)
      << Error();
  EXPECT_EQ(machine.InfoOf("vd0").length, 1048576u);
}

TEST(CapiStateTest, StopContAndReset) {
  CapiMachine machine;
  EXPECT_EQ(platter_get_state(machine.get()), PLATTER_RUNNING);
  EXPECT_EQ(platter_stop(machine.get()), 0);
  EXPECT_EQ(platter_get_state(machine.get()), PLATTER_PAUSED);
  EXPECT_EQ(platter_cont(machine.get()), 0);
  EXPECT_EQ(platter_reset(machine.get()), 0);
  EXPECT_EQ(platter_get_state(machine.get()), PLATTER_RUNNING);
  EXPECT_THAT(machine.events(), ElementsAre("pause", "STOP", "RESUME", "resume", "RESET"));
}

TEST(CapiStateTest, AnIoErrorStopsTheMachineAndContTriesAgain) {
  CapiMachine machine;
  machine.AddBlockdev(R"({"driver": "blkdebug", "node-name": "d0",
      "image": {"driver": "memory", "size": 1048576},
      "inject-error": [{"event": "write_aio", "errno": 28, "once": true}]})");
  machine.AddDevice("ide-hd,id=hd0,drive=d0,werror=stop");
  IdeDriver disk(machine, machine.IdePlaceOf("hd0"));
  const uint64_t address = *machine.Allocate(512, 512);
  IdeCommand command = disk.Transfer(IdeWay::kDma, true, 0, 512);
  command.buffer = address;
  disk.Start(command);
  ASSERT_TRUE(machine.WaitFor([&] { return platter_get_state(machine.get()) == PLATTER_IO_ERROR; },
                              std::chrono::seconds(60)));
  EXPECT_EQ(machine.InfoOf("hd0").io_status, 2u);
  EXPECT_EQ(platter_cont(machine.get()), 0);
  EXPECT_TRUE(disk.PollFor([&] { return disk.Poll().has_value(); }, std::chrono::seconds(60)));
  EXPECT_EQ(machine.InfoOf("hd0").io_status, 0u);
  EXPECT_THAT(machine.events(), ElementsAre("ERROR hd0 d0 write 2 No space left on device", "pause",
                                            "STOP io-error", "RESUME", "resume"));
}

TEST(CapiTest, MachinesShareNothing) {
  CapiMachine one;
  CapiMachine two;
  one.AddBlockdev("memory,node-name=d0,size=1M");
  two.AddBlockdev("memory,node-name=d0,size=2M");
  one.AddDevice("ide-hd,id=hd0,drive=d0");
  two.AddDevice("ide-hd,id=hd0,drive=d0");
  EXPECT_EQ(platter_stop(one.get()), 0);
  EXPECT_EQ(platter_get_state(two.get()), PLATTER_RUNNING);
  EXPECT_EQ(one.InfoOf("hd0").length, 1048576u);
  EXPECT_EQ(two.InfoOf("hd0").length, 2097152u);
}

}  // namespace
}  // namespace platter
