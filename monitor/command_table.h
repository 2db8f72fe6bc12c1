// SPDX-License-Identifier: Apache-2.0
//
// CommandTable: the commands a monitor has, a row each: name, arguments (a protobuf message, from
// which the binder and query-qmp-schema know what they are), handler.
//
//   Task<QmpResult> Eject(CommandContext context, qmp::Eject arguments);
//   std::vector<CommandRow> MediaCommands() {
//     return {CommandFor<&Eject>("eject", CommandReturns::kNothing), ...};
//   }
//
// Ownership: the table owns its rows; what CommandContext names outlives a command that runs.
// Threading: control context. Units: none. Errors: a handler's Status becomes the error reply;
// wrong
//   arguments are refused before it runs: "eject.forc: unknown option; did you mean 'force'?".

#ifndef PLATTER_MONITOR_COMMAND_TABLE_H_
#define PLATTER_MONITOR_COMMAND_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/task.h"
#include "config/value.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace platter {

class CommandTable;
class ExportHost;
class Machine;
class QmpEvents;

// Commands run one at a time. One that waits for somebody outside of the program lets others have
// their turn meanwhile:
//
//   turn.Release();
//   ... co_await ...
//   co_await turn.Take();
//
// and looks at everything anew.
class CommandTurn {
 public:
  virtual void Release() = 0;
  virtual Task<void> Take() = 0;
  // Nobody is to wait long for anything: the monitor ends.
  virtual bool ending() const = 0;

 protected:
  ~CommandTurn() = default;
};

// What a command works on.
struct CommandContext {
  Machine* machine;
  QmpEvents* events;
  const CommandTable* table;
  // Asks the program to end; not empty.
  absl::AnyInvocable<void()>* quit;
  CommandTurn* turn;
  // nullptr: a machine's monitor.
  ExportHost* exports = nullptr;
};

using QmpResult = absl::StatusOr<Value>;

// {}: what a command returns that has nothing to say.
Value NothingToReturn();
// The same, or the error.
QmpResult ResultOf(const absl::Status& status);

enum class CommandReturns : uint8_t { kNothing, kSomething };

struct CommandRow {
  std::string name;
  CommandReturns returns;
  // Of its arguments.
  const google::protobuf::Descriptor* (*arguments)();
  Task<QmpResult> (*run)(CommandContext context, std::string name, Value arguments);
};

// Fills the empty `message` from a command's arguments; defaults are filled in, all is checked.
absl::Status BindArguments(std::string_view command, const Value& arguments,
                           google::protobuf::Message* message);

template <typename Message>
using CommandHandler = Task<QmpResult> (*)(CommandContext, Message);

template <typename Message, CommandHandler<Message> kHandler>
Task<QmpResult> BindAndRun(CommandContext context, std::string name, Value arguments) {
  Message message;
  if (absl::Status bound = BindArguments(name, arguments, &message); !bound.ok()) co_return bound;
  co_return co_await kHandler(context, std::move(message));
}

template <typename Message>
struct HandlerOf {
  template <CommandHandler<Message> kHandler>
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved from.
  static CommandRow Row(std::string name, CommandReturns returns) {
    return {.name = std::move(name),
            .returns = returns,
            .arguments = [] { return Message::descriptor(); },
            .run = &BindAndRun<Message, kHandler>};
  }
};
template <typename Message>
HandlerOf<Message> MessageOfHandler(CommandHandler<Message>);

template <auto kHandler>
CommandRow CommandFor(std::string name, CommandReturns returns) {
  using Of = decltype(MessageOfHandler(kHandler));
  return Of::template Row<kHandler>(std::move(name), returns);
}

class CommandTable {
 public:
  // Names are unique (checked).
  void Add(std::vector<CommandRow> rows);
  // Takes the row of that name (checked) out, for a monitor that has no such command.
  void Remove(const std::string& name, std::string why);
  // nullptr when there is none.
  const CommandRow* Find(std::string_view name) const;
  // Of a name that was taken out; empty for others.
  std::string WhyNot(const std::string& name) const;
  // By name.
  const std::vector<CommandRow>& rows() const { return rows_; }

 private:
  std::vector<CommandRow> rows_;
  std::map<std::string, std::string> removed_;  // Why.
};

}  // namespace platter

#endif  // PLATTER_MONITOR_COMMAND_TABLE_H_
