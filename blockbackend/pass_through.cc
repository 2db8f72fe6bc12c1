// SPDX-License-Identifier: Apache-2.0
//
// What only some media have: the backend sees to it that there is one, and
// passes the call on.

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

Task<absl::StatusOr<int>> BlockBackendImpl::Ioctl(uint64_t request, void* argument) {
  co_await AwaitUndrained();
  if (!is_inserted()) co_return NoMedium();
  const RootUse use(*this);
  co_return co_await root()->Ioctl(request, argument);
}

Task<absl::Status> BlockBackendImpl::WriteCompressed(uint64_t offset,
                                                     std::span<const uint8_t> data) {
  const ChangeSection section = co_await BeginChange();
  if (!is_inserted()) co_return NoMedium();
  if (!RangeFits(offset, data.size(), root()->length())) {
    co_return ErrorWithErrno(EIO, absl::StrCat(Title(), ": ", data.size(), " bytes at ", offset,
                                               " are beyond its ", root()->length(), " bytes"));
  }
  if (!MayWrite(*root())) {
    co_return ErrorWithErrno(EACCES, absl::StrCat(Title(), " is read-only"));
  }
  const bool had_write = host_writes_;
  host_writes_ = true;
  absl::Status status = edge_.Change(EdgeOptionsFor(*root()));
  if (status.ok()) {
    const RootUse use(*this);
    status = co_await root()->WriteCompressed(offset, data);
  }
  host_writes_ = had_write;
  edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  co_return status;
}

Task<absl::Status> BlockBackendImpl::SaveVmState(uint64_t offset, std::span<const uint8_t> data) {
  const ChangeSection section = co_await BeginChange();
  if (!is_inserted()) co_return NoMedium();
  if (!MayWrite(*root())) {
    co_return ErrorWithErrno(EACCES, absl::StrCat(Title(), " is read-only"));
  }
  const RootUse use(*this);
  co_return co_await root()->SaveVmState(offset, data);
}

Task<absl::Status> BlockBackendImpl::LoadVmState(uint64_t offset, std::span<uint8_t> data) {
  const ChangeSection section = co_await BeginChange();
  if (!is_inserted()) co_return NoMedium();
  const RootUse use(*this);
  co_return co_await root()->LoadVmState(offset, data);
}

absl::StatusOr<DiskGeometry> BlockBackendImpl::ProbeGeometry() const {
  if (!is_inserted()) return NoMedium();
  const std::optional<DiskGeometry> geometry = root()->ProbeGeometry();
  if (geometry.has_value()) return *geometry;
  return ErrorWithErrno(ENOTSUP,
                        absl::StrCat(Title(), ": driver '", root()->driver_name(), "' of node '",
                                     root()->node_name(), "' knows no geometry"));
}

}  // namespace platter
