// SPDX-License-Identifier: Apache-2.0
//
// The root node: inserting, removing, resizing; always in a ChangeSection.

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await_io.h"
#include "base/check.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

Task<BlockBackendImpl::ChangeSection> BlockBackendImpl::BeginChange(NodeRef coming) {
  std::shared_ptr<BlockBackendImpl> self = shared_from_this();
  while (changing_) co_await news_.Wait();
  changing_ = true;
  co_await BeginDrain();
  ChangeSection section(std::move(self));
  if (root() != nullptr) section.root_.emplace(co_await DrainedSection::Begin(*root()));
  if (coming != nullptr) section.coming_.emplace(co_await DrainedSection::Begin(*coming));
  co_return section;
}

BlockBackendImpl::ChangeSection::~ChangeSection() {
  if (backend_ == nullptr) return;
  coming_.reset();
  root_.reset();
  backend_->EndDrain();
  backend_->changing_ = false;
  backend_->news_.Set();
  backend_->news_.Reset();
}

Task<IoResult> BlockBackendImpl::EdgeIo(IoArguments io) {
  struct Counted {
    explicit Counted(BlockBackendImpl& of) : backend(of) { ++backend.edge_io_; }
    ~Counted() {
      --backend.edge_io_;
      backend.OnNews();
    }
    BlockBackendImpl& backend;
  };
  const Counted counted(*this);
  co_return co_await AwaitIo(edge_, io);
}

absl::Status BlockBackendImpl::CheckWholeBlocks(uint64_t length) const {
  if (!device_ || length % device_->attachment.guest_block_size == 0) return absl::OkStatus();
  return ErrorWithErrno(
      EINVAL, absl::StrCat(Title(), ": ", length, " bytes are not a multiple of the ",
                           device_->attachment.guest_block_size, "-byte blocks of device '",
                           device_->attachment.device_id, "'"));
}

// Of a disc a guest sees the whole blocks; a disk that it has open is no place for a rest.
absl::Status BlockBackendImpl::CheckMedium(uint64_t length) const {
  return removable() ? absl::OkStatus() : CheckWholeBlocks(length);
}

absl::Status BlockBackendImpl::AttachRoot(NodeRef node) {
  PLATTER_RETURN_IF_ERROR(CheckMedium(node->length()));
  const EdgeOptions options = EdgeOptionsFor(*node);
  absl::Status attached = edge_.Attach(std::move(node), options);
  if (!attached.ok()) return Annotate(attached, Title());
  PublishMedium();
  return attached;
}

Task<absl::Status> BlockBackendImpl::InsertRoot(NodeRef node) {
  const ChangeSection section = co_await BeginChange(node);
  if (root() != nullptr) {
    co_return ErrorWithErrno(
        EBUSY, absl::StrCat(Title(), " has a medium: node '", root()->node_name(), "'"));
  }
  co_return AttachRoot(node);
}

Task<void> BlockBackendImpl::FlushAndDetachRoot() {
  // Whatever the permissions are by now: a device that has gone has given its own up.
  if (!root()->read_only()) {
    IoArguments flush;
    flush.op = IoOp::kFlush;
    const IoResult result = co_await EdgeIo(flush);
    if (result < 0 && services_.log != nullptr) {
      const absl::Status failed = ErrnoError(
          -result,
          absl::StrCat(Title(), ": flushing node '", root()->node_name(), "' before its removal"));
      services_.log->Log(LogLevel::kError, MessageOf(failed));
    }
  }
  // It goes all the same: keeping it would not make the data durable.
  edge_.Detach();
  host_writes_ = false;
  PublishMedium();
}

Task<absl::Status> BlockBackendImpl::RemoveRoot() {
  const ChangeSection section = co_await BeginChange();
  if (root() != nullptr) co_await FlushAndDetachRoot();
  co_return absl::OkStatus();
}

void BlockBackendImpl::OnChildChanged() {
  const uint64_t before = length();
  PublishMedium();
  if (length() != before && device_ && device_->ops.resize) device_->ops.resize();
}

Task<absl::Status> BlockBackendImpl::Resize(uint64_t new_length) {
  const ChangeSection section = co_await BeginChange();
  if (root() == nullptr) co_return NoMedium();
  if (is_read_only()) {
    co_return ErrorWithErrno(
        EACCES, absl::StrCat(Title(), ": node '", root()->node_name(), "' is read-only"));
  }
  if (device_ && !device_->attachment.handles_resize) {
    co_return ErrorWithErrno(EBUSY,
                             absl::StrCat(Title(), ": device '", device_->attachment.device_id,
                                          "' does not allow a resize"));
  }
  if (absl::Status refused = CheckWholeBlocks(new_length); !refused.ok()) co_return refused;
  resizing_ = true;
  absl::Status status = edge_.Change(EdgeOptionsFor(*root()));
  if (status.ok()) status = co_await root()->Truncate(new_length);
  resizing_ = false;
  edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  if (!status.ok()) co_return Annotate(status, Title());
  // For nodes that tell their parents themselves this finds nothing new.
  OnChildChanged();
  co_return absl::OkStatus();
}

}  // namespace platter
