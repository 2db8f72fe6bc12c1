// SPDX-License-Identifier: Apache-2.0
//
// TestRoot: the root of a tree of nodes in tests, in the place of a block backend: an Edge, the
// requests in flight on it, and drain. DiskIo: one request with memory of its own.
//
// Ownership: a TestRoot outlives its requests. Threading: requests are counted atomically, so any
// context may submit; Quiesce in the control context. Errors: results are kept for the test.

#ifndef PLATTER_TESTING_DRIVERS_TEST_ROOT_H_
#define PLATTER_TESTING_DRIVERS_TEST_ROOT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/io_request.h"
#include "aio/task.h"
#include "aio/work_item.h"
#include "base/mutex.h"
#include "drivers/edge.h"
#include "testing/model/completion_ledger.h"

namespace platter {

// What most tests want: reads, writes and resizing, shared with everybody, any granularity.
EdgeOptions ReadWriteOptions(uint32_t granularity = 1);

class TestRoot final : public EdgeParent {
 public:
  explicit TestRoot(std::string name = "test") : name_(std::move(name)) {}

  std::string Describe() const override { return "block backend '" + name_ + "'"; }
  // Waits for the requests in flight. Whether new ones start is for the test, which asks
  // quiesced() or uses DiskIo::SubmitUnlessQuiesced.
  Task<void> Quiesce() override;
  void Unquiesce() override;
  void OnChildChanged() override { ++changes_; }

  Edge& edge() { return edge_; }
  // Attaches `node` with ReadWriteOptions.
  absl::Status Open(NodeRef node, uint32_t granularity = 1);

  bool quiesced() const { return quiesced_.load() > 0; }
  // Requests that were started and have not completed.
  int64_t in_flight() const { return in_flight_.load(); }
  int changes() const { return changes_; }
  // From now on each request of the root is noted in `ledger` where it starts and completes: for a
  // test of one thread. nullptr: no longer.
  void set_ledger(CompletionLedger* ledger) { ledger_ = ledger; }

  // Posts `item` to `context` when the root is no longer quiesced. False when it is not. Any
  // thread.
  bool ParkUntilUnquiesced(AioContext& context, WorkItem& item);

 private:
  friend class DiskIo;
  // A request less in flight.
  void Leave();

  const std::string name_;
  std::atomic<int> quiesced_{0};
  // Those in flight, and those that are looking whether they may start.
  std::atomic<int64_t> entered_{0};
  std::atomic<int64_t> in_flight_{0};
  std::atomic<Completion<int>*> idle_{nullptr};  // The drain that waits for the last request.
  Mutex mutex_;
  std::vector<std::pair<AioContext*, WorkItem*>> parked_ ABSL_GUARDED_BY(mutex_);
  int changes_ = 0;
  CompletionLedger* ledger_ = nullptr;
  Edge edge_{*this, "root"};
};

// A request that a test makes, submits, waits for, and may use again.
class DiskIo final : public IoRequest {
 public:
  DiskIo(TestRoot& root, AioContext& submitter);

  // Makes it a transfer in one piece.
  DiskIo& Transfer(IoOp operation, uint64_t at, std::span<uint8_t> data);
  // ... in pieces, whose lengths add up to the bytes.
  DiskIo& TransferPieces(IoOp operation, uint64_t at, std::vector<iovec> data);
  DiskIo& Range(IoOp operation, uint64_t at, uint64_t length);

  // Starts it; afterwards done() or not.
  void Submit(IoFlags with = IoFlags::kNone);
  // As Submit unless the root is quiesced: false then. From any context, against a drain in
  // another.
  bool SubmitUnlessQuiesced(IoFlags with = IoFlags::kNone);
  void Cancel();
  // Called at the end of OnIoDone; not when Start gave the result.
  void set_on_done(absl::AnyInvocable<void()> on_done) { on_done_ = std::move(on_done); }
  // Submits and turns the context until it is done.
  IoResult Run(IoFlags with = IoFlags::kNone);

  bool done() const { return completions_ > 0; }
  IoResult result() const { return result_; }
  // How often it completed since Submit: 1 when all is well.
  int completions() const { return completions_; }
  // Whether Start itself gave the result.
  bool at_once() const { return at_once_; }

  void OnIoDone(IoResult result) override;

 private:
  void StartCounted(IoFlags with);
  void Complete(IoResult result);

  TestRoot& root_;
  std::vector<iovec> pieces_;
  uint64_t wanted_offset_ = 0;
  uint64_t wanted_bytes_ = 0;
  uint64_t ledger_id_ = 0;
  IoResult result_ = kIoPending;
  int completions_ = 0;
  bool at_once_ = false;
  bool in_start_ = false;
  absl::AnyInvocable<void()> on_done_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_TEST_ROOT_H_
