// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/throttle/throttle_config.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr ThrottleKind kKinds[kThrottleKinds] = {
    ThrottleKind::kBpsTotal,  ThrottleKind::kBpsRead,  ThrottleKind::kBpsWrite,
    ThrottleKind::kIopsTotal, ThrottleKind::kIopsRead, ThrottleKind::kIopsWrite,
};

// The options' names, without "throttling.".
const char* NameOf(ThrottleKind kind) {
  switch (kind) {
    case ThrottleKind::kBpsTotal:
      return "bps-total";
    case ThrottleKind::kBpsRead:
      return "bps-read";
    case ThrottleKind::kBpsWrite:
      return "bps-write";
    case ThrottleKind::kIopsTotal:
      return "iops-total";
    case ThrottleKind::kIopsRead:
      return "iops-read";
    case ThrottleKind::kIopsWrite:
      return "iops-write";
  }
  PLATTER_CHECK(false);
  return "";
}

template <typename... Parts>
absl::Status Refuse(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("I/O limits: ", parts...));
}

absl::Status CheckLimit(const ThrottleLimit& limit, const std::string& name) {
  if (limit.average > kMaxThrottleValue) {
    return Refuse(name, " = ", limit.average, " is above ", kMaxThrottleValue);
  }
  if (limit.burst > kMaxThrottleValue) {
    return Refuse(name, "-max = ", limit.burst, " is above ", kMaxThrottleValue);
  }
  if (limit.burst_seconds == 0) return Refuse(name, "-max-length is 0; it is 1 or more seconds");
  if (limit.burst == 0) {
    if (limit.burst_seconds == 1) return absl::OkStatus();
    return Refuse(name, "-max-length needs ", name, "-max");
  }
  if (limit.average == 0) return Refuse(name, "-max needs ", name);
  if (limit.burst < limit.average) {
    return Refuse(name, "-max = ", limit.burst, " is below ", name, " = ", limit.average);
  }
  if (limit.burst_seconds > kMaxThrottleValue / limit.burst) {
    return Refuse(name, "-max-length = ", limit.burst_seconds, " is too long for ", name,
                  "-max = ", limit.burst, ": their product is at most ", kMaxThrottleValue);
  }
  return absl::OkStatus();
}

// One total or two halves; a burst counts as much as the average that it belongs to.
absl::Status CheckExclusive(const ThrottleLimit& total, const ThrottleLimit& read,
                            const ThrottleLimit& write, const char* unit) {
  const bool halves_average = read.average != 0 || write.average != 0;
  const bool halves_burst = read.burst != 0 || write.burst != 0;
  if (total.average != 0 && halves_average) {
    return Refuse(unit, "-total and ", unit, "-read or ", unit, "-write exclude each other");
  }
  if (total.burst != 0 && halves_burst) {
    return Refuse(unit, "-total-max and ", unit, "-read-max or ", unit,
                  "-write-max exclude each other");
  }
  return absl::OkStatus();
}

}  // namespace

const ThrottleLimit& ThrottleConfig::limit(ThrottleKind kind) const {
  switch (kind) {
    case ThrottleKind::kBpsTotal:
      return bps_total;
    case ThrottleKind::kBpsRead:
      return bps_read;
    case ThrottleKind::kBpsWrite:
      return bps_write;
    case ThrottleKind::kIopsTotal:
      return iops_total;
    case ThrottleKind::kIopsRead:
      return iops_read;
    case ThrottleKind::kIopsWrite:
      return iops_write;
  }
  PLATTER_CHECK(false);
  return bps_total;
}

bool ThrottleConfig::enabled() const {
  for (const ThrottleKind kind : kKinds) {
    if (limit(kind).average != 0) return true;
  }
  return false;
}

absl::Status CheckThrottleConfig(const ThrottleConfig& config) {
  PLATTER_RETURN_IF_ERROR(
      CheckExclusive(config.bps_total, config.bps_read, config.bps_write, "bps"));
  PLATTER_RETURN_IF_ERROR(
      CheckExclusive(config.iops_total, config.iops_read, config.iops_write, "iops"));
  for (const ThrottleKind kind : kKinds) {
    PLATTER_RETURN_IF_ERROR(CheckLimit(config.limit(kind), NameOf(kind)));
  }
  const bool iops = config.iops_total.average != 0 || config.iops_read.average != 0 ||
                    config.iops_write.average != 0;
  if (config.iops_size != 0 && !iops) {
    return Refuse("iops-size needs iops-total, iops-read or iops-write");
  }
  return absl::OkStatus();
}

}  // namespace platter
