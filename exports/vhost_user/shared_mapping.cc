// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/shared_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

constexpr uint64_t kPage = 4096;
// Of a file whose pages are larger (hugetlbfs says so in its block size), mappings are whole pages.
constexpr uint64_t kLargestPage = 16 * kGiB;

}  // namespace

absl::StatusOr<std::shared_ptr<const SharedMapping>> SharedMapping::Create(
    const OwnedDescriptor& file, uint64_t offset, uint64_t bytes, SealedMemory sealed) {
  PLATTER_CHECK(bytes != 0);
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "its descriptor");
  // The size of a device is not known here, so nor is what lies behind its end.
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("its descriptor is no file or memfd");
  }
  if (!RangeFits(offset, bytes, static_cast<uint64_t>(info.st_size))) {
    return absl::InvalidArgumentError("its file is shorter than it");
  }
  if (sealed == SealedMemory::kRequired) {
    const int seals = fcntl(file.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
      return absl::InvalidArgumentError("its file is not sealed against shrinking (F_SEAL_SHRINK)");
    }
  }
  const auto block = static_cast<uint64_t>(info.st_blksize);
  const uint64_t page =
      IsPowerOfTwo(block) && block <= kLargestPage ? std::max(block, kPage) : kPage;
  const uint64_t from = AlignDown(offset, page);
  // st_size is a signed number: rounding up what lies below it does not wrap.
  const uint64_t mapped = AlignUp(offset + bytes - from, page);
  void* const start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(),
                           static_cast<off_t>(from));
  if (start == MAP_FAILED) return ErrnoError(errno, "mapping it");
  // The constructor is private.
  std::shared_ptr<const SharedMapping> made(new SharedMapping(start, mapped, offset - from, bytes));
  // The guest's secrets are no business of a core file; older kernels may not know how.
  static_cast<void>(madvise(start, mapped, MADV_DONTDUMP));
  return made;
}

SharedMapping::~SharedMapping() { PLATTER_CHECK(munmap(start_, mapped_) == 0); }

}  // namespace platter
