// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <cerrno>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {

bool IsWellFormedId(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || !absl::ascii_isalpha(id.front())) return false;
  for (const char c : id) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

absl::Status CheckId(std::string_view what, std::string_view id) {
  if (IsWellFormedId(id)) return absl::OkStatus();
  // A hostile id may be long or unprintable: show a bounded, escaped part of it.
  const std::string shown = absl::CHexEscape(std::string(id.substr(0, kMaxIdLength)));
  return ErrorWithErrno(
      EINVAL, absl::StrCat(std::string(what), " id '", shown,
                           "' is not well-formed: a letter first, then letters, digits, '-', '.' "
                           "and '_', at most ",
                           kMaxIdLength, " characters"));
}

}  // namespace platter
