// SPDX-License-Identifier: Apache-2.0

#include "config/parse.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ParseBlockdev, KeyValueWithANestedNode) {
  const auto node =
      ParseBlockdev("driver=raw,node-name=d0,offset=1M,file.driver=file,file.filename=a,,b.img");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->node_name(), "d0");
  EXPECT_EQ(node->raw().offset(), 1u << 20);
  EXPECT_FALSE(node->raw().has_size());
  EXPECT_EQ(node->raw().file().definition().file().filename(), "a,b.img");
}

TEST(ParseBlockdev, AFirstByteOfABraceMeansJson) {
  const auto node = ParseBlockdev(R"( {"driver": "raw", "node-name": "d0", "file": "below"})");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->raw().file().reference(), "below");
}

TEST(ParseBlockdev, FillsDefaultsInAtEveryDepth) {
  const auto node = ParseBlockdev("raw,node-name=d0,file.driver=file,file.filename=x");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_TRUE(node->has_detect_zeroes());
  EXPECT_TRUE(node->raw().file().definition().file().has_aio());
  const auto null = ParseBlockdev("null-co,node-name=n");
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_EQ(null->null_co().size(), uint64_t{1} << 30);
}

TEST(ParseBlockdev, AnOptionGivenStaysWhatItIs) {
  const auto node = ParseBlockdev("null-co,node-name=n,size=0,read-zeroes=on");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->null_co().size(), 0u);
  EXPECT_TRUE(node->null_co().read_zeroes());
}

TEST(ParseBlockdev, NeedsANodeNameAtTheTopOnly) {
  const auto node = ParseBlockdev("null-co");
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(ErrnoOf(node.status()), EINVAL);
  EXPECT_THAT(MessageOf(node.status()), StartsWith("blockdev.node-name: missing"));
}

TEST(ParseDevice, VirtioBlk) {
  const auto device = ParseDevice(
      "virtio-blk,id=vd0,drive=d0,serial=A1,werror=stop,num-queues=2,"
      "iothread-vq-mapping.0.iothread=t0,iothread-vq-mapping.1.iothread=t1");
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->id(), "vd0");
  EXPECT_EQ(device->virtio_blk().werror(), config::ERROR_POLICY_STOP);
  EXPECT_EQ(device->virtio_blk().iothread_vq_mapping(1).iothread(), "t1");
  EXPECT_EQ(device->virtio_blk().queue_size(), 256u);
  EXPECT_FALSE(device->virtio_blk().has_physical_block_size());
}

TEST(ParseObject, IoThread) {
  const auto object = ParseObject("iothread,id=t0,poll-max-ns=0");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->id(), "t0");
  EXPECT_EQ(object->iothread().poll_max_ns(), 0u);
}

constexpr char kMachine[] = R"(
  memory: 33554432
  aio: AIO_KIND_SIMULATED
  objects { id: "t0" iothread {} }
  blockdevs { node_name: "disk0" null_co { size: 4096 } }
  devices { id: "vd0" virtio_blk { drive: "disk0" iothread: "t0" } }
)";

TEST(ParseMachineText, TextFormAndJsonGiveTheSameMachine) {
  const auto text = ParseMachineText(kMachine);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->aio(), config::AIO_KIND_SIMULATED);
  EXPECT_EQ(text->devices(0).virtio_blk().queue_size(), 256u);
  const auto json = ParseMachineText(R"({"memory": 33554432, "aio": "simulated",
      "objects": [{"id": "t0", "qom-type": "iothread"}],
      "blockdevs": [{"node-name": "disk0", "driver": "null-co", "size": 4096}],
      "devices": [{"id": "vd0", "driver": "virtio-blk", "drive": "disk0", "iothread": "t0"}]})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(text->SerializeAsString(), json->SerializeAsString());
}

TEST(ParseMachineText, SaysWhereTheTextIsWrong) {
  const auto machine = ParseMachineText("memory: 33554432\n  memry: 1");
  ASSERT_FALSE(machine.ok());
  EXPECT_EQ(MessageOf(machine.status()),
            "machine.memry: line 2, column 3: unknown option; did you mean 'memory'?");
}

TEST(CompleteBlockdev, TreatsAMessageMadeByAProgramLikeAParsedOne) {
  config::BlockdevOptions made;
  made.set_node_name("n");
  made.mutable_null_co()->set_size(4096);
  ASSERT_TRUE(CompleteBlockdev(made).ok());
  const auto parsed = ParseBlockdev("null-co,node-name=n,size=4K");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(made.SerializeAsString(), parsed->SerializeAsString());

  made.set_discard(static_cast<config::Discard>(77));
  EXPECT_THAT(MessageOf(CompleteBlockdev(made)), HasSubstr("blockdev.discard: takes ignore or"));
}

TEST(HelpRequested, ListsDriversAndOptions) {
  for (const char* text : {"help", "?", "driver=help", "driver=?"}) {
    const std::optional<std::string> help = HelpRequested(ParseBlockdev(text).status());
    ASSERT_TRUE(help.has_value()) << text;
    EXPECT_THAT(*help, HasSubstr("\n  null-co")) << text;
  }
  const std::optional<std::string> help = HelpRequested(ParseBlockdev("raw,help").status());
  ASSERT_TRUE(help.has_value());
  EXPECT_THAT(*help, HasSubstr("offset=<size>"));
  EXPECT_THAT(*help, HasSubstr("node-name=<id>"));
  EXPECT_THAT(*help, Not(HasSubstr("latency-ns")));
  EXPECT_TRUE(HelpRequested(ParseDevice("virtio-blk,help").status()).has_value());
  EXPECT_TRUE(HelpRequested(ParseObject("iothread,help").status()).has_value());
}

TEST(HelpRequested, NothingForErrorsAndSuccess) {
  EXPECT_FALSE(HelpRequested(ParseBlockdev("null-co").status()).has_value());
  EXPECT_FALSE(HelpRequested(ParseBlockdev("nosuch,help").status()).has_value());
  EXPECT_FALSE(HelpRequested(ParseBlockdev("null-co,node-name=n").status()).has_value());
}

}  // namespace
}  // namespace platter
