// SPDX-License-Identifier: Apache-2.0
//
// What is set for a drive: I/O limits, histograms of latencies.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "blockbackend/throttle/throttle_config.h"
#include "machine/machine.h"
#include "machine/throttle_options.h"
#include "monitor/all_commands.h"
#include "monitor/drive_lookup.h"
#include "monitor/proto/block.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

absl::Status Refuse(const std::string& text) {
  return QmpError(QmpErrorClass::kGenericError, text);
}

// The group that the limits are for: the one named, or the one the drive is in, or one of its own.
std::string GroupFor(const qmp::BlockSetIoThrottle& arguments, const BlockBackend& drive) {
  if (arguments.has_group()) return arguments.group();
  if (drive.throttle_group().has_value()) return "";
  return arguments.has_device() ? arguments.device() : arguments.id();
}

Task<QmpResult> SetThrottle(CommandContext context, qmp::BlockSetIoThrottle arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  if ((*drive)->root() == nullptr) {
    co_return Refuse(absl::StrCat("block_set_io_throttle: the drive of ",
                                  arguments.has_id() ? arguments.id() : arguments.device(),
                                  " has no medium"));
  }
  ThrottleConfig config;
  ReadThrottleFields(arguments, kQmpThrottleFields, "", config);
  const std::string group = GroupFor(arguments, **drive);
  co_return ResultOf(co_await (*drive)->SetIoThrottle(config, group));
}

struct HistogramWish {
  StatsKind kind;
  const char* name;
  std::vector<uint64_t> boundaries;
};

using Boundaries = google::protobuf::RepeatedField<uint64_t>;

// Without any boundaries all histograms end; else those change that have some, of their own or of
// all kinds.
std::vector<HistogramWish> WishesFrom(const qmp::BlockLatencyHistogramSet& arguments) {
  const Boundaries& all = arguments.boundaries();
  const bool end = all.empty() && arguments.boundaries_read().empty() &&
                   arguments.boundaries_write().empty() && arguments.boundaries_flush().empty();
  std::vector<HistogramWish> wishes;
  const auto add = [&](StatsKind kind, const char* name, const Boundaries& own) {
    const Boundaries& wanted = own.empty() ? all : own;
    if (wanted.empty() && !end) return;
    wishes.push_back({kind, own.empty() ? "boundaries" : name, {wanted.begin(), wanted.end()}});
  };
  add(StatsKind::kRead, "boundaries-read", arguments.boundaries_read());
  add(StatsKind::kWrite, "boundaries-write", arguments.boundaries_write());
  add(StatsKind::kFlush, "boundaries-flush", arguments.boundaries_flush());
  return wishes;
}

Task<QmpResult> SetHistogram(CommandContext context, qmp::BlockLatencyHistogramSet arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDriveById(*context.machine, arguments.id());
  if (!drive.ok()) co_return drive.status();
  std::vector<HistogramWish> wishes = WishesFrom(arguments);
  for (const HistogramWish& wish : wishes) {
    if (AreHistogramBoundaries(wish.boundaries)) continue;
    co_return Refuse(absl::StrCat("block-latency-histogram-set.", wish.name,
                                  ": boundaries are above 0 and ascend"));
  }
  for (HistogramWish& wish : wishes) {
    absl::Status set =
        co_await (*drive)->SetLatencyHistogram(wish.kind, std::move(wish.boundaries));
    if (!set.ok()) co_return set;
  }
  co_return NothingToReturn();
}

}  // namespace

std::vector<CommandRow> LimitsCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&SetThrottle>("block_set_io_throttle", kNothing),
      CommandFor<&SetHistogram>("block-latency-histogram-set", kNothing),
  };
}

}  // namespace platter
