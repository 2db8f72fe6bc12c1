// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_queue.h"

#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace platter {

VirtioQueue::VirtioQueue(uint16_t index, uint32_t max_size, AioContext& context,
                         VirtioQueueUser& user)
    : index_(index),
      context_(context),
      user_(user),
      work_(context, [this] { Work(); }),
      ring_(max_size) {}

VirtioQueue::~VirtioQueue() { PLATTER_CHECK(!started_); }

void VirtioQueue::Kick() {
  // Counted, so that Close can tell that no thread is between the question and the posting.
  kicking_.fetch_add(1, std::memory_order_seq_cst);
  if (open_.load(std::memory_order_seq_cst)) work_.Schedule();
  kicking_.fetch_sub(1, std::memory_order_seq_cst);
}

bool VirtioQueue::Close() {
  open_.store(false, std::memory_order_seq_cst);
  return kicking_.load(std::memory_order_seq_cst) == 0 && !work_.scheduled();
}

void VirtioQueueUser::OnQueueRestore(VirtioQueue& queue, uint16_t) {
  queue.Break("this device takes up no requests of a saved queue");
}

absl::Status VirtioQueue::Restore(std::shared_ptr<const GuestMemory> memory, QueueState state,
                                  uint64_t features) {
  PLATTER_CHECK(!started_);
  PLATTER_RETURN_IF_ERROR(ring_.Start(std::move(memory), state, features));
  layout_ = state.layout;
  started_ = true;
  open_.store(true, std::memory_order_seq_cst);
  context_.Post([this, saved = std::move(state)] { Begin(saved); });
  return absl::OkStatus();
}

QueueState VirtioQueue::Save() {
  if (state_ == State::kStopped) return {};
  QueueState state = {
      .layout = layout_, .stopping = state_ == State::kStopping, .broken = ring_.broken()};
  if (!state.broken) {
    ring_.Save(user_.OnQueueSave(*this), &state);
  } else {
    state.layout.next_avail = ring_.next_avail();
    state.layout.next_used = ring_.next_used();
  }
  return state;
}

void VirtioQueue::Stop(QueueStop kind) {
  PLATTER_CHECK(started_);
  open_.store(false, std::memory_order_seq_cst);
  context_.Post([this, kind] { BeginStop(kind); });
}

void VirtioQueue::Begin(const QueueState& state) {
  state_ = State::kRunning;
  told_broken_ = state.broken;  // Before it was saved.
  waiting_ = false;
  for (uint16_t head : state.heads) user_.OnQueueRestore(*this, head);
  if (state.broken) ring_.Break("it was broken when it was saved");
  TellBroken();
  if (state.stopping) {
    // Only now, so that the first head that is done is not taken for the last. BeginStop follows.
    state_ = State::kStopping;
    return;
  }
  context_.AddPoller(*this);
  Work();  // The driver may have filled the ring before it was started.
}

void VirtioQueue::BeginStop(QueueStop kind) {
  if (state_ == State::kStopped) return;  // A drain finished before the reset that overtook it.
  if (state_ == State::kRunning) {
    state_ = State::kStopping;
    context_.RemovePoller(*this);
    polling_ = false;
  }
  user_.OnQueueStopping(*this, kind);
  CheckStopped();
}

void VirtioQueue::CheckStopped() {
  if (state_ != State::kStopping || ring_.in_use() != 0) return;
  state_ = State::kStopped;
  stopped_avail_ = ring_.next_avail();
  stopped_used_ = ring_.next_used();
  ring_.Stop();
  user_.OnQueueStopped(*this);
}

void VirtioQueue::Break(const char* why) {
  ring_.Break(why);
  TellBroken();
}

void VirtioQueue::TellBroken() {
  if (told_broken_ || !ring_.broken()) return;
  told_broken_ = true;
  user_.OnQueueBroken(*this);
}

void VirtioQueue::Resume() {
  paused_ = false;
  Work();
}

void VirtioQueue::Retry() {
  if (!waiting_) return;
  waiting_ = false;
  work_.Schedule();
}

void VirtioQueue::Work() {
  if (!taking()) return;
  ring_.SuppressKicks();
  const QueueWork left = user_.OnQueueWork(*this);
  if (ring_.broken()) return TellBroken();
  switch (left) {
    case QueueWork::kMore:
      work_.Schedule();
      return;
    case QueueWork::kWaiting:
      waiting_ = true;
      return;
    case QueueWork::kAll:
      // While the context polls it looks at the available index itself.
      if (!polling_ && ring_.ArmKicks()) work_.Schedule();
      TellBroken();
      return;
  }
}

bool VirtioQueue::Poll() {
  if (!taking() || !ring_.HasWork()) {
    TellBroken();
    return false;
  }
  Work();
  return true;
}

void VirtioQueue::OnPollStart() {
  polling_ = true;
  if (taking()) ring_.SuppressKicks();
}

bool VirtioQueue::OnPollEnd() {
  polling_ = false;
  return taking() && ring_.ArmKicks();
}

}  // namespace platter
