// SPDX-License-Identifier: Apache-2.0
//
// ChannelHub: where the control plane of a backend and its channels meet. The control context tells
// channels to hold (drain, machine stopped, drive stalled) and to go on; channels acknowledge when
// they hold and are quiet. All of it by messages: a channel takes its orders in its own context, so
// that nothing on a request's path is shared, fenced or locked.
//
//   hub.SetHold(ChannelHub::Hold::kDrain, ChannelHub::Switch::kOn);
//   ... until hub.Quiet(ChannelHub::Hold::kDrain), looked at after each on_news ...
//   hub.SetMedium(...);                                    // What channels see from now on.
//   hub.SetHold(ChannelHub::Hold::kDrain, ChannelHub::Switch::kOff);
//
// A move to another context goes the same way: the channel learns of it by message, leaves in the
// context where it is, and gets its next message, by which it enters, in the other one. So it may
// be closed at any moment, as ever.
//
// Orders are a state, not a queue: a channel that comes late sees the newest. Every change has a
// generation, and Quiet asks for an acknowledgement of the generation that began the hold, so an
// old acknowledgement never counts for a new drain.
//
// Ownership: the backend's; outlives its channels. Threading: control context, except what is
//   marked for channels. The Mutex is taken by messages, opening and closing, never by a request.
// Errors: none.

#ifndef PLATTER_BLOCKBACKEND_CHANNEL_HUB_H_
#define PLATTER_BLOCKBACKEND_CHANNEL_HUB_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"

#include "aio/aio_context.h"
#include "aio/work_item.h"
#include "base/mutex.h"
#include "blockbackend/timed_stats.h"

namespace platter {

class ChannelImpl;
class Edge;
class ThrottleMember;

// Who uses a channel: a device (held while machine or drive stand still) or the host (not held).
enum class ChannelKind : uint8_t { kDevice, kHost };

// What a channel's requests go to. Changes only while the backend is drained.
struct ChannelMedium {
  Edge* edge = nullptr;     // nullptr: no medium, or (for devices) the tray is open.
  uint64_t block_mask = 0;  // Guest block size - 1.
  bool read_only = false;
  uint64_t removals = 0;  // Times that it went; the hub counts.
};

// What the control context wants of a channel.
struct ChannelOrders {
  bool hold = false;
  uint64_t generation = 0;        // Of this state.
  uint64_t runs = 0;              // Times machine or drive went on: kept requests do at each.
  AioContext* move_to = nullptr;  // Where the channel leaves to or, in it already, enters.
  ChannelMedium medium;
  std::shared_ptr<ThrottleMember> throttle;  // nullptr: no I/O limits.
};

class ChannelHub {
 public:
  enum class Hold : uint8_t { kDrain, kStop, kStall };
  enum class Switch : uint8_t { kOff, kOn };

  // `on_news` runs in the control context when a channel acknowledged, closed or queued an error.
  ChannelHub(AioContext& control, absl::AnyInvocable<void()> on_news);
  ChannelHub(const ChannelHub&) = delete;
  ChannelHub& operator=(const ChannelHub&) = delete;
  // All channels are closed.
  ~ChannelHub();

  AioContext& control() const { return control_; }

  // --- Control context. ---

  // Begins or ends a hold. Channels of the control context hold before this returns; the others
  // when the message reaches them. Ending kStop or kStall (whether it was on or not) also lets kept
  // requests go on, and those that wait for a retry.
  void SetHold(Hold hold, Switch to);
  // Whether each channel concerned holds and has nothing in flight and nothing to deliver. It stays
  // so until the hold ends.
  bool Quiet(Hold hold) const;
  // What channels use when they go on, and new ones at once.
  void SetMedium(const ChannelMedium& device, const ChannelMedium& host);

  // The limits that channels go by from when they go on, new ones at once. While Quiet(kDrain).
  void SetThrottle(std::shared_ptr<ThrottleMember> member);

  // While Quiet(kDrain): channels whose clients follow the backend move to `to`. on_news when they
  // have.
  void MoveFollowers(AioContext& to);
  bool FollowersArrived() const;

  // Requests in flight; exact when Quiet.
  uint32_t InFlight() const;
  // Requests that are kept for a machine or a drive that stands still.
  uint32_t Kept() const;
  size_t DeviceChannels() const;
  StatsSum Stats() const;
  // After the plan's boundaries of `kind` have changed: counts from 0. While Quiet(kDrain).
  void ResetHistogram(StatsKind kind);

  // --- For channels. ---

  // In the control context. A channel opened while held starts held. Gives its first orders.
  ChannelOrders Add(ChannelImpl& channel);
  // In the channel's context: takes back its message if one is on the way, keeps its counters.
  void Remove(ChannelImpl& channel);
  // In the channel's context, when its message has arrived (kMessage) or for an order in place.
  enum class Arrival : uint8_t { kMessage, kInPlace };
  ChannelOrders TakeOrders(ChannelImpl& channel, Arrival arrival);
  // In the channel's context: it holds by the orders of `generation` and is quiet.
  void Acknowledge(ChannelImpl& channel, uint64_t generation);
  // In the context that the channel leaves, as the last thing there: its messages go to `to`.
  void Rehome(ChannelImpl& channel, AioContext& to);
  // In the context that it has come to.
  void Arrived(ChannelImpl& channel);
  // Any context: on_news runs soon.
  void Notify();

 private:
  class News final : public WorkItem {
   public:
    explicit News(ChannelHub& hub) : hub_(hub) {}
    void Run() override { hub_.RunNews(); }

   private:
    ChannelHub& hub_;
  };

  // What the hub knows of a channel.
  struct Entry {
    ChannelImpl* channel;
    ChannelKind kind;
    AioContext* context;  // Where its messages go.
    bool follows;
    bool moving;
    bool message_posted;
    uint64_t acknowledged;  // Newest generation.
  };
  struct HoldState {
    bool on = false;
    uint64_t generation = 0;  // That began it.
  };

  void RunNews();
  void NotifyLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entry& EntryOf(const ChannelImpl& channel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static bool Concerns(Hold hold, ChannelKind kind) {
    return hold == Hold::kDrain || kind == ChannelKind::kDevice;
  }
  const HoldState& StateOf(Hold hold) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return holds_[static_cast<size_t>(hold)];
  }
  void PostMessage(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Replace(ChannelMedium& medium, ChannelMedium by);
  ChannelOrders OrdersFor(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  AioContext& control_;
  absl::AnyInvocable<void()> on_news_;

  mutable Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::array<HoldState, 3> holds_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t runs_ ABSL_GUARDED_BY(mutex_) = 0;
  AioContext* move_to_ ABSL_GUARDED_BY(mutex_) = nullptr;
  ChannelMedium device_medium_ ABSL_GUARDED_BY(mutex_);
  ChannelMedium host_medium_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<ThrottleMember> throttle_ ABSL_GUARDED_BY(mutex_);
  StatsSum closed_stats_ ABSL_GUARDED_BY(mutex_);
  News news_{*this};
  bool news_posted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_CHANNEL_HUB_H_
