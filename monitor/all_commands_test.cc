// SPDX-License-Identifier: Apache-2.0

#include "monitor/all_commands.h"

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

#include "gtest/gtest.h"

#include "config/proto/schema.pb.h"
#include "config/schema.h"

namespace platter {
namespace {

TEST(AllCommandsTest, TheListIsThis) {
  std::set<std::string> names;
  const CommandTable table = AllCommands();
  for (const CommandRow& row : table.rows()) names.insert(row.name);
  EXPECT_EQ(names, (std::set<std::string>{"block-latency-histogram-set",
                                          "block-set-write-threshold",
                                          "block_resize",
                                          "block_set_io_throttle",
                                          "blockdev-add",
                                          "blockdev-change-medium",
                                          "blockdev-close-tray",
                                          "blockdev-del",
                                          "blockdev-insert-medium",
                                          "blockdev-open-tray",
                                          "blockdev-remove-medium",
                                          "blockdev-reopen",
                                          "blockdev-set-active",
                                          "cont",
                                          "device_add",
                                          "device_del",
                                          "eject",
                                          "object-add",
                                          "object-del",
                                          "qmp_capabilities",
                                          "query-block",
                                          "query-blockstats",
                                          "query-commands",
                                          "query-events",
                                          "query-name",
                                          "query-named-block-nodes",
                                          "query-qmp-schema",
                                          "query-status",
                                          "query-version",
                                          "quit",
                                          "stop",
                                          "system_reset",
                                          "x-block-resume",
                                          "x-block-set-on-error"}));
}

TEST(AllCommandsTest, EveryArgumentHasHelp) {
  const CommandTable table = AllCommands();
  for (const CommandRow& row : table.rows()) {
    for (const SchemaOption& option : MessageSchema(row.arguments()).options()) {
      EXPECT_FALSE(option.spec->help().empty()) << row.name << "." << option.name;
    }
  }
}

}  // namespace
}  // namespace platter
