// SPDX-License-Identifier: Apache-2.0
//
// An ATAPI drive among real threads: a vCPU at the registers, the drive in the control context,
// where the host changes media. For ThreadSanitizer.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/testing/fake_block_device.h"
#include "devices/testing/loop_thread.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/in_process_bus.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

class AtapiCdThreads : public testing::Test {
 protected:
  static constexpr uint64_t kBlocks = 256;
  static constexpr IdeDriver::Place kPlace = {};

  AtapiCdThreads() {
    backend_.record = false;
    FillPattern(1, 0, backend_.data);
    IoSpace& ports = bus_.ports();
    EXPECT_TRUE(ports.Map(kPlace.command, ata::kCommandBlockBytes, channel_.command_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.control, ata::kControlBlockBytes, channel_.control_block()).ok());
    EXPECT_TRUE(ports.Map(kPlace.bus_master, kBusMasterBytes, channel_.bus_master()).ok());
    OnHost([&](const std::function<void()>& done) {
      auto drive = AtapiCd::Create({.id = "cd0"}, channel_.port(0), backend_, host_.context());
      EXPECT_TRUE(drive.ok()) << drive.status();
      drive_ = *std::move(drive);
      done();
    });
  }
  ~AtapiCdThreads() override {
    OnHost([&](const std::function<void()>& done) { drive_->Unplug(done); });
    OnHost([&](const std::function<void()>& done) {
      drive_.reset();
      done();
    });
  }

  // Has the host's thread do something, until it says `done`.
  template <typename Function>
  void OnHost(Function function) {
    std::atomic<bool> done{false};
    host_.context().Post([&] { function([&] { done.store(true); }); });
    while (!done.load()) std::this_thread::yield();
  }

  std::unique_ptr<AioContext> guest_ = *CreateAioContext({.kind = AioKind::kThreads});
  LoopThread host_{"host"};
  InProcessBus bus_{*guest_, {}};
  FakeBlockDevice backend_{kBlocks * AtapiDriver::kBlock};
  IdeChannel channel_{{.memory = bus_.memory(), .line = bus_.Line(kPlace.line)}};
  std::unique_ptr<AtapiCd> drive_;
};

// A read gives the medium's bytes or news, and the news end, whatever the host does meanwhile.
TEST_F(AtapiCdThreads, AGuestReadsWhileTheHostChangesTheMedium) {
  std::atomic<bool> over{false};
  std::thread host([&] {
    for (int i = 0; i < 100; ++i) {
      OnHost([&](const std::function<void()>& done) {
        backend_.ops.change_media(MediumMove::kEject);
        backend_.ops.change_media(MediumMove::kLoad);
        backend_.ops.eject_request(Force::kNo);
        done();
      });
    }
    over.store(true);
  });
  AtapiDriver driver(bus_, kPlace);
  std::vector<uint8_t> data(size_t{4} * AtapiDriver::kBlock);
  int good = 0;
  for (int i = 0; good < 50 || !over.load(); ++i) {
    const AtapiResult result = driver.Read10(i % 2 == 0 ? IdeWay::kDma : IdeWay::kPio, 5, data);
    if (!result.answer.has_value()) break;
    if (!result.ok()) {
      EXPECT_TRUE(AtapiDriver::IsNews(result.sense)) << int{result.sense.key};
      continue;
    }
    ++good;
    EXPECT_TRUE(std::equal(data.begin(), data.end(), backend_.data.begin() + 5 * 2048));
  }
  host.join();
  EXPECT_GE(good, 50) << "no answer";
  EXPECT_EQ(driver.faults(), 0u);
}

}  // namespace
}  // namespace platter
