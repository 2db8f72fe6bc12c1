// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace platter {

absl::StatusOr<std::unique_ptr<ZoneStore>> ZoneStore::Create(const ZonedOptions& options,
                                                             uint64_t granularity,
                                                             BlockDeviceView& backend,
                                                             AioContext& control,
                                                             const std::atomic<bool>& dropping) {
  const absl::StatusOr<ZoneLayout> layout = LayOutZones(options, backend.length());
  if (!layout.ok()) return layout.status();
  absl::StatusOr<ZoneArea> area = DecodeZoneArea(*layout, options.area);
  if (!area.ok()) return area.status();
  if (!area->found && !options.create) {
    return absl::InvalidArgumentError(
        "x-zoned: the medium has no zones; x-zone-create=on makes them, and its data is lost");
  }
  if (!area->found && backend.is_read_only()) {
    return absl::InvalidArgumentError("x-zone-create: the medium is read-only");
  }
  const ZoneLimits limits = {.max_open = options.max_open_zones,
                             .max_active = options.max_active_zones,
                             .granularity = granularity};
  return std::unique_ptr<ZoneStore>(
      new ZoneStore(*layout, limits, *area, backend, control, dropping));
}

ZoneStore::ZoneStore(const ZoneLayout& layout, const ZoneLimits& limits, const ZoneArea& area,
                     BlockDeviceView& backend, AioContext& control,
                     const std::atomic<bool>& dropping)
    : layout_(layout),
      backend_(backend),
      control_(control),
      dropping_(dropping),
      table_(layout, limits, area.records),
      channel_(backend.OpenChannel(control, *this)),
      buffer_(static_cast<uint8_t*>(control.buffers().Allocate(ZoneLayout::kBlockBytes))),
      generation_(area.generation),
      current_(area.current) {
  MutexLock lock(mutex_);
  for (uint32_t block = 0; !area.found && block < layout_.blocks; ++block) {
    table_.MarkChanged(block);
  }
}

ZoneStore::~ZoneStore() {
  PLATTER_CHECK(step_ == Step::kIdle);
  channel_.reset();
  control_.buffers().Free(buffer_, ZoneLayout::kBlockBytes);
}

void ZoneStore::CloseAll() {
  MutexLock lock(mutex_);
  table_.CloseAll();
  resumed_.clear();
}

// --- Rounds. ---

void ZoneStore::Save(ZoneWaiter& waiter) {
  {
    MutexLock lock(mutex_);
    waiters_.PushBack(waiter);
  }
  turn_.Schedule();
}

void ZoneStore::Turn() {
  if (step_ == Step::kIdle) Begin();
}

void ZoneStore::Begin() {
  image_count_ = next_image_ = 0;
  bool flush = false;
  {
    MutexLock lock(mutex_);
    if (waiters_.empty()) return;
    round_.Swap(waiters_);
    // The first block comes last: without it an area counts as none.
    while (table_.changed()) {
      if (image_count_ == images_.size()) images_.emplace_back();
      Image& image = images_[image_count_++];
      image.block = table_.TakeChanged(image.records);
    }
    saving_ = image_count_ != 0 || unsettled_;
    flush = unsettled_;
  }
  for (WorkItem* at = round_.front(); at != nullptr; at = Waiters::Next(*at)) {
    flush = flush || static_cast<ZoneWaiter*>(at)->flush;
  }
  if (image_count_ == 0 && !flush) return EndRound(0);
  SubmitFlush(Step::kFlushData);
}

void ZoneStore::SubmitFlush(Step step) {
  step_ = step;
  request_.op = IoOp::kFlush;
  request_.flags = IoFlags::kNone;
  request_.offset = request_.bytes = 0;
  request_.iov = nullptr;
  request_.iov_count = 0;
  channel_->Submit(request_);
}

void ZoneStore::SubmitNextImage() {
  const Image& image = images_[next_image_];
  EncodeZoneBlock(layout_, image.block, generation_ + 1, image.records,
                  ZoneBlock(buffer_, ZoneLayout::kBlockBytes));
  step_ = Step::kWrite;
  piece_ = {.iov_base = buffer_, .iov_len = ZoneLayout::kBlockBytes};
  request_.op = IoOp::kWrite;
  request_.flags = IoFlags::kNone;
  request_.offset = ZoneBlockOffset(layout_, image.block, current_[image.block] ^ 1);
  request_.bytes = ZoneLayout::kBlockBytes;
  request_.iov = &piece_;
  request_.iov_count = 1;
  channel_->Submit(request_);
}

