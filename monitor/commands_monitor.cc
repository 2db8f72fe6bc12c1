// SPDX-License-Identifier: Apache-2.0
//
// The monitor about itself. What it says is made from the tables that it works with.

#include <utility>

#include "monitor/all_commands.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_events.h"
#include "monitor/qmp_schema.h"
#include "monitor/version.h"

namespace platter {
namespace {

Value Named(std::string name) {
  return Value::FromObject({{"name", Value::String(std::move(name))}});
}

// Every session answers this itself (qmp_session.h), as it is about the session. The row is for the
// lists.
Task<QmpResult> QmpCapabilities(CommandContext /*context*/, qmp::QmpCapabilities /*arguments*/) {
  co_return NothingToReturn();
}

Task<QmpResult> QueryVersion(CommandContext /*context*/, qmp::NoArguments /*arguments*/) {
  co_return VersionValue();
}

Task<QmpResult> QueryCommands(CommandContext context, qmp::NoArguments /*arguments*/) {
  Value::List names;
  for (const CommandRow& row : context.table->rows()) names.push_back(Named(row.name));
  co_return Value::FromList(std::move(names));
}

Task<QmpResult> QueryEvents(CommandContext /*context*/, qmp::NoArguments /*arguments*/) {
  Value::List names;
  for (const QmpEventRow& row : QmpEventRows()) names.push_back(Named(row.name));
  co_return Value::FromList(std::move(names));
}

Task<QmpResult> QueryQmpSchema(CommandContext context, qmp::NoArguments /*arguments*/) {
  co_return SchemaValue(*context.table);
}

}  // namespace

std::vector<CommandRow> MonitorCommands() {
  constexpr auto kSomething = CommandReturns::kSomething;
  return {
      CommandFor<&QmpCapabilities>("qmp_capabilities", CommandReturns::kNothing),
      CommandFor<&QueryVersion>("query-version", kSomething),
      CommandFor<&QueryCommands>("query-commands", kSomething),
      CommandFor<&QueryEvents>("query-events", kSomething),
      CommandFor<&QueryQmpSchema>("query-qmp-schema", kSomething),
  };
}

}  // namespace platter
