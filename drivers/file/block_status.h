// SPDX-License-Identifier: Apache-2.0
//
// HostBlockStatus: what the host's file system says about holes (lseek SEEK_DATA and SEEK_HOLE).
// A hint: "data" may be zeroes, and a file system that is known to report holes where there is data
// is not asked. Other processes may change the file at any time.
//
// Ownership: none. Threading: control context. Units: bytes. Errors: none; what the host cannot say
// is data.

#ifndef PLATTER_DRIVERS_FILE_BLOCK_STATUS_H_
#define PLATTER_DRIVERS_FILE_BLOCK_STATUS_H_

#include <cstdint>

#include "drivers/file/host_calls.h"
#include "drivers/node.h"

namespace platter {

// Of the start of [offset, offset + bytes), which is not empty. `file_bytes` is the length that the
// file is known to have; behind it everything reads as zeroes.
BlockStatus HostBlockStatus(HostCalls& host, const HostFile& file, uint64_t file_bytes,
                            uint64_t offset, uint64_t bytes);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_BLOCK_STATUS_H_