void ZoneStore::OnStepDone(IoResult result) {
  if (result != 0) return EndRound(result);
  if (step_ == Step::kFlushStates) return EndRound(0);
  if (step_ == Step::kWrite) {
    current_[images_[next_image_].block] ^= 1;
    ++generation_;
    ++next_image_;
  } else if (image_count_ == 0) {
    return EndRound(0);
  }
  next_image_ < image_count_ ? SubmitNextImage() : SubmitFlush(Step::kFlushStates);
}

void ZoneStore::EndRound(IoResult result) {
  step_ = Step::kIdle;
  {
    MutexLock lock(mutex_);
    saving_ = false;
    if (result == 0) unsettled_ = false;
    // Whether what was written lasts is not known either.
    for (size_t i = 0; result != 0 && i < image_count_; ++i) table_.MarkChanged(images_[i].block);
  }
  image_count_ = next_image_ = 0;
  Waiters done;
  done.Swap(round_);
  Release(done, result);
  Begin();
}

void ZoneStore::Release(Waiters& waiters, IoResult result) {
  while (WorkItem* item = waiters.PopFront()) {
    auto& waiter = static_cast<ZoneWaiter&>(*item);
    waiter.result = result;
    waiter.context->Post(waiter);
  }
}

void ZoneStore::OnCancel() {
  // It may come late: whoever waits now came after the reset.
  if (!dropping_.load(std::memory_order_relaxed)) return;
  Waiters waiters;
  {
    MutexLock lock(mutex_);
    waiters.Swap(waiters_);
  }
  Release(waiters, -ECANCELED);
  if (step_ != Step::kIdle) channel_->CancelAll();
}

// --- Saved states. ---

ZoneStore::State ZoneStore::SaveState() {
  State state;
  state.generation = generation_;
  state.blocks = current_;
  MutexLock lock(mutex_);
  state.zones = table_.Save();
  for (uint32_t block = 0; block < layout_.blocks; ++block) {
    if (table_.changed(block)) state.blocks[block] |= 2;
  }
  // A round that does not go on.
  for (size_t i = next_image_; i < image_count_; ++i) state.blocks[images_[i].block] |= 2;
  state.unsettled = unsettled_ || next_image_ != 0;
  return state;
}

const char* ZoneStore::CheckState(const State& state) {
  if (state.blocks.size() != layout_.blocks) return "zones of another layout";
  for (const uint8_t block : state.blocks) {
    if (block > 3) return "a block of zones that can't be";
  }
  std::vector<ZoneTicket> tickets;
  for (const ZoneResumed& request : state.requests) {
    if (request.how == ZoneResumed::How::kDone) continue;
    if (request.ticket.sectors > layout_.sectors() ||
        request.ticket.sector > layout_.sectors() - request.ticket.sectors) {
      return "a write beyond the zones";
    }
    if (request.how == ZoneResumed::How::kTaken) tickets.push_back(request.ticket);
  }
  MutexLock lock(mutex_);
  return table_.Check(state.zones, tickets);
}

void ZoneStore::RestoreState(State state) {
  generation_ = state.generation;
  std::vector<ZoneTicket> tickets;
  for (const ZoneResumed& request : state.requests) {
    if (request.how == ZoneResumed::How::kTaken) tickets.push_back(request.ticket);
  }
  MutexLock lock(mutex_);
  table_.Restore(state.zones, tickets);
  unsettled_ = state.unsettled;
  for (uint32_t block = 0; block < layout_.blocks; ++block) {
    current_[block] = state.blocks[block] & 1;
    if ((state.blocks[block] & 2) != 0) table_.MarkChanged(block);
  }
  size_t next = 0;
  for (ZoneResumed& request : state.requests) {
    if (request.how == ZoneResumed::How::kTaken) request.ticket = tickets[next++];
  }
  resumed_ = std::move(state.requests);
}

std::optional<ZoneResumed> ZoneStore::TakeResumed(uint16_t queue, uint16_t head) {
  const auto found = std::find_if(resumed_.begin(), resumed_.end(), [&](const ZoneResumed& each) {
    return each.queue == queue && each.head == head;
  });
  if (found == resumed_.end()) return std::nullopt;
  const ZoneResumed resumed = *found;
  resumed_.erase(found);
  return resumed;
}

}  // namespace platter
