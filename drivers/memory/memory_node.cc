// SPDX-License-Identifier: Apache-2.0
#include "drivers/memory/memory_node.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {

absl::StatusOr<std::shared_ptr<MemoryNode>> MemoryNode::Create(std::string node_name,
                                                               const MemoryOptions& options) {
  std::shared_ptr<MemoryNode> node(new MemoryNode(std::move(node_name), options));
  if (absl::Status mapped = node->memory_.Resize(options.size); !mapped.ok()) {
    return Annotate(mapped, absl::StrCat("node '", node->node_name(), "'"));
  }
  return node;
}

MemoryNode::MemoryNode(std::string node_name, const MemoryOptions& options)
    : BlockNode(std::move(node_name)) {
  set_length(options.size);
  features_ = {.fua = true, .discard = true, .write_zeroes = true, .may_unmap = true};
  read_only_ = options.read_only;
  home_context_ = options.home_context;
  memory_.set_limit(options.allocation_limit);
  if (options.cache == MemoryOptions::Cache::kVolatile) {
    journal_ = std::make_unique<UndoJournal>(memory_);
  }
}

IoResult MemoryNode::Do(const IoRequest& request) {
  switch (request.op) {
    case IoOp::kRead:
      Read(request);
      return 0;
    case IoOp::kWrite:
      return Write(request);
    case IoOp::kFlush:
      return 0;
    case IoOp::kDiscard:
      memory_.Free(request.offset, request.bytes);
      return 0;
    case IoOp::kWriteZeroes:
      if (!RangeFits(request.offset, request.bytes, length())) return -ENOSPC;
      if (Has(request.flags, IoFlags::kMayUnmap)) {
        memory_.Free(request.offset, request.bytes);
      } else {
        memory_.Zero(request.offset, request.bytes);
      }
      return 0;
  }
  return -EINVAL;
}

IoResult MemoryNode::DoVolatile(const IoRequest& request) {
  MutexLock lock(mutex_);
  if (request.op == IoOp::kFlush) {
    journal_->CommitAll();
    return 0;
  }
  if (!IsWriteLike(request.op)) return Do(request);
  // As in Write: the journal copies from what is there.
  if (!RangeFits(request.offset, request.bytes, length())) return -ENOSPC;
  journal_->BeforeChange(request.offset, request.bytes);
  const IoResult result = Do(request);
  if (result == 0 && Has(request.flags, IoFlags::kFua)) {
    journal_->Commit(request.offset, request.bytes);
  }
  return result;
}

void MemoryNode::Read(const IoRequest& request) {
  const uint8_t* from = memory_.data() + request.offset;
  for (uint32_t i = 0; i < request.iov_count; ++i) {
    if (request.iov[i].iov_len == 0) continue;
    std::memcpy(request.iov[i].iov_base, from, request.iov[i].iov_len);
    from += request.iov[i].iov_len;
  }
}

IoResult MemoryNode::Write(const IoRequest& request) {
  // A parent that may grow its child can't grow this one by writing.
  if (!RangeFits(request.offset, request.bytes, length())) return -ENOSPC;
  if (!memory_.Take(request.offset, request.bytes)) return -ENOSPC;
  uint8_t* to = memory_.data() + request.offset;
  for (uint32_t i = 0; i < request.iov_count; ++i) {
    if (request.iov[i].iov_len == 0) continue;
    std::memcpy(to, request.iov[i].iov_base, request.iov[i].iov_len);
    to += request.iov[i].iov_len;
  }
  return 0;
}

Task<absl::Status> MemoryNode::Truncate(uint64_t new_length) {
  if (read_only_) {
    co_return ErrorWithErrno(EACCES, absl::StrCat("node '", node_name(), "' is read-only"));
  }
  if (absl::Status minded = CheckNewLength(new_length); !minded.ok()) co_return minded;
  {
    MutexLock lock(mutex_);
    // A crash does not bring back what was cut off: changing the size is durable.
    if (journal_ != nullptr && new_length < length()) journal_->CommitAll();
    if (absl::Status resized = memory_.Resize(new_length); !resized.ok()) {
      co_return Annotate(resized, absl::StrCat("node '", node_name(), "'"));
    }
  }
  set_length(new_length);
  NotifyParents();
  co_return absl::OkStatus();
}

Task<absl::StatusOr<BlockStatus>> MemoryNode::GetBlockStatus(uint64_t offset, uint64_t bytes) {
  const bool taken = memory_.IsTaken(offset);
  co_return BlockStatus{.bytes = memory_.RunEnd(offset, offset + bytes) - offset,
                        .allocated = true,
                        .data = taken,
                        .zero = !taken};
}

void MemoryNode::SimulateCrash(std::optional<uint64_t> torn_seed) {
  if (journal_ == nullptr) return;
  MutexLock lock(mutex_);
  journal_->Undo(torn_seed);
}

}  // namespace platter
