// SPDX-License-Identifier: Apache-2.0
//
// The machine's run state. A command is answered when it is done: `stop` when everything is quiet,
// `system_reset` when every device has been reset.

#include "machine/machine.h"
#include "monitor/all_commands.h"
#include "monitor/export_host.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_events.h"

namespace platter {
namespace {

Task<QmpResult> Stop(CommandContext context, qmp::NoArguments /*arguments*/) {
  co_await context.machine->Stop();
  co_return NothingToReturn();
}

Task<QmpResult> Cont(CommandContext context, qmp::NoArguments /*arguments*/) {
  co_return ResultOf(co_await context.machine->Cont());
}

Task<QmpResult> SystemReset(CommandContext context, qmp::NoArguments /*arguments*/) {
  const QmpEvents::HostReset by_host(*context.events);
  co_await context.machine->Reset();
  co_return NothingToReturn();
}

Task<QmpResult> QueryStatus(CommandContext context, qmp::NoArguments /*arguments*/) {
  const MachineState state = context.machine->state();
  co_return Value::FromObject({{"status", Value::String(MachineStateName(state))},
                               {"singlestep", Value::Bool(false)},
                               {"running", Value::Bool(state == MachineState::kRunning)}});
}

// The machine has no name.
Task<QmpResult> QueryName(CommandContext /*context*/, qmp::NoArguments /*arguments*/) {
  co_return NothingToReturn();
}

Task<QmpResult> Quit(CommandContext context, qmp::NoArguments /*arguments*/) {
  if (context.exports != nullptr) {
    // As the field does: who listens is told of each, and no machine shuts down.
    co_await context.exports->DeleteAll();
  } else {
    context.events->EmitShutdown();
  }
  (*context.quit)();
  co_return NothingToReturn();
}

}  // namespace

std::vector<CommandRow> MachineCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  constexpr auto kSomething = CommandReturns::kSomething;
  return {
      CommandFor<&Stop>("stop", kNothing),
      CommandFor<&Cont>("cont", kNothing),
      CommandFor<&SystemReset>("system_reset", kNothing),
      CommandFor<&QueryStatus>("query-status", kSomething),
      CommandFor<&QueryName>("query-name", kSomething),
      CommandFor<&Quit>("quit", kNothing),
  };
}

}  // namespace platter
