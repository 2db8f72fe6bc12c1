// SPDX-License-Identifier: Apache-2.0
//
// Control-plane errors: an absl::Status that keeps the errno of its cause and names the thing that
// failed. The data plane does not use these: it carries an IoResult (see aio/io_request.h).
//
// Ownership: values. Threading: any.
// Errors: an errno is a positive number of <cerrno>; 0 means success.

#ifndef PLATTER_BASE_STATUS_H_
#define PLATTER_BASE_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace platter {

// An error with `error_number` kept (ErrnoOf gives it back) and the message
// "TEXT: strerror(error_number)". `text` names the thing: a path, a node, an option.
// `error_number` must be positive.
absl::Status ErrnoError(int error_number, std::string_view text);

// As ErrnoError, but `text` is the whole message: strerror is not appended.
absl::Status ErrorWithErrno(int error_number, std::string_view text);

// The errno kept in `status`; 0 when it is ok; when none was kept the usual errno of its code
// (NOT_FOUND: ENOENT, ...; EIO when there is no better one).
int ErrnoOf(const absl::Status& status);

// The same error with "PREFIX: " in front of its message; payloads are kept. Ok stays ok.
absl::Status Annotate(const absl::Status& status, std::string_view prefix);

// The message as a std::string (Debian's absl::string_view is a type of its own).
std::string MessageOf(const absl::Status& status);

}  // namespace platter

// Returns from the calling function when `expr` (an absl::Status) is an error.
#define PLATTER_RETURN_IF_ERROR(expr)                                 \
  do {                                                                \
    if (absl::Status platter_status = (expr); !platter_status.ok()) { \
      return platter_status;                                          \
    }                                                                 \
  } while (false)

#endif  // PLATTER_BASE_STATUS_H_
