// SPDX-License-Identifier: Apache-2.0
//
// PLATTER_CHECK: an invariant of Platter's own code. It is on in every build. Never use it on what
// a guest, an image, a network peer or a user can influence: those get an error.
//
// Threading: any. Errors: a violated check prints file, line and text to stderr and aborts.

#ifndef PLATTER_BASE_CHECK_H_
#define PLATTER_BASE_CHECK_H_

namespace platter {

// Prints "file:line: check failed: text" and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace platter

#define PLATTER_CHECK(condition)                              \
  do {                                                        \
    if (!(condition)) [[unlikely]] {                          \
      ::platter::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                         \
  } while (false)

#endif  // PLATTER_BASE_CHECK_H_
