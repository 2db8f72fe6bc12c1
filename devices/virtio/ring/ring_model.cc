// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/ring_model.h"

#include <string>

#include "base/check.h"

namespace platter {

namespace {

constexpr uint16_t kNext = 1;
constexpr uint16_t kWrite = 2;
constexpr uint16_t kIndirect = 4;
constexpr uint16_t kAvail = 1 << 7;
constexpr uint16_t kUsedFlag = 1 << 15;

}  // namespace

RingModel::RingModel(Layout layout, uint32_t size, uint64_t start)
    : layout_(layout),
      size_(size),
      storage_(kBytes + 16),
      id_free_(size, true),
      slot_free_(size, true),
      free_slots_(size),
      start_(start),
      offered_(start),
      used_(start) {
  const auto address = reinterpret_cast<uintptr_t>(storage_.data());
  bytes_ = storage_.data() + (16 - address % 16) % 16;
  memory_ = *GuestMemory::Create({{.address = kBase, .size = kBytes, .host = bytes_}}, nullptr);
  if (layout_ == Layout::kSplit) {
    Put(kDriver + 2, Le16(static_cast<uint16_t>(start)));
    Put(kDevice + 2, Le16(static_cast<uint16_t>(start)));
    return;
  }
  // 2.8.13: zero at first; then, what was used last in each place.
  for (uint64_t position = start < size ? 0 : start - size; position < start; ++position) {
    Put(kRing + position % size * 16 + 14, Le16(wrap(position) ? kAvail | kUsedFlag : 0));
  }
}

QueueLayout RingModel::layout() const {
  return {.size = size_,
          .descriptors = kRing,
          .driver = kDriver,
          .device = kDevice,
          .next_avail = Told(start_),
          .next_used = Told(start_)};
}

uint16_t RingModel::Told(uint64_t position) const {
  if (layout_ == Layout::kSplit) return static_cast<uint16_t>(position);
  return static_cast<uint16_t>(position % size_ + (wrap(position) ? 0x8000 : 0));
}

uint64_t RingModel::Get(uint64_t address, int bytes) const {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= uint64_t{bytes_[address - kBase + static_cast<uint64_t>(i)]} << (8 * i);
  }
  return value;
}

void RingModel::PutDescriptor(uint64_t at, uint64_t address, uint32_t length, uint16_t third,
                              uint16_t fourth) {
  Put(at, Le64(address));
  Put(at + 8, Le32(length));
  Put(at + 12, Le16(third));
  Put(at + 14, Le16(fourth));
}

// --- The driver. ---

void RingModel::Offer(const Shape& shape, Pick pick) {
  PLATTER_CHECK(size_ != 0 && shape.slots() <= free_slots_);
  Offered chain = {.position = offered_, .shape = shape, .slots = {}};
  if (layout_ == Layout::kSplit) {
    OfferSplit(chain);
  } else {
    for (uint32_t id = 0; id < size_; ++id) {
      if (!id_free_[id]) continue;
      chain.id = static_cast<uint16_t>(id);
      if (pick == Pick::kSmallest) break;
    }
    OfferPacked(chain);
  }
  id_free_[chain.id] = false;
  free_slots_ -= shape.slots();
  chains_.push_back(chain);
}

// 2.7.13
void RingModel::OfferSplit(Offered& chain) {
  for (uint16_t slot = 0; chain.slots.size() < chain.shape.slots(); ++slot) {
    // Backwards, so that a chain's descriptors are in no order that helps.
    const auto index = static_cast<uint16_t>(size_ - 1 - slot);
    if (!slot_free_[index]) continue;
    slot_free_[index] = false;
    chain.slots.push_back(index);
  }
  chain.id = chain.slots[0];
  const uint64_t table = kTables + chain.id * 64;
  for (uint32_t piece = 0; piece < chain.shape.pieces; ++piece) {
    const bool last = piece + 1 == chain.shape.pieces;
    const auto flags =
        static_cast<uint16_t>((last ? 0 : kNext) | (Writes(chain.shape, piece) ? kWrite : 0));
    const uint64_t address = AddressOf(chain, piece);
    if (chain.shape.indirect) {
      PutDescriptor(table + piece * 16, address, LengthOf(chain, piece), flags,
                    static_cast<uint16_t>(piece + 1));
    } else {
      PutDescriptor(kRing + chain.slots[piece] * 16, address, LengthOf(chain, piece), flags,
                    last ? uint16_t{0} : chain.slots[piece + 1]);
    }
  }
  if (chain.shape.indirect) {
    PutDescriptor(kRing + chain.id * 16, table, chain.shape.pieces * 16, kIndirect, 0);
  }
  Put(kDriver + 4 + offered_ % size_ * 2, Le16(chain.id));
  ++offered_;
  Put(kDriver + 2, Le16(static_cast<uint16_t>(offered_)));
}

