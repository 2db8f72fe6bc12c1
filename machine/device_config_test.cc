// SPDX-License-Identifier: Apache-2.0

#include "machine/device_config.h"

#include <cerrno>
#include <map>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

class VirtioBlkConfigTest : public testing::Test {
 protected:
  VirtioBlkConfigTest() {
    for (const char* name : {"t0", "t1"}) contexts_[name] = &world_.NewContext(name);
  }

  absl::StatusOr<VirtioBlkOptions> Convert(const std::string& options) {
    absl::StatusOr<config::DeviceOptions> parsed =
        ParseDevice("virtio-blk,id=vd0,drive=n0" + options);
    if (!parsed.ok()) return parsed.status();
    return VirtioBlkOptionsFrom(parsed->virtio_blk(), "vd0",
                                [this](std::string_view name) -> absl::StatusOr<AioContext*> {
                                  const auto found = contexts_.find(std::string(name));
                                  if (found != contexts_.end()) return found->second;
                                  return ErrorWithErrno(ENOENT, "no iothread " + std::string(name));
                                });
  }

  SimulatedWorld world_{1};
  std::map<std::string, AioContext*> contexts_;
};

TEST_F(VirtioBlkConfigTest, PropertiesArriveByName) {
  absl::StatusOr<VirtioBlkOptions> options = Convert(
      ",serial=S1,logical_block_size=4096,physical_block_size=8192,min_io_size=4096,"
      "opt_io_size=65536,discard_granularity=4096,write-cache=off,share-rw=on,rerror=stop,"
      "werror=ignore,num-queues=3,queue-size=64,packed=on,in_order=on,queue_reset=off,"
      "notification_data=on");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->id, "vd0");
  EXPECT_EQ(options->serial, "S1");
  EXPECT_EQ(options->logical_block_size, 4096u);
  EXPECT_EQ(options->physical_block_size, 8192u);
  EXPECT_EQ(options->min_io_size, 4096u);
  EXPECT_EQ(options->opt_io_size, 65536u);
  EXPECT_EQ(options->discard_granularity, 4096u);
  EXPECT_EQ(options->write_cache, false);
  EXPECT_TRUE(options->share_rw);
  EXPECT_EQ(options->rerror, OnError::kStop);
  EXPECT_EQ(options->werror, OnError::kIgnore);
  EXPECT_EQ(options->num_queues, 3u);
  EXPECT_EQ(options->queue_size, 64u);
  EXPECT_TRUE(options->ring.packed);
  EXPECT_TRUE(options->ring.in_order);
  EXPECT_FALSE(options->ring.queue_reset);
  EXPECT_TRUE(options->ring.notification_data);
  EXPECT_TRUE(options->iothreads.empty());
}

TEST_F(VirtioBlkConfigTest, RingsAreThoseOfTheFieldWhenNothingIsSaid) {
  const VirtioRingOptions ring = Convert("")->ring;
  EXPECT_FALSE(ring.packed);
  EXPECT_FALSE(ring.in_order);
  EXPECT_TRUE(ring.queue_reset);
  EXPECT_FALSE(ring.notification_data);
}

TEST_F(VirtioBlkConfigTest, ARetryIsGivenAsAWholeOrNotAtAll) {
  EXPECT_EQ(Convert(",werror=retry")->retry, std::nullopt) << "as the backend has it";
  EXPECT_EQ(Convert(",werror=retry,x-retry-limit=0")->retry, (RetryPolicy{.limit = 0}));
  EXPECT_EQ(
      Convert(",werror=retry,x-retry-delay=250,x-retry-limit=7,x-retry-action=stall")->retry,
      (RetryPolicy{.delay = std::chrono::milliseconds(250), .limit = 7, .then = OnError::kStall}));
}

TEST(RetryConfigTest, EveryKindOfDriveHasIt) {
  const auto parsed = [](const std::string& kind) {
    return *ParseDevice(kind + ",id=d0,drive=n0,rerror=retry,x-retry-limit=4");
  };
  EXPECT_EQ(AtaDiskOptionsFrom(parsed("ide-hd").ide_hd(), "d0").retry->limit, 4u);
  EXPECT_EQ(AtapiCdOptionsFrom(parsed("ide-cd").ide_cd(), "d0").retry->limit, 4u);
  EXPECT_EQ(ScsiDiskOptionsFrom(parsed("scsi-hd").scsi_hd(), "d0").retry->limit, 4u);
  EXPECT_EQ(ScsiCdOptionsFrom(parsed("scsi-cd").scsi_cd(), "d0").retry->limit, 4u);
}

TEST_F(VirtioBlkConfigTest, UnsetPropertiesAreLeftToTheDevice) {
  absl::StatusOr<VirtioBlkOptions> options = Convert("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->write_cache, std::nullopt);
  EXPECT_EQ(options->discard_granularity, std::nullopt);
  EXPECT_EQ(options->rerror, OnError::kAuto);
}

TEST_F(VirtioBlkConfigTest, ThreadsAreFoundOrNamed) {
  EXPECT_THAT(Convert(",iothread=t1")->iothreads, ElementsAre(contexts_["t1"]));
  EXPECT_EQ(MessageOf(Convert(",iothread=t9").status()), "device 'vd0': no iothread t9");
}

absl::StatusOr<AtaDiskOptions> IdeHd(const std::string& options) {
  const absl::StatusOr<config::DeviceOptions> parsed =
      ParseDevice("ide-hd,id=hd0,drive=n0" + options);
  if (!parsed.ok()) return parsed.status();
  return AtaDiskOptionsFrom(parsed->ide_hd(), "hd0");
}

TEST(IdeHdConfigTest, PropertiesArriveByName) {
  const absl::StatusOr<AtaDiskOptions> options = IdeHd(
      ",serial=S1,model=M,ver=2.0,wwn=77,physical_block_size=4096,rotation_rate=7200,"
      "write-cache=on,share-rw=on,rerror=stop,werror=report");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->id, "hd0");
  EXPECT_EQ(options->serial, "S1");
  EXPECT_EQ(options->model, "M");
  EXPECT_EQ(options->ver, "2.0");
  EXPECT_EQ(options->wwn, 77u);
  EXPECT_EQ(options->physical_block_size, 4096u);
  EXPECT_EQ(options->rotation_rate, 7200u);
  EXPECT_EQ(options->write_cache, true);
  EXPECT_TRUE(options->share_rw);
  EXPECT_EQ(options->rerror, OnError::kStop);
  EXPECT_EQ(options->werror, OnError::kReport);
}

TEST(IdeHdConfigTest, UnsetPropertiesAreLeftToTheDevice) {
  const absl::StatusOr<AtaDiskOptions> options = IdeHd("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->serial, "");
  EXPECT_EQ(options->model, AtaDiskOptions().model);
  EXPECT_EQ(options->ver, AtaDiskOptions().ver);
  EXPECT_EQ(options->physical_block_size, 0u);
  EXPECT_EQ(options->write_cache, std::nullopt);
}

TEST(IdeHdConfigTest, APlaceMayBeLeftOpen) {
  const auto wish = [](const std::string& options) {
    return IdeWishFrom(ParseDevice("ide-hd,drive=n0" + options)->ide_hd());
  };
  EXPECT_EQ(wish("").channel, std::nullopt);
  EXPECT_EQ(wish("").unit, std::nullopt);
  EXPECT_EQ(wish(",bus=ide.0").channel, 0u);
  EXPECT_EQ(wish(",bus=ide.1,unit=1").channel, 1u);
  EXPECT_EQ(wish(",bus=ide.1,unit=1").unit, 1u);
}

}  // namespace
}  // namespace platter
