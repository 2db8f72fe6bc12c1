// SPDX-License-Identifier: Apache-2.0

#include "monitor/command_table.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "config/json.h"
#include "config/json_writer.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/proto/media.pb.h"

namespace platter {
namespace {

Task<QmpResult> SayWhat(CommandContext, qmp::Eject arguments) {
  co_return Value::String(arguments.id() + (arguments.force() ? " by force" : ""));
}
Task<QmpResult> SayNothing(CommandContext, qmp::NoArguments) { co_return NothingToReturn(); }

class CommandTableTest : public testing::Test {
 protected:
  CommandTableTest() {
    table_.Add({CommandFor<&SayWhat>("say", CommandReturns::kSomething)});
    table_.Add({CommandFor<&SayNothing>("no", CommandReturns::kNothing)});
  }
  std::string Run(std::string_view name, std::string_view arguments) {
    const CommandRow* const row = table_.Find(name);
    if (row == nullptr) return "no such command";
    QmpResult result = BlockOn(world_.NewContext("control"),
                               row->run(CommandContext{}, row->name, *ParseJson(arguments, "t")));
    return result.ok() ? FormatJson(*result) : MessageOf(result.status());
  }

  SimulatedWorld world_{1};
  CommandTable table_;
};

TEST_F(CommandTableTest, FindsByName) {
  EXPECT_EQ(table_.Find("nosuch"), nullptr);
  EXPECT_EQ(table_.Find("s"), nullptr);
  EXPECT_EQ(table_.rows().front().name, "no");
}

TEST_F(CommandTableTest, WhatWasTakenOutIsKnownByName) {
  EXPECT_EQ(table_.WhyNot("say"), "");
  table_.Remove("say", "nobody listens");
  EXPECT_EQ(table_.Find("say"), nullptr);
  EXPECT_EQ(table_.WhyNot("say"), "nobody listens");
  EXPECT_EQ(table_.WhyNot("no"), "");
  EXPECT_NE(table_.Find("no"), nullptr);
}

TEST_F(CommandTableTest, ArgumentsAreBoundAndDefaultsFilledIn) {
  EXPECT_EQ(Run("say", R"({"id": "cd0"})"), R"("cd0")");
  EXPECT_EQ(Run("say", R"({"id": "cd0", "force": true})"), R"("cd0 by force")");
  EXPECT_EQ(Run("no", "{}"), "{}");
}

TEST_F(CommandTableTest, WrongArgumentsAreRefusedByName) {
  EXPECT_EQ(Run("say", R"({"forc": true})"), "say.forc: unknown option; did you mean 'force'?");
  EXPECT_NE(Run("say", R"({"id": 5})").find("say.id: "), std::string::npos);
  EXPECT_NE(Run("say", R"({"force": "yes"})").find("say.force: "), std::string::npos);
  EXPECT_NE(Run("no", R"({"a": 1})").find("no.a: unknown option"), std::string::npos);
}

}  // namespace
}  // namespace platter
