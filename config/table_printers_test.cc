// SPDX-License-Identifier: Apache-2.0

#include "config/table_printers.h"

#include "gtest/gtest.h"

#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

config::BlockdevOptions Node() {
  config::BlockdevOptions node;
  node.set_node_name("n");
  node.mutable_cache()->set_direct(true);
  config::BlockdevOptions* image = node.mutable_blkdebug()->mutable_image()->mutable_definition();
  image->mutable_raw()->mutable_file()->set_reference("low");
  node.mutable_blkdebug()->add_inject_error()->set_event(config::BLKDEBUG_EVENT_READ_AIO);
  node.mutable_blkdebug()->add_suspend()->set_tag("a,\"b");
  return node;
}

TEST(TablePrinters, Keyval) {
  EXPECT_EQ(PrintKeyval(Node()),
            "node-name=n,cache.direct=on,driver=blkdebug,image.driver=raw,image.file=low,"
            "inject-error.0.event=read_aio,x-suspend.0.tag=a,,\"b");
}

TEST(TablePrinters, Json) {
  EXPECT_EQ(PrintJson(Node()),
            R"({"node-name":"n","cache":{"direct":true},"driver":"blkdebug",)"
            R"("image":{"driver":"raw","file":"low"},"inject-error":[{"event":"read_aio"}],)"
            R"("x-suspend":[{"tag":"a,\"b"}]})");
}

TEST(TablePrinters, NumbersInLists) {
  config::IoThreadVqMapping mapping;
  mapping.add_vqs(3);
  mapping.add_vqs(0);
  EXPECT_EQ(PrintKeyval(mapping), "vqs.0=3,vqs.1=0");
  EXPECT_EQ(PrintJson(mapping), R"({"vqs":[3,0]})");
  EXPECT_EQ(PrintText(mapping), "vqs: 3\nvqs: 0\n");
}

}  // namespace
}  // namespace platter
