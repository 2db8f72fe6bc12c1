// SPDX-License-Identifier: Apache-2.0

#include "config/queue_rules.h"

#include <set>

#include "config/error.h"
#include "config/proto/device.pb.h"

namespace platter {

absl::Status CheckVqMapping(
    const std::string& path, bool has_iothread,
    const google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>& mapping,
    uint32_t num_queues) {
  if (mapping.empty()) return absl::OkStatus();
  const std::string list = JoinPath(path, "iothread-vq-mapping");
  if (has_iothread) {
    return ConfigError(list, "iothread is given already; it takes one or the other");
  }
  std::set<std::string> threads;
  std::set<uint32_t> queues;
  const bool with_vqs = mapping[0].vqs_size() != 0;
  int index = 0;
  for (const config::IoThreadVqMapping& entry : mapping) {
    const std::string element = JoinPath(list, std::to_string(index++));
    if (!threads.insert(entry.iothread()).second) {
      return ConfigError(JoinPath(element, "iothread"),
                         "'" + entry.iothread() + "' has an entry already");
    }
    if ((entry.vqs_size() != 0) != with_vqs) {
      return ConfigError(JoinPath(element, "vqs"), "must be given in every entry or in none");
    }
    for (const uint32_t queue : entry.vqs()) {
      if (queue >= num_queues) {
        return ConfigError(JoinPath(element, "vqs"), "there is no queue " + std::to_string(queue) +
                                                         "; num-queues is " +
                                                         std::to_string(num_queues));
      }
      if (!queues.insert(queue).second) {
        return ConfigError(JoinPath(element, "vqs"),
                           "queue " + std::to_string(queue) + " has a thread already");
      }
    }
  }
  if (with_vqs && queues.size() != num_queues) {
    uint32_t missing = 0;
    while (queues.contains(missing)) ++missing;
    return ConfigError(list, "queue " + std::to_string(missing) + " has no thread");
  }
  return absl::OkStatus();
}

}  // namespace platter
