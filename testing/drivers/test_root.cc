// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/test_root.h"

#include <utility>

#include "base/check.h"
#include "drivers/iov_cursor.h"

namespace platter {

EdgeOptions ReadWriteOptions(uint32_t granularity) {
  EdgeOptions options;
  options.permissions.used = Permission::kConsistentRead | Permission::kWrite;
  options.granularity = granularity;
  return options;
}

Task<void> TestRoot::Quiesce() {
  quiesced_.fetch_add(1);
  while (entered_.load() > 0) {
    Completion<int> idle;
    PLATTER_CHECK(idle_.exchange(&idle) == nullptr);
    // Whoever takes the pointer out again completes it; the last request may have left before it
    // was there to see.
    if (entered_.load() == 0 && idle_.exchange(nullptr) != nullptr) break;
    co_await idle;
  }
}

void TestRoot::Leave() {
  if (entered_.fetch_sub(1) > 1) return;
  if (Completion<int>* const idle = idle_.exchange(nullptr)) idle->Complete(0);
}

void TestRoot::Unquiesce() {
  std::vector<std::pair<AioContext*, WorkItem*>> parked;
  {
    MutexLock lock(mutex_);
    if (quiesced_.fetch_sub(1) > 1) return;
    parked.swap(parked_);
  }
  for (const auto& [context, item] : parked) context->Post(*item);
}

bool TestRoot::ParkUntilUnquiesced(AioContext& context, WorkItem& item) {
  MutexLock lock(mutex_);
  if (!quiesced()) return false;
  parked_.emplace_back(&context, &item);
  return true;
}

absl::Status TestRoot::Open(NodeRef node, uint32_t granularity) {
  return edge_.Attach(std::move(node), ReadWriteOptions(granularity));
}

DiskIo::DiskIo(TestRoot& root, AioContext& submitter) : root_(root) { context = &submitter; }

DiskIo& DiskIo::Transfer(IoOp operation, uint64_t at, std::span<uint8_t> data) {
  return TransferPieces(operation, at, {{data.data(), data.size()}});
}

DiskIo& DiskIo::TransferPieces(IoOp operation, uint64_t at, std::vector<iovec> data) {
  pieces_ = std::move(data);
  op = operation;
  wanted_offset_ = at;
  wanted_bytes_ = IovBytes(pieces_.data(), static_cast<uint32_t>(pieces_.size()));
  return *this;
}

DiskIo& DiskIo::Range(IoOp operation, uint64_t at, uint64_t length) {
  pieces_.clear();
  op = operation;
  wanted_offset_ = at;
  wanted_bytes_ = length;
  return *this;
}

void DiskIo::Submit(IoFlags with) {
  root_.entered_.fetch_add(1);
  StartCounted(with);
}

bool DiskIo::SubmitUnlessQuiesced(IoFlags with) {
  // Counted before it looks: a drain that it does not see sees it.
  root_.entered_.fetch_add(1);
  if (root_.quiesced()) {
    root_.Leave();
    return false;
  }
  StartCounted(with);
  return true;
}

void DiskIo::StartCounted(IoFlags with) {
  PLATTER_CHECK(!in_start_);
  // What is below may have changed these.
  offset = wanted_offset_;
  bytes = wanted_bytes_;
  flags = with;
  iov = pieces_.data();
  iov_count = static_cast<uint32_t>(pieces_.size());
  completions_ = 0;
  result_ = kIoPending;
  root_.in_flight_.fetch_add(1);
  if (root_.ledger_ != nullptr) ledger_id_ = root_.ledger_->SubmittedNext();
  in_start_ = true;
  const IoResult started = root_.edge().Start(*this);
  in_start_ = false;
  at_once_ = started != kIoPending;
  if (at_once_) Complete(started);
}

void DiskIo::Cancel() { root_.edge().Cancel(*this); }

IoResult DiskIo::Run(IoFlags with) {
  Submit(with);
  context->RunUntil([this] { return done(); });
  return result_;
}

void DiskIo::OnIoDone(IoResult result) {
  PLATTER_CHECK(!in_start_ && result != kIoPending && context->InContext());
  Complete(result);
  if (on_done_) on_done_();
}

void DiskIo::Complete(IoResult result) {
  ++completions_;
  result_ = result;
  if (root_.ledger_ != nullptr) root_.ledger_->Completed(ledger_id_);
  root_.in_flight_.fetch_sub(1);
  // Last: the drain that waits for it may let everything go.
  root_.Leave();
}

}  // namespace platter
