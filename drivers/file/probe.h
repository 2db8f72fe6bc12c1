// SPDX-License-Identifier: Apache-2.0
//
// ProbeGeometry: finds out by asking the host, and where it does not say by trying, what alignment
// direct I/O needs and which requests may be made inline. Reads only.
//
// Ownership: none. Threading: control context. Units: bytes.
// Errors: EINVAL when the file cannot do direct I/O though asked to; the errno of a failed read.

#ifndef PLATTER_DRIVERS_FILE_PROBE_H_
#define PLATTER_DRIVERS_FILE_PROBE_H_

#include <cstdint>

#include "absl/status/statusor.h"

#include "aio/file_io.h"
#include "drivers/file/file_options.h"
#include "drivers/file/host_calls.h"

namespace platter {

struct FileGeometry;

// Alignments beyond this are refused: nothing real has them.
inline constexpr uint32_t kMaxDirectAlignment = 1 << 20;
// What is assumed where neither asking nor trying tells: no disk needs more.
inline constexpr uint32_t kSafeDirectAlignment = 4096;

absl::StatusOr<FileGeometry> ProbeGeometry(FileIo& io, HostCalls& host, const HostFile& file,
                                           const FileOptions& options);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_PROBE_H_
