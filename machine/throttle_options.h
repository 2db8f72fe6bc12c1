// SPDX-License-Identifier: Apache-2.0
//
// I/O limits as options name them: messages with fields `X`, `X_max` and `X_max_length` for each
// kind of limit, and `iops_size`.
//
// Ownership: values. Threading: pure functions. Units: bytes, requests, seconds.
// Errors: none; CheckThrottleConfig says what is wrong with the result.

#ifndef PLATTER_MACHINE_THROTTLE_OPTIONS_H_
#define PLATTER_MACHINE_THROTTLE_OPTIONS_H_

#include <array>
#include <string_view>

#include "blockbackend/throttle/throttle_config.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// Which field has which limit.
struct ThrottleField {
  std::string_view name;
  ThrottleLimit ThrottleConfig::* limit;
};
using ThrottleFields = std::array<ThrottleField, kThrottleKinds>;

// Of block_set_io_throttle and query-block.
inline constexpr ThrottleFields kQmpThrottleFields = {{
    {"bps", &ThrottleConfig::bps_total},
    {"bps_rd", &ThrottleConfig::bps_read},
    {"bps_wr", &ThrottleConfig::bps_write},
    {"iops", &ThrottleConfig::iops_total},
    {"iops_rd", &ThrottleConfig::iops_read},
    {"iops_wr", &ThrottleConfig::iops_write},
}};
// Of throttle groups.
inline constexpr ThrottleFields kGroupThrottleFields = {{
    {"bps_total", &ThrottleConfig::bps_total},
    {"bps_read", &ThrottleConfig::bps_read},
    {"bps_write", &ThrottleConfig::bps_write},
    {"iops_total", &ThrottleConfig::iops_total},
    {"iops_read", &ThrottleConfig::iops_read},
    {"iops_write", &ThrottleConfig::iops_write},
}};

// Puts what `message` has of the fields, whose names begin with `prefix`, into `config`.
void ReadThrottleFields(const google::protobuf::Message& message, const ThrottleFields& fields,
                        std::string_view prefix, ThrottleConfig& config);

}  // namespace platter

#endif  // PLATTER_MACHINE_THROTTLE_OPTIONS_H_
