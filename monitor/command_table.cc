// SPDX-License-Identifier: Apache-2.0

#include "monitor/command_table.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "base/check.h"
#include "base/status.h"
#include "config/binder.h"
#include "config/completion.h"

namespace platter {

Value NothingToReturn() { return Value::FromObject({}); }

QmpResult ResultOf(const absl::Status& status) {
  if (!status.ok()) return status;
  return NothingToReturn();
}

absl::Status BindArguments(std::string_view command, const Value& arguments,
                           google::protobuf::Message* message) {
  PLATTER_RETURN_IF_ERROR(BindMessage(arguments, command, message));
  return CompleteOptions(command, message);
}

void CommandTable::Add(std::vector<CommandRow> rows) {
  for (CommandRow& row : rows) rows_.push_back(std::move(row));
  std::sort(rows_.begin(), rows_.end(),
            [](const CommandRow& a, const CommandRow& b) { return a.name < b.name; });
  PLATTER_CHECK(
      std::adjacent_find(rows_.begin(), rows_.end(), [](const CommandRow& a, const CommandRow& b) {
        return a.name == b.name;
      }) == rows_.end());
}

void CommandTable::Remove(const std::string& name, std::string why) {
  PLATTER_CHECK(std::erase_if(rows_, [&name](const CommandRow& row) { return row.name == name; }) ==
                1);
  removed_[name] = std::move(why);
}

std::string CommandTable::WhyNot(const std::string& name) const {
  const auto found = removed_.find(name);
  return found == removed_.end() ? "" : found->second;
}

const CommandRow* CommandTable::Find(std::string_view name) const {
  const auto at = std::lower_bound(
      rows_.begin(), rows_.end(), name,
      [](const CommandRow& row, std::string_view wanted) { return row.name < wanted; });
  return at == rows_.end() || at->name != name ? nullptr : &*at;
}

}  // namespace platter
