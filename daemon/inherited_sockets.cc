// SPDX-License-Identifier: Apache-2.0

#include "daemon/inherited_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr char kPid[] = "LISTEN_PID";
constexpr char kCount[] = "LISTEN_FDS";
constexpr char kNames[] = "LISTEN_FDNAMES";
// sd_listen_fds_with_names(3): of a descriptor that was given none.
constexpr char kUnknown[] = "unknown";

std::string Take(const char* variable) {
  // No other thread is there yet.
  const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  std::string text = value == nullptr ? "" : value;
  unsetenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text;
}

std::optional<int> NumberFrom(const std::string& text) {
  int number = -1;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || number < 0) return std::nullopt;
  return number;
}

}  // namespace

absl::StatusOr<InheritedSockets> InheritedSockets::FromEnvironment() {
  const std::string pid = Take(kPid);
  const std::string count = Take(kCount);
  const std::string names = Take(kNames);
  // Of a parent whose own they were.
  if (NumberFrom(pid) != getpid()) return InheritedSockets();
  const std::optional<int> number = NumberFrom(count);
  if (!number.has_value() || *number > kMost) {
    return ErrorWithErrno(EINVAL, absl::StrCat(kCount, ": ", Quote(count),
                                               " is no number of descriptors, 0 to ", kMost));
  }
  return Make(kFirst, *number, names);
}

absl::StatusOr<InheritedSockets> InheritedSockets::Make(int first, int count,
                                                        const std::string& names) {
  std::vector<std::string> each(static_cast<size_t>(count), kUnknown);
  if (!names.empty()) {
    each = absl::StrSplit(names, ':');
    if (each.size() != static_cast<size_t>(count)) {
      return ErrorWithErrno(
          EINVAL, absl::StrCat(kNames, ": ", each.size(), " names for ", count, " descriptors"));
    }
  }
  InheritedSockets sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = first + i;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      return ErrnoError(errno, absl::StrCat(kCount, ": descriptor ", fd));
    }
    sockets.by_name_[each[static_cast<size_t>(i)]].push_back(fd);
  }
  return sockets;
}

absl::StatusOr<OwnedDescriptor> InheritedSockets::Copy(const std::string& text) const {
  std::optional<int> number = NumberFrom(text);
  if (!number.has_value()) {
    const auto found = by_name_.find(text);
    if (found == by_name_.end()) {
      return ErrorWithErrno(ENOENT, absl::StrCat(Quote(text),
                                                 " is neither the number of a descriptor nor "
                                                 "the name of a socket that was passed on"));
    }
    if (found->second.size() != 1) {
      return ErrorWithErrno(EINVAL,
                            absl::StrCat(found->second.size(), " sockets are called ", Quote(text),
                                         "; give a number, from ", found->second.front(), " on"));
    }
    number = found->second.front();
  }
  OwnedDescriptor copy(fcntl(*number, F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) return ErrnoError(errno, absl::StrCat("descriptor ", *number));
  return copy;
}

}  // namespace platter
