// SPDX-License-Identifier: Apache-2.0
//
// For tests: what there is in the schema, found by walking the descriptors alone and not through
// config/schema.h, so that an option which that overlooks is still found.
//
// Ownership: borrows the descriptors. Threading: pure functions. Errors: none.

#ifndef PLATTER_CONFIG_SCHEMA_WALK_H_
#define PLATTER_CONFIG_SCHEMA_WALK_H_

#include <set>
#include <vector>

#include "google/protobuf/descriptor.h"

#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {

// What configurations begin with.
inline std::vector<const google::protobuf::Descriptor*> SchemaRoots() {
  return {config::MachineConfig::descriptor(), config::StorageDaemonConfig::descriptor()};
}

// Every message that is reachable from these, themselves included; sorted by name.
inline std::vector<const google::protobuf::Descriptor*> SchemaMessages() {
  const auto by_name = [](const auto* a, const auto* b) { return a->full_name() < b->full_name(); };
  std::set<const google::protobuf::Descriptor*, decltype(by_name)> found(by_name);
  std::vector<const google::protobuf::Descriptor*> waiting = SchemaRoots();
  while (!waiting.empty()) {
    const google::protobuf::Descriptor* message = waiting.back();
    waiting.pop_back();
    if (!found.insert(message).second) continue;
    for (int i = 0; i < message->field_count(); ++i) {
      if (message->field(i)->message_type() != nullptr) {
        waiting.push_back(message->field(i)->message_type());
      }
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace platter

#endif  // PLATTER_CONFIG_SCHEMA_WALK_H_
