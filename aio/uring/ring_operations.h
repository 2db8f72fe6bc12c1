// SPDX-License-Identifier: Apache-2.0
//
// RestrictRing: a ring takes what UringContext asks of it, file I/O and polls, and nothing else
// (io_uring_register(2), IORING_REGISTER_RESTRICTIONS): whoever writes into its submission queue
// opens no file and no socket. Filters of system calls do not see a ring's operations.
//
// Ownership: the caller's ring, made with IORING_SETUP_R_DISABLED; enabled afterwards.
// Threading: the ring's. Units: none. Errors: negative errno.

#ifndef PLATTER_AIO_URING_RING_OPERATIONS_H_
#define PLATTER_AIO_URING_RING_OPERATIONS_H_

#include <liburing.h>

namespace platter {

// 0 or a negative errno.
int RestrictRing(io_uring& ring);

}  // namespace platter

#endif  // PLATTER_AIO_URING_RING_OPERATIONS_H_
