// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/probe.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>

#include "base/arith.h"
#include "base/quote.h"
#include "base/status.h"
#include "drivers/file/open_file.h"

namespace platter {

namespace {

// Memory for trial reads, aligned beyond every alignment that is tried.
struct alignas(2 * kSafeDirectAlignment) TrialBuffer {
  std::byte bytes[4 * kSafeDirectAlignment];
};

int64_t TryRead(FileIo& io, int fd, std::byte* memory, uint32_t bytes, int rwf_flags) {
  const iovec iov = {memory, bytes};
  return io.InlineRead(fd, &iov, 1, 0, rwf_flags);
}

// The smallest power of two with which `read` succeeds. A read of one byte that succeeds tells
// nothing: file systems answer reads of holes without looking at alignment (ext4 on Linux 6.18
// does).
template <typename Read>
uint32_t SmallestThatWorks(Read read) {
  if (read(1u) >= 0) return kSafeDirectAlignment;
  for (uint32_t alignment = kSectorSize; alignment < kSafeDirectAlignment; alignment *= 2) {
    if (read(alignment) >= 0) return alignment;
  }
  return kSafeDirectAlignment;
}

void TryDirectAlignment(FileIo& io, int fd, FileGeometry& geometry) {
  const auto buffer = std::make_unique<TrialBuffer>();
  std::byte* memory = buffer->bytes;
  geometry.request_alignment =
      SmallestThatWorks([&](uint32_t bytes) { return TryRead(io, fd, memory, bytes, 0); });
  geometry.memory_alignment = SmallestThatWorks(
      [&](uint32_t shift) { return TryRead(io, fd, memory + shift, kSafeDirectAlignment, 0); });
}

absl::Status FindDirectAlignment(FileIo& io, HostCalls& host, const HostFile& file,
                                 FileGeometry& geometry) {
  DirectIoAlignment said;
  if (host.GetDirectIoAlignment(file, said) == 0) {
    if (said.offset == 0) {
      return ErrorWithErrno(EINVAL, QuoteWhole(file.path) +
                                        " cannot be used with cache.direct=on: its "
                                        "file system has no direct I/O for it");
    }
    geometry.request_alignment = said.offset;
    geometry.memory_alignment = std::max(said.memory, 1u);
  } else {
    TryDirectAlignment(io, file.fd, geometry);
  }
  if (geometry.block_sizes.has_value()) {
    geometry.request_alignment =
        std::max(geometry.request_alignment, geometry.block_sizes->logical);
  }
  for (const uint32_t alignment : {geometry.request_alignment, geometry.memory_alignment}) {
    if (!IsPowerOfTwo(alignment) || alignment > kMaxDirectAlignment) {
      return ErrorWithErrno(EINVAL, QuoteWhole(file.path) + " needs direct I/O aligned to " +
                                        std::to_string(alignment) + " bytes, which is not usable");
    }
  }
  return absl::OkStatus();
}

bool HasNoWaitReads(FileIo& io, int fd) {
  std::byte byte;
  const int64_t result = TryRead(io, fd, &byte, 1, RWF_NOWAIT);
  return result >= 0 || result == -EAGAIN;
}

bool HasInlineReads(FileIo& io, int fd) {
  std::byte byte;
  return TryRead(io, fd, &byte, 1, 0) >= 0;
}

}  // namespace

absl::StatusOr<FileGeometry> ProbeGeometry(FileIo& io, HostCalls& host, const HostFile& file,
                                           const FileOptions& options) {
  FileGeometry geometry;
  const HostFileSystem file_system = host.GetFileSystem(file);
  geometry.believe_holes = file_system != HostFileSystem::kLyingHoles;

  if (options.driver == FileDriver::kHostDevice) {
    HostBlockSizes sizes;
    if (const int error = host.GetBlockSizes(file, sizes); error < 0) {
      return ErrnoError(-error, "cannot find out the block size of " + QuoteWhole(file.path));
    }
    if (!IsPowerOfTwo(sizes.logical) || sizes.logical > kMaxDirectAlignment) {
      return ErrorWithErrno(EINVAL, QuoteWhole(file.path) + " has blocks of " +
                                        std::to_string(sizes.logical) +
                                        " bytes, which is not usable");
    }
    geometry.block_sizes = sizes;
    geometry.discard_alignment = sizes.logical;
  }

  // A file in memory is the same with and without O_DIRECT: no alignment, never a wait.
  if (options.driver == FileDriver::kFile && file_system == HostFileSystem::kMemory) {
    if (HasInlineReads(io, file.fd)) geometry.reads = geometry.writes = InlineMode::kPlain;
    return geometry;
  }
  if (options.caching == FileCaching::kDirect) {
    geometry.direct = true;
    PLATTER_RETURN_IF_ERROR(FindDirectAlignment(io, host, file, geometry));
    // A part of a block would be punched or zeroed in the page cache, and written back who knows
    // when.
    if (options.driver == FileDriver::kFile) geometry.discard_alignment = kSafeDirectAlignment;
    return geometry;
  }
  if (HasNoWaitReads(io, file.fd)) geometry.reads = InlineMode::kNoWait;
  if (options.inline_writes == FileInlineWrites::kAlways && HasInlineReads(io, file.fd)) {
    geometry.writes = InlineMode::kPlain;
  }
  return geometry;
}

}  // namespace platter
