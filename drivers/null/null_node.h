// SPDX-License-Identifier: Apache-2.0
//
// NullNode: the drivers `null-co` and `null-aio`: a disk that forgets what is written and reads as
// whatever the buffer held (or zeroes). null-co answers at once, null-aio in a later turn; with a
// latency both answer that much later. For tests and for measuring everything above.
//
// Ownership: see BlockNode. Threading: any-context. Errors: none but -ECANCELED.

#ifndef PLATTER_DRIVERS_NULL_NULL_NODE_H_
#define PLATTER_DRIVERS_NULL_NULL_NODE_H_

#include <cstdint>
#include <string>

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/timer.h"
#include "base/arith.h"
#include "base/intrusive_fifo.h"
#include "drivers/node.h"
#include "drivers/per_context.h"

namespace platter {

struct NullOptions {
  enum class Completion : uint8_t { kAtOnce, kLaterTurn };
  enum class Reads : uint8_t { kLeaveBuffer, kZeroes };

  Completion completion = Completion::kAtOnce;
  uint64_t size = kGiB;
  Duration latency{0};
  Reads reads = Reads::kLeaveBuffer;
  bool read_only = false;
};

class NullNode final : public BlockNode {
 public:
  NullNode(std::string node_name, const NullOptions& options);

  const char* driver_name() const override;
  IoResult Start(IoRequest& request) override {
    if (options_.reads == NullOptions::Reads::kZeroes) FillZeroes(request);
    return at_once_ ? 0 : StartLater(request);
  }
  void Cancel(IoRequest& request) override;
  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;

 private:
  // A request that waits for its time.
  struct Waiting {
    explicit Waiting(IoRequest& waiting) : request(&waiting) {}
    IoRequest* request;
    Instant due{};
    IoResult result = 0;
    Waiting* next = nullptr;
  };
  using WaitingFifo = IntrusiveFifo<Waiting, &Waiting::next>;

  // What one context has in flight. All wait equally long, so those that wait for time are in
  // order of it.
  class Channel final : private WorkItem {
   public:
    explicit Channel(AioContext& context);
    void CompleteInNextTurn(Waiting& waiting);
    void CompleteAfter(Waiting& waiting, Duration latency);
    void Cancel(IoRequest& request);

   private:
    void Run() override;
    void OnTimer();
    void CompleteAll(WaitingFifo& done);

    AioContext& context_;
    WaitingFifo ready_;
    WaitingFifo timed_;
    Timer timer_;
    bool queued_ = false;
  };

  static void FillZeroes(const IoRequest& request);
  IoResult StartLater(IoRequest& request);

  const NullOptions options_;
  const bool at_once_;
  PerContext<Channel> channels_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_NULL_NULL_NODE_H_
