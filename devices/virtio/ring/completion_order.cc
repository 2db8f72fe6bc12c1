// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/completion_order.h"

#include <bit>

#include "base/check.h"

namespace platter {

void CompletionOrder::Reset(uint32_t size) {
  const uint32_t slots = std::bit_ceil(size);
  if (entries_.size() < slots) entries_.resize(slots);
  if (slot_of_.size() < size) slot_of_.resize(size);
  mask_ = slots - 1;
  begin_ = end_ = unknown_ = held_ = 0;
}

void CompletionOrder::Restore(uint32_t total, const std::vector<HeldChain>& held) {
  PLATTER_CHECK(begin_ == end_ && total <= mask_ + 1);
  begin_ = unknown_ = 0;
  end_ = total;
  for (uint32_t place = 0; place < total; ++place) At(place) = Entry();
  for (const HeldChain& chain : held) {
    At(chain.place) = {.head = chain.head, .state = State::kDone, .written = chain.written};
    slot_of_[chain.head] = static_cast<uint16_t>(chain.place & mask_);
    ++held_;
  }
}

void CompletionOrder::Take(uint16_t head) {
  while (unknown_ != end_ && At(unknown_).state != State::kUnknown) ++unknown_;
  const uint32_t place = unknown_++;
  if (place == end_) ++end_;
  At(place) = {.head = head, .state = State::kTaken};
  slot_of_[head] = static_cast<uint16_t>(place & mask_);
}

void CompletionOrder::Done(uint16_t head, uint32_t written) {
  Entry& entry = entries_[slot_of_[head]];
  entry.state = State::kDone;
  entry.written = written;
  ++held_;
}

bool CompletionOrder::NextDone(Used* used) {
  if (begin_ == end_) return false;
  const Entry& oldest = At(begin_);
  if (oldest.state != State::kDone) return false;
  *used = {.head = oldest.head, .written = oldest.written};
  ++begin_;
  --held_;
  return true;
}

std::vector<HeldChain> CompletionOrder::Held() const {
  std::vector<HeldChain> held;
  for (uint32_t place = begin_; place != end_; ++place) {
    const Entry& entry = entries_[place & mask_];
    if (entry.state != State::kDone) continue;
    held.push_back({.place = place - begin_, .head = entry.head, .written = entry.written});
  }
  return held;
}

}  // namespace platter
