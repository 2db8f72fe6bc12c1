// SPDX-License-Identifier: Apache-2.0
#include "drivers/raw/raw_node.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/aio_context.h"
#include "base/arith.h"
#include "base/status.h"

namespace platter {

// A write that goes beyond the end: when it is done this node is longer too.
class RawNode::GrowingWrite final : public IoRequest {
 public:
  GrowingWrite(RawNode& node, IoRequest& parent)
      : node_(node), parent_(parent), end_(parent.offset + parent.bytes) {
    context = parent.context;
    op = parent.op;
    flags = parent.flags;
    iov_count = parent.iov_count;
    offset = parent.offset + node.options_.offset;
    bytes = parent.bytes;
    iov = parent.iov;
  }

  IoResult Begin() {
    const IoResult result = node_.file_.Start(*this);
    if (result != kIoPending) End(result);
    return result;
  }

 private:
  friend class BufferPool;
  ~GrowingWrite() = default;

  void OnIoDone(IoResult result) override {
    IoRequest& parent = parent_;
    End(result);
    parent.OnIoDone(result);
  }
  void End(IoResult result) {
    if (result == 0) node_.RaiseLength(end_);
    context->buffers().Delete(this);
  }

  RawNode& node_;
  IoRequest& parent_;
  const uint64_t end_;
};

absl::StatusOr<std::shared_ptr<RawNode>> RawNode::Create(std::string node_name, NodeRef file,
                                                         const RawOptions& options) {
  std::shared_ptr<RawNode> node(new RawNode(std::move(node_name), options));
  PLATTER_RETURN_IF_ERROR(node->Open(std::move(file)));
  return node;
}

RawNode::RawNode(std::string node_name, const RawOptions& options)
    : BlockNode(std::move(node_name)), options_(options) {}

absl::Status RawNode::Check(const BlockNode& file, const RawOptions& options) const {
  const auto error = [this](const auto&... parts) {
    return ErrorWithErrno(EINVAL, absl::StrCat("node '", node_name(), "': ", parts...));
  };
  const uint64_t length = file.length();
  const std::string file_size =
      absl::StrCat("node '", file.node_name(), "', which has ", length, " bytes");
  if (options.size.has_value() && !IsAligned(*options.size, kSectorSize)) {
    return error("size ", *options.size, " is not a multiple of ", kSectorSize, " bytes");
  }
  if (options.offset > length) {
    return error("offset ", options.offset, " is beyond the end of ", file_size);
  }
  if (!RangeFits(options.offset, options.size.value_or(0), length)) {
    return error("offset ", options.offset, " and size ", *options.size,
                 " together go beyond the end of ", file_size);
  }
  return absl::OkStatus();
}

absl::Status RawNode::Open(NodeRef file) {
  PLATTER_RETURN_IF_ERROR(Check(*file, options_));
  // Nothing comes through before a parent is here, and then SetPermissions says what may.
  const uint32_t granularity = file->limits().request_alignment;
  PLATTER_RETURN_IF_ERROR(
      file_.Attach(std::move(file), {.permissions = {}, .granularity = granularity}));
  Refresh();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RawNode::Reopening>> RawNode::PrepareReopen(
    const RawOptions& options, NodeRef file) {
  const BlockNode& below = file == nullptr ? *file_.child() : *file;
  PLATTER_RETURN_IF_ERROR(Check(below, options));
  const uint64_t new_length = LengthOver(below.length(), options);
  if (new_length != length()) PLATTER_RETURN_IF_ERROR(CheckNewLength(new_length));
  auto reopening = std::make_unique<Reopening>(*this, options);
  if (file != nullptr) {
    const EdgeOptions as_now = {.permissions = file_.options().permissions,
                                .granularity = file->limits().request_alignment};
    PLATTER_RETURN_IF_ERROR(reopening->coming_.Attach(std::move(file), as_now));
  }
  return reopening;
}

void RawNode::FinishReopen(Reopening& reopening) {
  options_ = reopening.options_;
  if (reopening.coming_.child() != nullptr) {
    reopening.going_.TakeOver(file_);
    file_.TakeOver(reopening.coming_);
  }
  OnChildChanged();
  // It has these permissions; what follows from the options may be different.
  file_.Change(EdgeOptionsFor(file_.options().permissions)).IgnoreError();
}

void RawNode::SetAccess(NodeAccess access) {
  options_.read_only = access == NodeAccess::kReadOnly;
  OnChildChanged();
}

void RawNode::Refresh() {
  const BlockNode& file = *file_.child();
  limits_ = file.limits();
  features_ = file.features();
  read_only_ = options_.read_only || file.read_only();
  // What is aligned here is aligned there only up to the alignment of the offset. Then the Edge
  // below does what is left, so that nothing is read and modified at two places.
  // The same for an end that is not the file's: the rest of its last block belongs to others.
  if (!IsAligned(options_.offset | options_.size.value_or(0), limits_.request_alignment)) {
    limits_.request_alignment = 1;
  }
  if (!IsAligned(options_.offset, limits_.discard_alignment)) limits_.discard_alignment = 1;
  if (!IsAligned(options_.offset, limits_.write_zeroes_alignment)) {
    limits_.write_zeroes_alignment = 1;
  }
  set_length(LengthOver(file.length(), options_));
}

uint64_t RawNode::LengthOver(uint64_t file_length, const RawOptions& options) {
  const uint64_t rest = file_length - std::min(file_length, options.offset);
  return std::min(rest, options.size.value_or(rest));
}

void RawNode::OnChildChanged() {
  Refresh();
  NotifyParents();
}

absl::Status RawNode::SetPermissions(Permissions cumulative) {
  PLATTER_RETURN_IF_ERROR(BlockNode::SetPermissions(cumulative));
  return file_.Change(EdgeOptionsFor(cumulative));
}

EdgeOptions RawNode::EdgeOptionsFor(Permissions permissions) const {
  return {.permissions = permissions,
          .granularity = limits_.request_alignment,
          .may_grow = permissions.used.Has(Permission::kResize) && !options_.size.has_value()};
}

IoResult RawNode::Start(IoRequest& request) {
  if (request.op == IoOp::kFlush) return file_.Start(request);
  // Blocks of a length that is not aligned reach beyond it, but not by a whole block (node.h).
  const uint64_t end = AlignUp(length(), limits_.request_alignment);
  if (!RangeFits(request.offset, request.bytes, end)) [[unlikely]] {
    if (options_.size.has_value()) return -EIO;
    return request.context->buffers().New<GrowingWrite>(*this, request)->Begin();
  }
  request.offset += options_.offset;
  return file_.Start(request);
}

Task<absl::Status> RawNode::Truncate(uint64_t new_length) {
  if (options_.size.has_value()) {
    co_return ErrorWithErrno(
        ENOTSUP, absl::StrCat("node '", node_name(), "': the option size fixes its size"));
  }
  const std::optional<uint64_t> length = CheckedAdd(new_length, options_.offset);
  if (read_only_) {
    co_return ErrorWithErrno(EACCES, absl::StrCat("node '", node_name(), "' is read-only"));
  }
  if (!length.has_value()) {
    co_return ErrorWithErrno(EFBIG, absl::StrCat("node '", node_name(), "': ", new_length,
                                                 " bytes are more than a node can have"));
  }
  co_return co_await file_.child()->Truncate(*length);
}

Task<absl::StatusOr<BlockStatus>> RawNode::GetBlockStatus(uint64_t offset, uint64_t bytes) {
  absl::StatusOr<BlockStatus> status =
      co_await file_.child()->GetBlockStatus(offset + options_.offset, bytes);
  if (status.ok()) status->child_offset = offset + options_.offset;
  co_return status;
}

std::optional<HostBlockSizes> RawNode::ProbeBlockSizes() const {
  return file_.child()->ProbeBlockSizes();
}

}  // namespace platter
