// SPDX-License-Identifier: Apache-2.0
//
// ZoneStore: the ZoneTable of a device, shared by its queues, and how it gets to the medium.
// Whoever wants what has changed to be durable waits for it; one round serves all that wait: a
// flush, so that no state is ahead of its data, the blocks that have changed, and a flush.
//
//   MutexLock lock(store.mutex());
//   if (store.table().Reset(sector) == ZoneStatus::kOk && store.NeedsSave()) wait = true;
//   ...
//   store.Save(waiter);                     // waiter.Run() comes in waiter.context.
//
// Ownership: of its device; backend and context outlive it; a waiter stays until it runs. It is
//   destroyed in the control context, before the backend is detached, when nobody waits.
// Threading: the table under mutex(); Save and Cancel from any thread; the rest in the control
//   context. Units: as ZoneTable's. Errors: a waiter's result: 0 or a negative errno; what was to
//   be saved stays changed then.

#ifndef PLATTER_DEVICES_VIRTIO_ZONED_ZONE_STORE_H_
#define PLATTER_DEVICES_VIRTIO_ZONED_ZONE_STORE_H_

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/work_item.h"
#include "base/intrusive_fifo.h"
#include "base/mutex.h"
#include "blockbackend/device_view.h"
#include "devices/virtio/zoned/zone_format.h"
#include "devices/virtio/zoned/zone_options.h"
#include "devices/virtio/zoned/zone_table.h"

namespace platter {

// Waits for a save. Run is called in `context`.
class ZoneWaiter : public WorkItem {
 public:
  AioContext* context = nullptr;
  bool flush = false;  // Of data, too, whatever has changed.
  IoResult result = 0;

 protected:
  ~ZoneWaiter() = default;
};

// A request that was under way when the device was saved.
struct ZoneResumed {
  enum class How : uint8_t {
    kTaken,  // A write whose zone waits for it.
    kEnded,  // A write that no zone waits for: it is done again where it was.
    kDone,   // Not a write: only to be saved.
  };
  uint16_t queue = 0;
  uint16_t head = 0;
  How how = How::kDone;
  ZoneTicket ticket = {};
};

class ZoneStore final : private ChannelClient {
 public:
  // For a drive that the device is attached to. `dropping` says whether a reset is under way.
  // INVALID_ARGUMENT naming a property or what is wrong with the medium.
  static absl::StatusOr<std::unique_ptr<ZoneStore>> Create(const ZonedOptions& options,
                                                           uint64_t granularity,
                                                           BlockDeviceView& backend,
                                                           AioContext& control,
                                                           const std::atomic<bool>& dropping);
  ~ZoneStore();

  const ZoneLayout& layout() const { return layout_; }
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }
  ZoneTable& table() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return table_; }
  // Whether there is anything that the medium does not have, or might not have yet.
  bool NeedsSave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return table_.changed() || saving_ || unsettled_;
  }
  // Whether writes are durable before they complete.
  bool write_through() const { return !backend_.write_cache_enabled(); }

  void Save(ZoneWaiter& waiter);
  // A reset: whoever waits gets -ECANCELED soon, or what comes first.
  void Cancel() { cancel_.Schedule(); }
  // The driver is gone and nothing is in flight: what it had open is closed.
  void CloseAll();

  // --- A saved state. Nothing moves. ---

  struct State {
    std::vector<ZoneTable::Saved> zones;
    std::vector<ZoneResumed> requests;
    uint64_t generation = 0;
    std::vector<uint8_t> blocks;  // Each: bit 0 its place, bit 1 whether it has changed.
    bool unsettled = false;       // Blocks were written and not flushed.
  };
  // All but the requests.
  State SaveState();
  // Nobody is trusted: nullptr, or what is wrong.
  const char* CheckState(const State& state);
  void RestoreState(State state);
  // In a queue's context: what is known of a request that is taken up again, once.
  std::optional<ZoneResumed> TakeResumed(uint16_t queue, uint16_t head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

 private:
  class Request final : public BlockRequest {
   public:
    explicit Request(ZoneStore& store) : store_(store) {}
    void OnBlockDone(IoResult result) override { store_.OnStepDone(result); }

   private:
    ZoneStore& store_;
  };
  using Waiters = IntrusiveFifo<WorkItem, &WorkItem::next>;
  struct Image {
    uint32_t block = 0;
    std::vector<ZoneRecord> records;
  };
  enum class Step : uint8_t { kIdle, kFlushData, kWrite, kFlushStates };

  ZoneStore(const ZoneLayout& layout, const ZoneLimits& limits, const ZoneArea& area,
            BlockDeviceView& backend, AioContext& control, const std::atomic<bool>& dropping);

  void Turn();
  void OnCancel();
  // The next round, when anybody waits.
  void Begin();
  void OnStepDone(IoResult result);
  void SubmitFlush(Step step);
  void SubmitNextImage();
  void EndRound(IoResult result);
  static void Release(Waiters& waiters, IoResult result);

  // ChannelClient.
  void OnBatchDone() override {}

  const ZoneLayout layout_;
  BlockDeviceView& backend_;
  AioContext& control_;
  const std::atomic<bool>& dropping_;

  Mutex mutex_;
  ZoneTable table_ ABSL_GUARDED_BY(mutex_);
  Waiters waiters_ ABSL_GUARDED_BY(mutex_);
  bool saving_ ABSL_GUARDED_BY(mutex_) = false;
  bool unsettled_ ABSL_GUARDED_BY(mutex_) = false;  // As State's.
  std::vector<ZoneResumed> resumed_ ABSL_GUARDED_BY(mutex_);

  // The control context's.
  std::unique_ptr<BlockChannel> channel_;
  Request request_{*this};
  iovec piece_{};
  uint8_t* buffer_ = nullptr;  // From the control context's pool.
  Step step_ = Step::kIdle;
  Waiters round_;
  std::vector<Image> images_;  // Of the round: the first image_count_; kept for the next one.
  size_t image_count_ = 0;
  size_t next_image_ = 0;
  uint64_t generation_ = 0;
  std::vector<uint8_t> current_;  // By block.
  BottomHalf turn_{control_, [this] { Turn(); }};
  BottomHalf cancel_{control_, [this] { OnCancel(); }};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_ZONED_ZONE_STORE_H_
