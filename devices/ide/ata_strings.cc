// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_strings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace platter {

absl::Status CheckAtaString(const std::string& device, const char* property,
                            const std::string& value, uint32_t longest) {
  if (value.size() > longest) {
    return absl::InvalidArgumentError(absl::StrCat(device, ": ", property, " '", value,
                                                   "' is longer than ", longest, " characters"));
  }
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (!std::all_of(value.begin(), value.end(), printable)) {
    return absl::InvalidArgumentError(
        absl::StrCat(device, ": ", property, " has characters that are not printable ASCII"));
  }
  return absl::OkStatus();
}

}  // namespace platter
