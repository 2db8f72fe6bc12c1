// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/scripted_context.h"

#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace platter {

namespace {

uint64_t BytesOf(const iovec* iov, uint32_t iov_count) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < iov_count; ++i) total += iov[i].iov_len;
  return total;
}

bool IsTransfer(FileOpKind kind) { return kind == FileOpKind::kRead || kind == FileOpKind::kWrite; }

}  // namespace

void ScriptedFileIo::Submit(FileOp& op) {
  ++outstanding_;
  submitted_.PushBack(op);
}

int ScriptedFileIo::Open(const char*, int, int) {
  ++open_files_;
  return kFd;
}

int ScriptedFileIo::Close(int) {
  --open_files_;
  return 0;
}

int64_t ScriptedFileIo::InlineRead(int, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                   int rwf_flags) {
  return Inline(FileOpKind::kRead, iov, iov_count, offset, rwf_flags);
}

int64_t ScriptedFileIo::InlineWrite(int, const iovec* iov, uint32_t iov_count, uint64_t offset,
                                    int rwf_flags) {
  return Inline(FileOpKind::kWrite, iov, iov_count, offset, rwf_flags);
}

int64_t ScriptedFileIo::Inline(FileOpKind kind, const iovec* iov, uint32_t iov_count,
                               uint64_t offset, int rwf_flags) {
  if (!allow_inline) return -EOPNOTSUPP;
  ScriptedCall call;
  call.kind = kind;
  call.inline_call = true;
  call.mode = rwf_flags;
  call.offset = offset;
  call.bytes = BytesOf(iov, iov_count);
  return Execute(call, iov, iov_count);
}

bool ScriptedFileIo::Complete() {
  IntrusiveFifo<FileOp, &FileOp::next> now;
  now.Append(submitted_);
  const bool any = !now.empty();
  while (FileOp* op = now.PopFront()) {
    ScriptedCall call;
    call.kind = op->kind;
    call.dsync = op->dsync;
    call.mode = op->mode;
    call.offset = op->offset;
    call.bytes = IsTransfer(op->kind) ? BytesOf(op->iov, op->iov_count) : op->bytes;
    const int64_t result = Execute(call, op->iov, op->iov_count);
    --outstanding_;
    op->OnFileDone(result);
  }
  return any;
}

int64_t ScriptedFileIo::Execute(const ScriptedCall& call, const iovec* iov, uint32_t iov_count) {
  calls_.push_back(call);
  const std::optional<int64_t> ruled = rule ? rule(call) : std::nullopt;
  if (ruled.has_value() && *ruled < 0) return *ruled;
  if (IsTransfer(call.kind)) {
    const uint64_t most = ruled.has_value() ? static_cast<uint64_t>(*ruled) : UINT64_MAX;
    return Transfer(call, iov, iov_count, most);
  }
  const bool zeroes = call.kind == FileOpKind::kZeroDev || call.kind == FileOpKind::kDiscardDev ||
                      (call.kind == FileOpKind::kAllocate && call.mode != 0);
  const uint64_t end = call.offset + call.bytes;
  std::vector<uint8_t>& bytes = file_->bytes;
  if (call.kind == FileOpKind::kAllocate && (call.mode & FALLOC_FL_KEEP_SIZE) == 0) {
    bytes.resize(std::max<uint64_t>(bytes.size(), end));
  }
  if (zeroes) {
    const uint64_t stop = std::min<uint64_t>(end, bytes.size());
    for (uint64_t i = call.offset; i < stop; ++i) bytes[i] = 0;
  }
  return ruled.value_or(0);
}

int64_t ScriptedFileIo::Transfer(const ScriptedCall& call, const iovec* iov, uint32_t iov_count,
                                 uint64_t most) {
  std::vector<uint8_t>& bytes = file_->bytes;
  uint64_t left = std::min(call.bytes, most);
  if (call.kind == FileOpKind::kRead) {
    left = std::min<uint64_t>(left, bytes.size() - std::min<uint64_t>(bytes.size(), call.offset));
  } else {
    bytes.resize(std::max<uint64_t>(bytes.size(), call.offset + left));
  }
  uint64_t done = 0;
  for (uint32_t i = 0; i < iov_count && left > 0; ++i) {
    const uint64_t piece = std::min<uint64_t>(iov[i].iov_len, left);
    uint8_t* const at = bytes.data() + call.offset + done;
    if (call.kind == FileOpKind::kRead) {
      std::memcpy(iov[i].iov_base, at, piece);
    } else {
      std::memcpy(at, iov[i].iov_base, piece);
    }
    done += piece;
    left -= piece;
  }
  return static_cast<int64_t>(done);
}

bool ScriptedContext::RunReady() {
  CurrentScope scope(*this);
  ++stats_.turns;
  const bool worked = RunQueuedWork();
  return io_.Complete() || worked;
}

}  // namespace platter
