// SPDX-License-Identifier: Apache-2.0

#include "config/help.h"

#include <algorithm>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using ::testing::HasSubstr;

std::string Help(const Descriptor* type, std::string_view variant) {
  const MessageSchema schema(type);
  return VariantHelp(type, *schema.FindVariant(variant), "--blockdev");
}

TEST(Help, IsWrittenFromTheSchema) {
  EXPECT_EQ(Help(config::BlockdevOptions::descriptor(), "raw"),
            R"(--blockdev driver=raw: another node, or a part of it, as it is

Options:
  file=<node>                   the node that holds the data (required)
  offset=<size>                 where in that node this one starts (default: 0)
  size=<size>                   size of this node (default: to the end)

Options of every driver:
  node-name=<id>                name of the node; a node that is not nested in another one needs it
                                (default: made up)
  read-only=<on|off>            refuse writes (default: off; nested: as the node above)
  auto-read-only=<on|off>       become read-only where writing is not possible (default: off;
                                nested: as the node above)
  cache.direct=<on|off>         bypass the host's page cache (O_DIRECT) (default: off; nested: as
                                the node above)
  cache.no-flush=<on|off>       ignore flush requests; data is lost with the host (default: off;
                                nested: as the node above)
  discard=<ignore|unmap>        what to do with discard requests (default: ignore; nested: unmap)
  detect-zeroes=<off|on|unmap>  what to do with writes of zeroes; unmap needs discard=unmap
                                (default: off)
  active=<on|off>               off: another process may have the image for now; no locks, no writes
                                (default: on)

<node> is the node-name of an existing node, or a node of its own: write its driver and options
with the option's name and a dot in front (file.driver=null-co).
)");
}

TEST(Help, ListsVariants) {
  EXPECT_EQ(VariantListHelp(config::ObjectOptions::descriptor(), "--object"),
            "Values of qom-type:\n"
            "  iothread        a thread that serves devices\n"
            "  throttle-group  I/O limits that drives share\n"
            "\n"
            "--object qom-type=NAME,help tells the options of one.\n");
}

TEST(Help, WritesListsAndLongChoicesOut) {
  const std::string help = Help(config::BlockdevOptions::descriptor(), "blkdebug");
  EXPECT_THAT(help, HasSubstr("  inject-error.N.event=<blkdebug-event> "));
  EXPECT_THAT(help,
              HasSubstr("<blkdebug-event> is one of none, read_aio, write_aio, flush_to_os,"));
  EXPECT_THAT(Help(config::DeviceOptions::descriptor(), "virtio-blk"),
              HasSubstr("iothread-vq-mapping.N.vqs.N=<integer>"));
}

// Every option of every variant is there, and no line is too wide for a terminal.
TEST(Help, IsCompleteAndFits) {
  for (const Descriptor* type :
       {config::BlockdevOptions::descriptor(), config::DeviceOptions::descriptor(),
        config::ObjectOptions::descriptor(), config::BlockExportOptions::descriptor(),
        config::ChardevOptions::descriptor()}) {
    const MessageSchema schema(type);
    for (const SchemaOption& variant : schema.variants()) {
      const std::string help = Help(type, variant.name);
      for (const SchemaOption& option : MessageSchema(variant.field->message_type()).options()) {
        EXPECT_THAT(help, HasSubstr("\n  " + option.name)) << variant.name;
      }
      std::istringstream lines(help);
      for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 100u) << line;
        EXPECT_FALSE(line.ends_with(' ')) << "'" << line << "'";
      }
    }
  }
}

}  // namespace
}  // namespace platter
