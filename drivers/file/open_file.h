// SPDX-License-Identifier: Apache-2.0
//
// OpenHostFile: opens what FileOptions name, and finds out what the data plane must know of it:
// length, alignments, and which requests are better made inline than through the context's port.
// Everything that depends on the open mode is in FileGeometry, found anew by every opening, so that
// a reopening keeps nothing stale.
//
// Ownership: the result owns the descriptor and closes it through the FileIo it was opened with,
//   which outlives it.
// Threading: control context. Units: bytes.
// Errors: the errno of the system call, with a message that names the file and what the user may
// do.

#ifndef PLATTER_DRIVERS_FILE_OPEN_FILE_H_
#define PLATTER_DRIVERS_FILE_OPEN_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/file_io.h"
#include "drivers/file/file_options.h"
#include "drivers/file/host_calls.h"
#include "drivers/node.h"

namespace platter {

// How requests of one direction may be made in the submitting turn itself. Measured on Linux 6.18:
// the hop through a ring or a thread costs more than copying 4 KiB out of memory.
enum class InlineMode : uint8_t {
  kNever,   // Through the port.
  kNoWait,  // RWF_NOWAIT: what is in the page cache; the port for the rest.
  kPlain,   // preadv/pwritev: memory (tmpfs refuses RWF_NOWAIT), or asked for by option.
};

struct FileGeometry {
  uint32_t request_alignment = 1;  // 1 with the page cache.
  uint32_t memory_alignment = 1;
  uint32_t discard_alignment = 1;  // Also of zeroes.
  bool direct = false;             // Past the page cache.
  InlineMode reads = InlineMode::kNever;
  InlineMode writes = InlineMode::kNever;
  bool believe_holes = true;
  std::optional<HostBlockSizes> block_sizes;  // Of a device.
};

// An open descriptor that closes itself.
class OwnedFile {
 public:
  OwnedFile() = default;
  OwnedFile(FileIo& io, HostFile file) : io_(&io), file_(std::move(file)) {}
  OwnedFile(OwnedFile&& other) noexcept { *this = std::move(other); }
  OwnedFile& operator=(OwnedFile&& other) noexcept;
  ~OwnedFile();

  const HostFile& get() const { return file_; }
  int fd() const { return file_.fd; }

 private:
  FileIo* io_ = nullptr;
  HostFile file_;
};

struct OpenedFile {
  OwnedFile file;
  bool read_only = false;
  uint64_t length = 0;  // As the host says, not rounded.
  FileGeometry geometry;
};

// `io` is the control context's port.
absl::StatusOr<OpenedFile> OpenHostFile(FileIo& io, HostCalls& host, const FileOptions& options);

// The path that the option's text means; see FileOptions::filename.
std::string PathOf(const FileOptions& options);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_OPEN_FILE_H_
