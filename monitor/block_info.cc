// SPDX-License-Identifier: Apache-2.0

#include "monitor/block_info.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "blockbackend/throttle/throttle_config.h"
#include "machine/throttle_options.h"
#include "monitor/drive_stats.h"

namespace platter {
namespace {

const char* NameOf(IoStatus status) {
  switch (status) {
    case IoStatus::kOk:
      return "ok";
    case IoStatus::kFailed:
      return "failed";
    case IoStatus::kNospace:
      return "nospace";
  }
  return "?";
}

Value ImageValue(const NodeInfo& node) {
  Value::Object image = {{"filename", Value::String(node.filename)},
                         {"format", Value::String(node.driver)},
                         {"virtual-size", Value::Uint(node.virtual_size)}};
  if (node.actual_size.has_value())
    image.push_back({"actual-size", Value::Uint(*node.actual_size)});
  image.push_back({"dirty-flag", Value::Bool(false)});
  return Value::FromObject(std::move(image));
}

// Of a drive; a node has none.
struct Limits {
  ThrottleConfig config = {};
  std::optional<std::string> group = std::nullopt;
};

void AddLimits(const Limits& limits, Value::Object& to) {
  for (const ThrottleField& field : kQmpThrottleFields) {
    to.push_back({std::string(field.name), Value::Uint((limits.config.*field.limit).average)});
  }
  for (const ThrottleField& field : kQmpThrottleFields) {
    const ThrottleLimit& limit = limits.config.*field.limit;
    if (limit.burst == 0) continue;
    const std::string name(field.name);
    to.push_back({name + "_max", Value::Uint(limit.burst)});
    to.push_back({name + "_max_length", Value::Uint(limit.burst_seconds)});
  }
  if (limits.config.iops_size != 0) {
    to.push_back({"iops_size", Value::Uint(limits.config.iops_size)});
  }
  if (limits.group.has_value()) to.push_back({"group", Value::String(*limits.group)});
}

struct Access {
  bool read_only = false;
  bool write_back = true;
};

Value MediumValue(const NodeInfo& node, Access access, const Limits& limits) {
  Value::Object medium = {
      {"file", Value::String(node.filename)}, {"node-name", Value::String(node.node_name)},
      {"ro", Value::Bool(access.read_only)},  {"drv", Value::String(node.driver)},
      {"backing_file_depth", Value::Uint(0)}, {"encrypted", Value::Bool(false)}};
  AddLimits(limits, medium);
  medium.push_back({"cache", Value::FromObject({{"writeback", Value::Bool(access.write_back)},
                                                {"direct", Value::Bool(node.cache_direct)},
                                                {"no-flush", Value::Bool(node.cache_no_flush)}})});
  medium.push_back({"detect_zeroes", Value::String(node.detect_zeroes)});
  medium.push_back({"write_threshold", Value::Uint(node.write_threshold)});
  // Of a later QMP than the greeting names: only where there is something to tell.
  if (!node.active) medium.push_back({"active", Value::Bool(false)});
  medium.push_back({"image", ImageValue(node)});
  return Value::FromObject(std::move(medium));
}

// The name, and the id of the device.
Value::Object NamesOf(const BlockBackend& drive) {
  Value::Object names = {{"device", Value::String(drive.name())}};
  if (std::optional<std::string> device = drive.attached_device(); device.has_value()) {
    names.push_back({"qdev", Value::String(*std::move(device))});
  }
  return names;
}

// What QMP knows no names for.
void AddErrorPolicies(const BlockBackend& drive, Value::Object& to) {
  const ErrorPolicies policies = drive.error_policies();
  to.push_back({"x-rerror", Value::String(OnErrorName(policies.read))});
  to.push_back({"x-werror", Value::String(OnErrorName(policies.write))});
  if (policies.read == OnError::kRetry || policies.write == OnError::kRetry) {
    const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(policies.retry.delay);
    to.push_back({"x-retry-delay", Value::Uint(static_cast<uint64_t>(delay.count()))});
    to.push_back({"x-retry-limit", Value::Uint(policies.retry.limit)});
    to.push_back({"x-retry-action", Value::String(OnErrorName(policies.retry.then))});
  }
  to.push_back({"x-stalled", Value::Bool(drive.stalled())});
}

}  // namespace

bool IsListed(const BlockBackend& drive) {
  return !drive.name().empty() || drive.attached_device().has_value();
}

Value DriveValue(BlockBackend& drive) {
  Value::Object info = NamesOf(drive);
  info.push_back({"type", Value::String("unknown")});
  info.push_back({"removable", Value::Bool(drive.removable())});
  info.push_back({"locked", Value::Bool(drive.medium_locked())});
  if (drive.has_tray()) info.push_back({"tray_open", Value::Bool(drive.tray_open())});
  if (drive.iostatus_enabled()) {
    info.push_back({"io-status", Value::String(NameOf(drive.iostatus()))});
  }
  AddErrorPolicies(drive, info);
  if (drive.root() != nullptr) {
    info.push_back(
        {"inserted",
         MediumValue(DescribeNode(*drive.root()),
                     {.read_only = drive.is_read_only(), .write_back = drive.write_cache_enabled()},
                     {.config = drive.io_throttle(), .group = drive.throttle_group()})});
  }
  return Value::FromObject(std::move(info));
}

Value DriveStatsValue(const BlockBackend& drive) {
  Value::Object info = NamesOf(drive);
  if (drive.root() != nullptr) {
    info.push_back({"node-name", Value::String(DescribeNode(*drive.root()).node_name)});
  }
  info.push_back({"stats", StatsValue(drive)});
  return Value::FromObject(std::move(info));
}

Value NodeValue(const NodeInfo& node) {
  return MediumValue(node, {.read_only = node.read_only, .write_back = true}, {});
}

}  // namespace platter
