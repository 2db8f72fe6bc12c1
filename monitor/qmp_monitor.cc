// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_monitor.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "machine/machine.h"
#include "monitor/all_commands.h"
#include "monitor/qmp_error.h"

namespace platter {

namespace {

CommandTable TableFor(const QmpMonitorOptions& options) {
  return options.exports == nullptr ? AllCommands() : StorageDaemonCommands();
}

// Of a name that the table has not.
absl::Status NotFound(const CommandTable& table, const std::string& command) {
  const std::string why = table.WhyNot(command);
  return QmpError(
      QmpErrorClass::kCommandNotFound,
      absl::StrCat("The command ", command, " has not been found", why.empty() ? "" : ": ", why));
}

}  // namespace

QmpMonitor::QmpMonitor(QmpMonitorOptions options)
    : options_(std::move(options)), table_(TableFor(options_)) {
  Prepare();
}

QmpMonitor::QmpMonitor(QmpMonitorOptions options, CommandTable table)
    : options_(std::move(options)), table_(std::move(table)) {
  Prepare();
}

void QmpMonitor::Prepare() {
  PLATTER_CHECK(options_.machine != nullptr && options_.events != nullptr);
  quit_ = [this] {
    quitting_ = true;
    if (options_.quit) options_.quit();
  };
}

QmpMonitor::~QmpMonitor() { PLATTER_CHECK(sessions_ == 0 && !busy_); }

AioContext& QmpMonitor::control() { return options_.machine->control(); }

Task<void> QmpMonitor::Execute(QmpRequest request, absl::AnyInvocable<void(QmpResult)> reply) {
  const CommandRow* const row = table_.Find(request.command);
  if (row == nullptr) {
    reply(NotFound(table_, request.command));
    co_return;
  }
  co_await Take();
  const CommandContext context = {.machine = options_.machine,
                                  .events = options_.events,
                                  .table = &table_,
                                  .quit = &quit_,
                                  .turn = this,
                                  .exports = options_.exports};
  reply(co_await row->run(context, row->name, std::move(request.arguments)));
  Release();
}

void QmpMonitor::Release() {
  busy_ = false;
  free_.Set();
  free_.Reset();
}

Task<void> QmpMonitor::Take() {
  while (busy_) co_await free_.Wait();
  busy_ = true;
}

void QmpMonitor::SessionEnds() {
  --sessions_;
  session_ended_.Set();
  session_ended_.Reset();
}

Task<void> QmpMonitor::Settle() {
  settling_ = true;
  options_.machine->CancelMediumWaits();
  while (sessions_ > 0) co_await session_ended_.Wait();
  settling_ = false;
}

}  // namespace platter
