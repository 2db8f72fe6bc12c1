// SPDX-License-Identifier: Apache-2.0

#include "capi/machine_handle.h"

#include <cerrno>
#include <string>

#include "capi/call.h"

namespace platter::capi {

int CheckGiven(const char* function, const void* argument, const char* name) {
  if (argument != nullptr) return 0;
  return Refuse(EINVAL, function, std::string("'") + name + "' is NULL");
}

int CheckHandle(const char* function, const platter_machine* handle) {
  if (CallbackScope::active()) {
    return Refuse(EDEADLK, function, "called from inside a callback of the library's");
  }
  return CheckGiven(function, handle, "machine");
}

int CheckOwnThread(const char* function, const platter_machine* handle) {
  if (const int checked = CheckHandle(function, handle); checked < 0) return checked;
  if (handle->control->InContext()) return 0;
  return Refuse(EPERM, function, "this thread is not the machine's; see platter_bind_thread");
}

}  // namespace platter::capi
