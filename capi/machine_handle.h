// SPDX-License-Identifier: Apache-2.0
//
// platter_machine: what the C interface's opaque handle is: a Machine with its event loop and the
// embedder's callbacks; and the checks that its functions begin with.
//
// Ownership: of platter_machine_create's caller. Threading, errors: as platter.h says.

#ifndef PLATTER_CAPI_MACHINE_HANDLE_H_
#define PLATTER_CAPI_MACHINE_HANDLE_H_

#include <memory>
#include <utility>

#include "aio/aio_context.h"
#include "aio/task.h"
#include "capi/host_calls.h"
#include "capi/platter.h"
#include "machine/machine.h"

// In the order of construction: each stands on those above.
struct platter_machine {
  platter_machine(const platter_host& host, std::unique_ptr<platter::AioContext> loop)
      : calls(host), control(std::move(loop)), wake(*control, [] {}) {}

  platter::capi::HostCalls calls;
  const std::unique_ptr<platter::AioContext> control;
  platter::BottomHalf wake;
  std::unique_ptr<platter::Machine> machine;
};

namespace platter::capi {

// For functions of the machine's thread: the handle is there, no callback runs, and the thread is
// the right one. 0 or a negative errno, reported as `function`'s.
int CheckOwnThread(const char* function, const platter_machine* handle);
// For those of any thread.
int CheckHandle(const char* function, const platter_machine* handle);
// A text that has to be there; `name` is the parameter's.
int CheckGiven(const char* function, const void* argument, const char* name);

// Runs `task` on the machine's thread until it has ended.
template <typename T>
T Wait(platter_machine& handle, Task<T> task) {
  return BlockOn(*handle.control, std::move(task));
}
inline void Wait(platter_machine& handle, Task<void> task) {
  BlockOn(*handle.control, std::move(task));
}

}  // namespace platter::capi

#endif  // PLATTER_CAPI_MACHINE_HANDLE_H_
