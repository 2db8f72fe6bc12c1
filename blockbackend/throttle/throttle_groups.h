// SPDX-License-Identifier: Apache-2.0
//
// ThrottleGroups: the throttle groups of a machine by name. A group lives as long as someone uses
// it; who names it next makes a new one, without limits.
//
// Ownership: knows its groups, owns none. Threading: control context.
// Errors: none.

#ifndef PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUPS_H_
#define PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUPS_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "blockbackend/throttle/throttle_group.h"

namespace platter {

class ThrottleGroups {
 public:
  // The group of that name, a new one if there is none.
  std::shared_ptr<ThrottleGroup> FindOrMake(const std::string& name) {
    std::erase_if(groups_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<ThrottleGroup>& known = groups_[name];
    std::shared_ptr<ThrottleGroup> group = known.lock();
    if (group == nullptr) known = group = std::make_shared<ThrottleGroup>(name);
    return group;
  }

 private:
  std::map<std::string, std::weak_ptr<ThrottleGroup>> groups_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_THROTTLE_THROTTLE_GROUPS_H_
