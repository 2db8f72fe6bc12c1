// SPDX-License-Identifier: Apache-2.0

#include "machine/virtio_blk_config.h"

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
using ::testing::HasSubstr;

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
      "werror=ignore,num-queues=3,queue-size=64");
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
  EXPECT_TRUE(options->iothreads.empty());
}

TEST_F(VirtioBlkConfigTest, UnsetPropertiesAreLeftToTheDevice) {
  absl::StatusOr<VirtioBlkOptions> options = Convert("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->write_cache, std::nullopt);
  EXPECT_EQ(options->discard_granularity, std::nullopt);
  EXPECT_EQ(options->rerror, OnError::kAuto);
}

TEST_F(VirtioBlkConfigTest, QueuesGoToTheirThreads) {
  EXPECT_THAT(Convert(",iothread=t1")->iothreads, ElementsAre(contexts_["t1"]));
  EXPECT_THAT(Convert(",num-queues=2,iothread-vq-mapping.0.iothread=t0,"
                      "iothread-vq-mapping.1.iothread=t1")
                  ->iothreads,
              ElementsAre(contexts_["t0"], contexts_["t1"]));
  EXPECT_THAT(Convert(",num-queues=3,iothread-vq-mapping.0.iothread=t0,"
                      "iothread-vq-mapping.0.vqs.0=2,iothread-vq-mapping.1.iothread=t1,"
                      "iothread-vq-mapping.1.vqs.0=0,iothread-vq-mapping.1.vqs.1=1")
                  ->iothreads,
              ElementsAre(contexts_["t1"], contexts_["t1"], contexts_["t0"]));
}

TEST_F(VirtioBlkConfigTest, WrongMappingsAreNamed) {
  EXPECT_THAT(MessageOf(Convert(",iothread=t9").status()), HasSubstr("no iothread t9"));
  const auto mapped = [this](const std::string& queues) {
    return MessageOf(Convert(",num-queues=2,iothread-vq-mapping.0.iothread=t0," + queues).status());
  };
  EXPECT_NE(mapped("iothread-vq-mapping.0.vqs.0=0"), "");
  EXPECT_NE(mapped("iothread-vq-mapping.0.vqs.0=0,iothread-vq-mapping.0.vqs.1=0"), "");
  EXPECT_NE(mapped("iothread-vq-mapping.0.vqs.0=0,iothread-vq-mapping.0.vqs.1=2"), "");
}

}  // namespace
}  // namespace platter
