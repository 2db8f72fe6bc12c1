// SPDX-License-Identifier: Apache-2.0

#include "config/error.h"

#include <algorithm>
#include <cerrno>

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr size_t kMaxPlainName = 127;

}  // namespace

absl::Status ConfigError(std::string_view path, std::string_view what) {
  std::string text(path);
  text.append(": ").append(what);
  return ErrorWithErrno(EINVAL, text);
}

std::string JoinPath(std::string_view path, std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  std::string out(path);
  if (!out.empty()) out += '.';
  const bool is_plain =
      !name.empty() && name.size() <= kMaxPlainName && std::ranges::all_of(name, plain);
  return out.append(is_plain ? std::string(name) : Quote(name));
}

}  // namespace platter
