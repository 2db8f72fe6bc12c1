// SPDX-License-Identifier: Apache-2.0

#include "machine/throttle_options.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "base/check.h"

namespace platter {
namespace {

void ReadField(const google::protobuf::Message& message, const std::string& name, uint64_t& to) {
  const google::protobuf::FieldDescriptor* const field =
      message.GetDescriptor()->FindFieldByName(name);
  PLATTER_CHECK(field != nullptr);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (reflection.HasField(message, field)) to = reflection.GetUInt64(message, field);
}

}  // namespace

void ReadThrottleFields(const google::protobuf::Message& message, const ThrottleFields& fields,
                        std::string_view prefix, ThrottleConfig& config) {
  const std::string begin(prefix);
  for (const ThrottleField& field : fields) {
    ThrottleLimit& limit = config.*field.limit;
    const std::string name = begin + std::string(field.name);
    ReadField(message, name, limit.average);
    ReadField(message, absl::StrCat(name, "_max"), limit.burst);
    ReadField(message, absl::StrCat(name, "_max_length"), limit.burst_seconds);
  }
  ReadField(message, absl::StrCat(begin, "iops_size"), config.iops_size);
}

}  // namespace platter
