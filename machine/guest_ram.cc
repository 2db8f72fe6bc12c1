// SPDX-License-Identifier: Apache-2.0
#include "machine/guest_ram.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kPage = 4096;
// More than any host has, and far from overflow.
constexpr uint64_t kMaxRam = 64 * kTiB;

}  // namespace

absl::StatusOr<std::unique_ptr<GuestRam>> GuestRam::Create(uint64_t bytes) {
  if (bytes == 0 || bytes > kMaxRam) {
    return ErrorWithErrno(EINVAL, absl::StrCat("guest memory of ", bytes, " bytes: 1 byte to ",
                                               kMaxRam / kTiB, " TiB are possible"));
  }
  const uint64_t size = AlignUp(bytes, kPage);
  void* host = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) {
    return ErrnoError(errno, absl::StrCat("guest memory of ", size, " bytes"));
  }
  std::unique_ptr<GuestRam> ram(new GuestRam(static_cast<uint8_t*>(host), size));
  absl::StatusOr<std::shared_ptr<const GuestMemory>> map =
      GuestMemory::Create({{.address = 0, .size = size, .host = ram->host_}}, nullptr);
  if (!map.ok()) return map.status();
  ram->map_ = *std::move(map);
  return ram;
}

GuestRam::~GuestRam() { munmap(host_, size_); }

}  // namespace platter