// 2.8.21
void RingModel::OfferPacked(Offered& chain) {
  const uint64_t table = kTables + chain.id * 64;
  for (uint32_t slot = 0; slot < chain.shape.slots(); ++slot, ++offered_) {
    const bool last = slot + 1 == chain.shape.slots();
    auto flags = static_cast<uint16_t>(wrap(offered_) ? kAvail : kUsedFlag);
    if (!last) flags |= kNext;
    uint64_t address = AddressOf(chain, slot);
    uint32_t length = LengthOf(chain, slot);
    if (chain.shape.indirect) {
      flags |= kIndirect;
      address = table;
      length = chain.shape.pieces * 16;
    } else if (Writes(chain.shape, slot)) {
      flags |= kWrite;
    }
    // 2.8.6: the id is in the last one; elsewhere it is anything.
    const uint16_t id = last ? chain.id : uint16_t{0xabcd};
    PutDescriptor(kRing + offered_ % size_ * 16, address, length, id, flags);
  }
  for (uint32_t piece = 0; chain.shape.indirect && piece < chain.shape.pieces; ++piece) {
    PutDescriptor(table + piece * 16, AddressOf(chain, piece), LengthOf(chain, piece), 0,
                  Writes(chain.shape, piece) ? kWrite : uint16_t{0});
  }
}

void RingModel::Want(const Wish& wish) {
  wish_ = wish;
  if (layout_ == Layout::kSplit) {
    Put(kDriver, Le16(wish.kind == Wish::Kind::kNothing ? 1 : 0));
    Put(kDriver + 4 + 2 * size_, Le16(static_cast<uint16_t>(wish.position)));
    return;
  }
  Put(kDriver, Le16(Told(wish.position)));
  Put(kDriver + 2, Le16(static_cast<uint16_t>(wish.kind)));
}

// --- What must be. ---

uint64_t RingModel::avail_position() const {
  return to_take_ < chains_.size() ? chains_[to_take_].position : offered_;
}

std::string RingModel::CompareTaken(const Chain& chain) {
  const Offered& want = chains_[to_take_++];
  if (chain.head != want.id) {
    return "chain " + std::to_string(chain.head) + ", not " + std::to_string(want.id);
  }
  std::vector<ChainBuffer> readable;
  std::vector<ChainBuffer> writable;
  uint64_t bytes = 0;
  for (uint32_t piece = 0; piece < want.shape.pieces; ++piece) {
    const ChainBuffer buffer = {AddressOf(want, piece), LengthOf(want, piece)};
    (Writes(want.shape, piece) ? writable : readable).push_back(buffer);
    bytes += buffer.bytes;
  }
  const auto same = [](std::span<const ChainBuffer> a, const std::vector<ChainBuffer>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < b.size(); ++i) {
      if (a[i].address != b[i].address || a[i].bytes != b[i].bytes) return false;
    }
    return true;
  };
  if (!same(chain.readable, readable)) return "other readable buffers";
  if (!same(chain.writable, writable)) return "other writable buffers";
  if (chain.readable_bytes + chain.writable_bytes != bytes) return "another sum of bytes";
  return {};
}

void RingModel::Used(size_t which, uint32_t written) {
  const Offered& chain = chains_[which];
  pending_.push_back({.position = used_, .id = chain.id, .written = written});
  used_ += layout_ == Layout::kSplit ? 1 : chain.shape.slots();
  id_free_[chain.id] = true;
  for (const uint16_t slot : chain.slots) slot_free_[slot] = true;
  free_slots_ += chain.shape.slots();
}

std::string RingModel::CheckElement(const Element& element, bool* visible) const {
  if (layout_ == Layout::kSplit) {
    *visible = true;  // By the index, which Check looks at.
    const uint64_t at = kDevice + 4 + element.position % size_ * 8;
    if (Get(at, 4) != element.id) return "another id in the used ring";
    if (Get(at + 4, 4) != element.written) return "another length in the used ring";
    return {};
  }
  const uint64_t at = kRing + element.position % size_ * 16;
  const uint64_t flags = Get(at + 14, 2);
  const uint64_t both = flags & (kAvail | kUsedFlag);
  *visible = both == (wrap(element.position) ? uint64_t{kAvail | kUsedFlag} : 0);
  if (!*visible) return {};
  if (Get(at + 12, 2) != element.id) return "another id in a used descriptor";
  if (((flags & kWrite) != 0) != (element.written != 0)) return "another write flag";
  if (element.written != 0 && Get(at + 8, 4) != element.written) return "another length";
  return {};
}

std::string RingModel::Check(bool* interrupt) {
  *interrupt = !pending_.empty() && wish_.kind == Wish::Kind::kAll;
  if (layout_ == Layout::kSplit && Get(kDevice + 2, 2) != (used_ & 0xffff)) {
    return "another used index";
  }
  uint64_t after = used_;
  for (size_t i = pending_.size(); i-- > 0;) {
    const Element& element = pending_[i];
    bool visible = false;
    if (std::string wrong = CheckElement(element, &visible); !wrong.empty()) return wrong;
    if (!visible) return "a used descriptor that is not marked";
    // 2.7.7.2, 2.8.10: it comes when the index passes, or the descriptor is used, which a chain
    // does with all that it has.
    for (uint64_t position = element.position; position < after; ++position) {
      if (wish_.kind == Wish::Kind::kPosition && position == wish_.position) *interrupt = true;
    }
    after = element.position;
  }
  pending_.clear();
  // Nothing is used that was not.
  if (layout_ == Layout::kPacked && used_ != offered_) {
    const uint64_t flags = Get(kRing + used_ % size_ * 16 + 14, 2) & (kAvail | kUsedFlag);
    if (flags == (wrap(used_) ? uint64_t{kAvail | kUsedFlag} : 0)) return "one used too many";
  }
  return {};
}

}  // namespace platter
