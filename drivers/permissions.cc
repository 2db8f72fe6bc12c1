// SPDX-License-Identifier: Apache-2.0
#include "drivers/permissions.h"

#include <array>

namespace platter {
namespace {

struct NamedPermission {
  Permission permission;
  const char* name;
};

constexpr std::array<NamedPermission, kPermissionCount> kNames = {{
    {Permission::kConsistentRead, "consistent read"},
    {Permission::kWrite, "write"},
    {Permission::kWriteUnchanged, "write unchanged"},
    {Permission::kResize, "resize"},
}};

}  // namespace

std::string PermissionSet::ToString() const {
  std::string text;
  for (const NamedPermission& named : kNames) {
    if (!Has(named.permission)) continue;
    if (!text.empty()) text += ", ";
    text += named.name;
  }
  return text.empty() ? "none" : text;
}

}  // namespace platter
