// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_scsi_driver.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_direct_driver.h"
#include "testing/guest/virtio_mmio_driver.h"
#include "testing/guest/virtio_pci_driver.h"
#include "testing/guest/virtio_pci_slot_fixture.h"

namespace platter {
namespace {

constexpr uint64_t kBase = 0xa000000;
constexpr guest::ScsiLun kLun = guest::ScsiLunOf(0, 0);

enum class Transport : uint8_t { kMmio, kDirect, kPci, kPciLine };

struct DriverCase {
  const char* name;
  Transport transport;
  VirtioRingOptions ring = {};
};

class VirtioScsiDriverTest : public testing::TestWithParam<DriverCase>, protected ScsiListener {
 protected:
  ~VirtioScsiDriverTest() override {
    if (adapter_ != nullptr) Unplug();
  }
  void Make(const VirtioScsiDriver::Options& with = {}, uint32_t queues = 1) {
    adapter_ = *VirtioScsi::Create({.id = "scsi0", .num_queues = queues, .ring = GetParam().ring},
                                   control_);
    ASSERT_TRUE(adapter_->AddUnit({}, *ScsiDisk::Create({.id = "disk0"}, backend_)).ok());
    if (GetParam().transport == Transport::kMmio) {
      mmio_ = std::make_unique<MmioTransport>(*adapter_, bus_.memory(), bus_.Line(1));
      ASSERT_TRUE(bus_.mmio().Map(kBase, kMmioTransportBytes, *mmio_).ok());
      transport_ = std::make_unique<VirtioMmioDriver>(
          bus_, VirtioMmioDriver::Place{.base = kBase, .line = 1});
    } else if (GetParam().transport != Transport::kDirect) {
      slot_ = std::make_unique<VirtioPciSlot>(
          bus_, *adapter_,
          VirtioPciSlot::Options{.interrupts = GetParam().transport == Transport::kPci
                                                   ? VirtioPciDriver::Interrupts::kMsix
                                                   : VirtioPciDriver::Interrupts::kLine});
      transport_ = std::make_unique<VirtioPciDriver>(bus_, slot_->place());
    } else {
      direct_ = std::make_unique<DirectTransport>(*adapter_, bus_.Vectors(3));
      transport_ = std::make_unique<VirtioDirectDriver>(bus_, *adapter_, *direct_, 3);
    }
    driver_ = std::make_unique<VirtioScsiDriver>(bus_, *transport_, with);
    driver_->set_listener(this);
    const absl::Status probed = driver_->Probe();
    ASSERT_TRUE(probed.ok()) << probed;
  }
  void Unplug() {
    backend_.Release();
    bool done = false;
    adapter_->Unplug([&] { done = true; });
    world_.RunUntil([&] { return done; });
    driver_.reset();
    if (mmio_ != nullptr) bus_.mmio().Unmap(kBase);
    adapter_.reset();
    slot_.reset();
  }
  void OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) override {
    done_.emplace_back(token, answer.response);
  }
  void OnScsiFunctionDone(uint64_t token, uint8_t response) override {
    done_.emplace_back(token, response);
  }
  absl::StatusOr<ScsiAnswer> Ready() {
    return driver_->Execute(0, kLun, std::vector<uint8_t>(6), {}, 0);
  }

