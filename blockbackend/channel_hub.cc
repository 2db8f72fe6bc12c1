// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/channel_hub.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "blockbackend/channel.h"

namespace platter {

ChannelHub::ChannelHub(AioContext& control, absl::AnyInvocable<void()> on_news)
    : control_(control), on_news_(std::move(on_news)) {}

ChannelHub::~ChannelHub() {
  MutexLock lock(mutex_);
  PLATTER_CHECK(entries_.empty());
  if (news_posted_) PLATTER_CHECK(control_.CancelPosted(news_));
}

void ChannelHub::SetHold(Hold hold, Switch to) {
  std::vector<ChannelImpl*> in_place;
  {
    MutexLock lock(mutex_);
    HoldState& state = holds_[static_cast<size_t>(hold)];
    state.on = to == Switch::kOn;
    ++generation_;
    if (state.on) state.generation = generation_;
    if (hold != Hold::kDrain && !state.on) ++runs_;
    for (Entry& entry : entries_) {
      if (!Concerns(hold, entry.kind)) continue;
      if (state.on && entry.context == &control_) {
        in_place.push_back(entry.channel);
      } else {
        PostMessage(entry);
      }
    }
  }
  for (ChannelImpl* const channel : in_place) channel->TakeOrdersInPlace();
}

bool ChannelHub::Quiet(Hold hold) const {
  MutexLock lock(mutex_);
  const HoldState& state = StateOf(hold);
  if (!state.on) return false;
  return std::all_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return !Concerns(hold, entry.kind) || entry.acknowledged >= state.generation;
  });
}

void ChannelHub::PostMessage(Entry& entry) {
  if (entry.message_posted) return;
  entry.message_posted = true;
  entry.context->Post(entry.channel->message());
}

void ChannelHub::MoveFollowers(AioContext& to) {
  MutexLock lock(mutex_);
  move_to_ = &to;
  for (Entry& entry : entries_) {
    if (!entry.follows || entry.context == &to) continue;
    entry.moving = true;
    PostMessage(entry);
  }
}

bool ChannelHub::FollowersArrived() const {
  MutexLock lock(mutex_);
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const Entry& entry) { return entry.moving; });
}

void ChannelHub::Rehome(ChannelImpl& channel, AioContext& to) {
  MutexLock lock(mutex_);
  Entry& entry = EntryOf(channel);
  if (entry.message_posted) PLATTER_CHECK(entry.context->CancelPosted(channel.message()));
  entry.message_posted = false;
  entry.context = &to;
  PostMessage(entry);
}

void ChannelHub::Arrived(ChannelImpl& channel) {
  MutexLock lock(mutex_);
  EntryOf(channel).moving = false;
  NotifyLocked();
}

void ChannelHub::SetMedium(const ChannelMedium& device, const ChannelMedium& host) {
  MutexLock lock(mutex_);
  Replace(device_medium_, device);
  Replace(host_medium_, host);
}

void ChannelHub::SetThrottle(std::shared_ptr<ThrottleMember> member) {
  MutexLock lock(mutex_);
  throttle_.swap(member);
}

void ChannelHub::Replace(ChannelMedium& medium, ChannelMedium by) {
  const bool removed = medium.edge != nullptr && by.edge == nullptr;
  by.removals = medium.removals + (removed ? 1 : 0);
  medium = by;
}

uint32_t ChannelHub::InFlight() const {
  MutexLock lock(mutex_);
  uint32_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.channel->in_flight();
  return sum;
}

uint32_t ChannelHub::Kept() const {
  MutexLock lock(mutex_);
  uint32_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.channel->kept();
  return sum;
}

size_t ChannelHub::DeviceChannels() const {
  MutexLock lock(mutex_);
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(),
                    [](const Entry& entry) { return entry.kind == ChannelKind::kDevice; }));
}

StatsSum ChannelHub::Stats() const {
  MutexLock lock(mutex_);
  StatsSum sum = closed_stats_;
  for (const Entry& entry : entries_) entry.channel->stats().AddTo(sum);
  return sum;
}

void ChannelHub::ResetHistogram(StatsKind kind) {
  MutexLock lock(mutex_);
  closed_stats_.bins[static_cast<size_t>(kind)].clear();
  for (Entry& entry : entries_) entry.channel->stats().ResetBins(kind);
}

ChannelOrders ChannelHub::Add(ChannelImpl& channel) {
  MutexLock lock(mutex_);
  entries_.push_back({.channel = &channel,
                      .kind = channel.kind(),
                      .context = &channel.context(),
                      .follows = channel.follows(),
                      .moving = false,
                      .message_posted = false,
                      .acknowledged = generation_});
  return OrdersFor(entries_.back());
}

void ChannelHub::Remove(ChannelImpl& channel) {
  MutexLock lock(mutex_);
  Entry& entry = EntryOf(channel);
  if (entry.message_posted) PLATTER_CHECK(entry.context->CancelPosted(channel.message()));
  channel.stats().AddTo(closed_stats_);
  entries_.erase(entries_.begin() + (&entry - entries_.data()));
  // A drain may have waited for this one.
  NotifyLocked();
}

ChannelOrders ChannelHub::TakeOrders(ChannelImpl& channel, Arrival arrival) {
  MutexLock lock(mutex_);
  Entry& entry = EntryOf(channel);
  if (arrival == Arrival::kMessage) entry.message_posted = false;
  return OrdersFor(entry);
}

void ChannelHub::Acknowledge(ChannelImpl& channel, uint64_t generation) {
  MutexLock lock(mutex_);
  EntryOf(channel).acknowledged = generation;
  NotifyLocked();
}

void ChannelHub::Notify() {
  MutexLock lock(mutex_);
  NotifyLocked();
}

void ChannelHub::NotifyLocked() {
  if (news_posted_) return;
  news_posted_ = true;
  control_.Post(news_);
}

void ChannelHub::RunNews() {
  {
    MutexLock lock(mutex_);
    news_posted_ = false;
  }
  on_news_();
}

ChannelHub::Entry& ChannelHub::EntryOf(const ChannelImpl& channel) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.channel == &channel; });
  PLATTER_CHECK(found != entries_.end());
  return *found;
}

ChannelOrders ChannelHub::OrdersFor(const Entry& entry) const {
  const bool stands =
      entry.kind == ChannelKind::kDevice && (StateOf(Hold::kStop).on || StateOf(Hold::kStall).on);
  return {.hold = stands || StateOf(Hold::kDrain).on,
          .generation = generation_,
          .runs = runs_,
          .move_to = entry.moving ? move_to_ : nullptr,
          .medium = entry.kind == ChannelKind::kDevice ? device_medium_ : host_medium_,
          .throttle = throttle_};
}

}  // namespace platter
