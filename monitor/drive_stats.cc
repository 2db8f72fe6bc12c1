// SPDX-License-Identifier: Apache-2.0

#include "monitor/drive_stats.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace platter {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

void AddOperation(const BlockStats::Operation& counted, const std::string& name,
                  Value::Object& to) {
  to.push_back({name + "_operations", Value::Uint(counted.operations)});
  to.push_back({name + "_total_time_ns", Value::Uint(counted.total_time_ns)});
  to.push_back({"failed_" + name + "_operations", Value::Uint(counted.failed)});
  to.push_back({"invalid_" + name + "_operations", Value::Uint(counted.invalid)});
  // A flush moves nothing and is never part of another.
  if (name == "flush") return;
  to.push_back({name + "_bytes", Value::Uint(counted.bytes)});
  to.push_back({name + "_merged", Value::Uint(counted.merged)});
}

void AddLatencies(const BlockIntervalStats::Operation& counted, const std::string& name,
                  Value::Object& to) {
  to.push_back({"min_" + name + "_latency_ns", Value::Uint(counted.min_ns)});
  to.push_back({"max_" + name + "_latency_ns", Value::Uint(counted.max_ns)});
  to.push_back({"avg_" + name + "_latency_ns", Value::Uint(counted.avg_ns)});
}

Value IntervalValue(const BlockIntervalStats& interval) {
  Value::Object of = {
      {"interval_length", Value::Uint(interval.interval_ns / kNanosecondsPerSecond)}};
  AddLatencies(interval.read, "rd", of);
  AddLatencies(interval.write, "wr", of);
  AddLatencies(interval.flush, "flush", of);
  of.push_back({"avg_rd_queue_depth", Value::Double(interval.read.avg_queue_depth)});
  of.push_back({"avg_wr_queue_depth", Value::Double(interval.write.avg_queue_depth)});
  return Value::FromObject(std::move(of));
}

Value Numbers(const std::vector<uint64_t>& numbers) {
  Value::List list;
  for (const uint64_t number : numbers) list.push_back(Value::Uint(number));
  return Value::FromList(std::move(list));
}

void AddHistogram(const BlockBackend& drive, StatsKind kind, const char* name, Value::Object& to) {
  const std::optional<BlockLatencyHistogram> histogram = drive.LatencyHistogram(kind);
  if (!histogram.has_value()) return;
  to.push_back({name, Value::FromObject({{"boundaries", Numbers(histogram->boundaries_ns)},
                                         {"bins", Numbers(histogram->bins)}})});
}

}  // namespace

Value StatsValue(const BlockBackend& drive) {
  const BlockStats counted = drive.Stats();
  Value::Object stats;
  AddOperation(counted.read, "rd", stats);
  AddOperation(counted.write, "wr", stats);
  AddOperation(counted.flush, "flush", stats);
  AddOperation(counted.unmap, "unmap", stats);
  stats.push_back({"wr_highest_offset", Value::Uint(counted.highest_write_end)});
  if (counted.idle_time_ns.has_value()) {
    stats.push_back({"idle_time_ns", Value::Uint(*counted.idle_time_ns)});
  }
  stats.push_back({"account_invalid", Value::Bool(drive.stats_options().account_invalid)});
  stats.push_back({"account_failed", Value::Bool(drive.stats_options().account_failed)});
  Value::List intervals;
  for (const BlockIntervalStats& interval : drive.IntervalStats()) {
    intervals.push_back(IntervalValue(interval));
  }
  stats.push_back({"timed_stats", Value::FromList(std::move(intervals))});
  AddHistogram(drive, StatsKind::kRead, "rd_latency_histogram", stats);
  AddHistogram(drive, StatsKind::kWrite, "wr_latency_histogram", stats);
  AddHistogram(drive, StatsKind::kFlush, "flush_latency_histogram", stats);
  return Value::FromObject(std::move(stats));
}

}  // namespace platter
