// SPDX-License-Identifier: Apache-2.0
//
// The rule of iothread-vq-mapping, which devices and exports have: every thread once, and every
// queue once or none at all.
//
// Ownership: borrows its arguments. Threading: a pure function. Errors: EINVAL naming the option.

#ifndef PLATTER_CONFIG_QUEUE_RULES_H_
#define PLATTER_CONFIG_QUEUE_RULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace platter {

namespace config {
class IoThreadVqMapping;
}  // namespace config

// `path` is that of the device or export, `has_iothread` whether that has the other option.
absl::Status CheckVqMapping(
    const std::string& path, bool has_iothread,
    const google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>& mapping,
    uint32_t num_queues);

}  // namespace platter

#endif  // PLATTER_CONFIG_QUEUE_RULES_H_
