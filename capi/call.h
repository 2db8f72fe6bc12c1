// SPDX-License-Identifier: Apache-2.0
//
// What every function of the C interface does alike: turn a Status into a negative errno and keep
// its text for platter_last_error, let no exception out, know whether a callback is running, and
// copy structures whose size the caller and the library may see differently.
//
// Ownership: texts are kept per thread. Threading: any; nothing is shared. Units: bytes.
// Errors: negative errno, as the functions that use them.

#ifndef PLATTER_CAPI_CALL_H_
#define PLATTER_CAPI_CALL_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace platter::capi {

// 0 for OK; else keeps the message for LastError and returns the errno, negative. Does not throw.
int Report(const absl::Status& status) noexcept;
// The same for a failure of the calling function: "`function`: `text`".
int Refuse(int error_number, const char* function, std::string_view text) noexcept;
// For when there is no memory even for a text.
int OutOfMemory() noexcept;
// Of this thread; "" when no call has failed.
const char* LastError() noexcept;

// What `body` returns, or -ENOMEM or -EIO where it throws.
template <typename Body>
int Guarded(const char* function, Body&& body) noexcept {
  try {
    return std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (...) {
    return Refuse(EIO, function, "an exception that nobody expected");
  }
}

// A callback of the embedder's runs on this thread while one is alive.
class CallbackScope {
 public:
  CallbackScope();
  ~CallbackScope();
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  static bool active();
};

// No structure of the interface comes near: a size that nobody has set.
inline constexpr size_t kMaxStructure = 4096;

// Copies a structure that the caller has filled, whose first member is its size. `least` is the
// size of its first version. What the caller doesn't know is zero here; what the library doesn't
// know has to be zero: -E2BIG.
template <typename Struct>
int CopyIn(const char* function, const Struct& from, size_t least, Struct& to) {
  if (from.size < least || from.size > kMaxStructure)
    return Refuse(EINVAL, function, "the size of a structure is wrong");
  to = Struct{};
  std::memcpy(static_cast<void*>(&to), &from, std::min(from.size, sizeof(Struct)));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&from);
  for (size_t i = sizeof(Struct); i < from.size; ++i) {
    if (bytes[i] != 0) {
      return Refuse(E2BIG, function, "a member is set that this library does not know");
    }
  }
  return 0;
}

// The other way: `to.size` says how much the caller has room for, and stays. What the library
// doesn't know becomes zero.
template <typename Struct>
int CopyOut(const char* function, const Struct& from, size_t least, Struct& to) {
  const size_t room = to.size;
  if (room < least || room > kMaxStructure)
    return Refuse(EINVAL, function, "the size of a structure is wrong");
  std::memset(static_cast<void*>(&to), 0, room);
  std::memcpy(static_cast<void*>(&to), &from, std::min(room, sizeof(Struct)));
  to.size = room;
  return 0;
}

}  // namespace platter::capi

#endif  // PLATTER_CAPI_CALL_H_
