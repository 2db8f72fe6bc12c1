// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_schema.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "config/json_writer.h"
#include "monitor/all_commands.h"
#include "monitor/qmp_events.h"

namespace platter {
namespace {

class QmpSchemaTest : public testing::Test {
 protected:
  QmpSchemaTest() {
    for (const Value& entry : schema_.as_list()) {
      const std::string name = entry.Find("name")->as_string();
      EXPECT_TRUE(by_name_.emplace(name, &entry).second) << "twice: " << name;
    }
  }
  std::string Entry(const std::string& name) {
    return by_name_.contains(name) ? FormatJson(*by_name_[name]) : "none";
  }

  const CommandTable table_ = AllCommands();
  const Value schema_ = SchemaValue(table_);
  std::map<std::string, const Value*> by_name_;
};

TEST_F(QmpSchemaTest, EveryCommandAndEventIsThere) {
  for (const CommandRow& row : table_.rows()) EXPECT_TRUE(by_name_.contains(row.name)) << row.name;
  for (const QmpEventRow& row : QmpEventRows()) EXPECT_TRUE(by_name_.contains(row.name));
}

TEST_F(QmpSchemaTest, ACommandSaysWhatItTakes) {
  EXPECT_EQ(Entry("blockdev-insert-medium"),
            R"({"name": "blockdev-insert-medium", "meta-type": "command", )"
            R"("arg-type": "BlockdevInsertMedium", "ret-type": "q_empty", "allow-oob": false})");
  EXPECT_EQ(Entry("BlockdevInsertMedium"),
            R"({"name": "BlockdevInsertMedium", "meta-type": "object", "members": [)"
            R"({"name": "id", "type": "str"}, {"name": "node-name", "type": "str"}]})");
  EXPECT_NE(Entry("stop").find(R"("arg-type": "q_empty")"), std::string::npos);
  EXPECT_NE(Entry("query-block").find(R"("ret-type": "any")"), std::string::npos);
}

TEST_F(QmpSchemaTest, UnionsAlternatesListsAndEnumerationsAreDescribed) {
  EXPECT_NE(Entry("BlockdevOptions").find(R"("tag": "driver")"), std::string::npos);
  EXPECT_NE(Entry("BlockdevOptions").find(R"({"case": "raw", "type": "RawDriverOptions"})"),
            std::string::npos);
  EXPECT_EQ(Entry("BlockdevRef"), R"({"name": "BlockdevRef", "meta-type": "alternate", "members": )"
                                  R"([{"type": "str"}, {"type": "BlockdevOptions"}]})");
  EXPECT_EQ(Entry("[str]"), R"({"name": "[str]", "meta-type": "array", "element-type": "str"})");
  EXPECT_NE(Entry("ReadOnlyMode").find(R"("values": ["retain", "read-only", "read-write"])"),
            std::string::npos);
}

// Every type that is named is described.
TEST_F(QmpSchemaTest, NoTypeIsMissing) {
  const auto check = [this](const Value* type, const std::string& of) {
    ASSERT_NE(type, nullptr) << of;
    EXPECT_TRUE(by_name_.contains(type->as_string())) << of << ": " << type->as_string();
  };
  for (const auto& [name, entry] : by_name_) {
    for (const char* const key : {"arg-type", "ret-type", "element-type"}) {
      if (entry->Find(key) != nullptr) check(entry->Find(key), name);
    }
    const std::string meta = entry->Find("meta-type")->as_string();
    if (meta == "object" || meta == "alternate") {
      for (const Value& member : entry->Find("members")->as_list())
        check(member.Find("type"), name);
    }
    if (entry->Find("variants") == nullptr) continue;
    for (const Value& variant : entry->Find("variants")->as_list()) {
      check(variant.Find("type"), name);
    }
  }
}

}  // namespace
}  // namespace platter