  std::vector<std::pair<uint64_t, uint8_t>> done_;
  SimulatedWorld world_{1};
  AioContext& control_ = world_.NewContext("control");
  InProcessBus bus_{control_, {}};
  FakeBlockDevice backend_{kMiB};
  std::unique_ptr<MmioTransport> mmio_;
  std::unique_ptr<DirectTransport> direct_;
  std::unique_ptr<VirtioPciSlot> slot_;
  std::unique_ptr<VirtioScsi> adapter_;
  std::unique_ptr<VirtioTransportDriver> transport_;
  std::unique_ptr<VirtioScsiDriver> driver_;
};

std::string NameOf(const testing::TestParamInfo<DriverCase>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Transports, VirtioScsiDriverTest,
    testing::Values(DriverCase{"Mmio", Transport::kMmio}, DriverCase{"Direct", Transport::kDirect},
                    DriverCase{"Pci", Transport::kPci}, DriverCase{"PciLine", Transport::kPciLine},
                    DriverCase{"MmioPacked", Transport::kMmio, {.packed = true}},
                    DriverCase{"DirectPacked", Transport::kDirect, {.packed = true}},
                    DriverCase{"PciPacked", Transport::kPci, {.packed = true}},
                    DriverCase{"DirectInOrder", Transport::kDirect, {.in_order = true}},
                    DriverCase{"MmioWithData", Transport::kMmio, {.notification_data = true}},
                    DriverCase{"PciLineAll",
                               Transport::kPciLine,
                               {.packed = true, .in_order = true, .notification_data = true}}),
    NameOf);

TEST_P(VirtioScsiDriverTest, ProbeTellsWhatTheDeviceIs) {
  Make({.queues = 8}, 3);
  EXPECT_EQ(driver_->queue_count(), 3);
  EXPECT_EQ(driver_->config().cdb_size.get(), 32u);
  EXPECT_TRUE(driver_->Has(guest::kScsiFeatureHotplug));
  EXPECT_FALSE(driver_->Has(guest::kScsiFeatureInOut));
  EXPECT_FALSE(driver_->Execute(3, kLun, std::vector<uint8_t>(6), {}, 0).ok());
}

TEST_P(VirtioScsiDriverTest, WaitingFormsCarryDataBothWays) {
  Make();
  EXPECT_TRUE(Ready()->IsSense(6, 0x2900));
  VirtioScsiUnit unit(*driver_, kLun);
  ScsiInitiator disk(unit);
  const std::vector<uint8_t> data(1024, 0x42);
  EXPECT_TRUE(disk.Write10(1, 2, data)->good());
  EXPECT_TRUE(std::equal(data.begin(), data.end(), backend_.data.begin() + 512));
  EXPECT_EQ(disk.Read10(1, 2, 512)->data, data);
  EXPECT_EQ(disk.Inquiry()->Number(0, 1), 0u);
  EXPECT_EQ(driver_->ring_faults(), 0u);
}

TEST_P(VirtioScsiDriverTest, RefusedFeaturesAreNotUsed) {
  Make({.refused_features = guest::kScsiFeatureChange});
  EXPECT_FALSE(driver_->Has(guest::kScsiFeatureChange));
}

TEST_P(VirtioScsiDriverTest, SilenceIsADeadlineAndAResetTakesAway) {
  Make({.timeout = std::chrono::milliseconds(50)});
  EXPECT_TRUE(Ready().ok());
  backend_.hold = true;
  backend_.on_cancel = FakeBlockDevice::OnCancel::kCompletes;
  const std::vector<uint8_t> cdb = ScsiRead10(0, 1);
  EXPECT_EQ(driver_->Execute(0, kLun, cdb, {}, 512).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  const GuestSegment data = {*bus_.Allocate(512, 512), 512};
  ASSERT_TRUE(driver_->Submit(0, {.lun = kLun, .cdb = cdb, .in = std::span(&data, 1)}, 7));
  driver_->Kick(0);
  ASSERT_TRUE(driver_->Reset().ok());
  EXPECT_EQ(done_, (std::vector<std::pair<uint64_t, uint8_t>>{{7, guest::kScsiNotWritten}}));
}

TEST_P(VirtioScsiDriverTest, FunctionsNotificationsAndEvents) {
  Make();
  EXPECT_TRUE(Ready().ok());
  EXPECT_EQ(*driver_->Function(guest::ScsiFunction::kUnitReset, kLun), guest::kScsiOk);
  ASSERT_TRUE(driver_->StartFunction(guest::ScsiFunction::kQueryTaskSet, kLun, 0, 9));
  ASSERT_TRUE(driver_->WaitUntil([&] { return !done_.empty(); }, std::chrono::seconds(1)));
  EXPECT_EQ(done_[0], (std::pair<uint64_t, uint8_t>{9, guest::kScsiOk}));
  EXPECT_EQ(driver_->Notification(guest::kScsiNotificationQuery, kLun, 16)->response,
            guest::kScsiOk);
  // More than it has buffers, in turn.
  for (uint64_t i = 0; i < 20; ++i) {
    backend_.Resize((i % 2 + 1) * kMiB);
    driver_->WaitUntil([] { return false; }, std::chrono::milliseconds(1));
    const auto events = driver_->TakeEvents();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].event.get(), guest::kScsiParamChange);
  }
}

TEST_P(VirtioScsiDriverTest, ADeviceThatIsGoneIsUnavailable) {
  Make({.timeout = std::chrono::milliseconds(50)});
  bool done = false;
  adapter_->Unplug([&] { done = true; });
  world_.RunUntil([&] { return done; });
  EXPECT_EQ(Ready().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace platter
