// SPDX-License-Identifier: Apache-2.0
#include "aio/host/pool_file_io.h"

#include <algorithm>
#include <system_error>

#include "base/check.h"

namespace platter {

PoolFileIo::~PoolFileIo() {
  PLATTER_CHECK(outstanding_ == 0);
  stop_.store(true, std::memory_order_seq_cst);
  ticket_.fetch_add(1, std::memory_order_seq_cst);
  ticket_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void PoolFileIo::StartThreads() {
  threads_.reserve(thread_count_);
  // Those that are there do it all when the host gives no more.
  while (threads_.size() < thread_count_ && StartThread()) {
  }
}

bool PoolFileIo::StartThread() {
  try {
    threads_.emplace_back([this] { WorkerLoop(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void PoolFileIo::RunHere() {
  while (FileOp* op = queued_.PopFront()) {
    op->result = RunFileOp(*op);
    if (done_.Push(*op)) waker_.Wake();
  }
}

void PoolFileIo::Submit(FileOp& op) {
  ++outstanding_;
  queued_.PushBack(op);
}

void PoolFileIo::Flush() {
  if (queued_.empty()) return;
  if (threads_.empty()) StartThreads();
  // Without a single thread the loop waits for the files itself: slow, but everything is answered.
  if (threads_.empty()) return RunHere();
  uint32_t pushed = 0;
  while (FileOp* op = queued_.PopFront()) {
    if (!queue_.TryPush(*op)) {
      queued_.PushFront(*op);  // Its turn comes when something has completed.
      break;
    }
    ++pushed;
  }
  if (pushed == 0) return;
  ticket_.fetch_add(1, std::memory_order_seq_cst);
  const uint32_t wake = std::min(pushed, sleepers_.load(std::memory_order_seq_cst));
  if (wake == threads_.size()) {
    ticket_.notify_all();
  } else {
    for (uint32_t i = 0; i < wake; ++i) ticket_.notify_one();
  }
}

bool PoolFileIo::RunDone() {
  IntrusiveFifo<FileOp, &FileOp::next> done;
  done_.TakeAll(done);
  if (done.empty()) return false;
  while (FileOp* op = done.PopFront()) {
    --outstanding_;
    op->OnFileDone(op->result);
  }
  return true;
}

void PoolFileIo::WorkerLoop() {
  for (;;) {
    FileOp* op = queue_.TryPop();
    if (op == nullptr) {
      // In this order: whoever pushes after the second look moves the ticket.
      const uint32_t seen = ticket_.load(std::memory_order_seq_cst);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      op = queue_.TryPop();
      const bool stop = stop_.load(std::memory_order_seq_cst);
      if (op == nullptr && !stop) ticket_.wait(seen, std::memory_order_seq_cst);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      if (op == nullptr && stop) return;
      if (op == nullptr) continue;
    }
    op->result = RunFileOp(*op);
    if (done_.Push(*op)) waker_.Wake();
  }
}

}  // namespace platter
