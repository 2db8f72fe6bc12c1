// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_program.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/virtio/virtio_blk_config.h"

namespace platter {

namespace {

using Part = HostileMemory::Part;

// The parts of the ring.
constexpr uint64_t kDescriptors = HostileMemory::Begin(Part::kRings);
constexpr uint64_t kAvail = kDescriptors + 0x400;
constexpr uint64_t kUsed = kDescriptors + 0x800;
// By head: an indirect table of eight descriptors; header, status and segment.
constexpr uint64_t kTables = HostileMemory::Begin(Part::kTables);
constexpr uint64_t kTableBytes = 128;
constexpr uint64_t kHeaders = HostileMemory::Begin(Part::kHeaders);
constexpr uint64_t kHeaderBytes = 64;
constexpr uint64_t kData = HostileMemory::Begin(Part::kData);
constexpr uint64_t kDevice = HostileMemory::Begin(Part::kDevice);

constexpr uint64_t kMaxDiskBytes = 1 << 20;

}  // namespace

BlkProgram::BlkProgram() : context_(world_.NewContext("io")) {
  backend_.record = false;
  Start(0);
}

BlkProgram::~BlkProgram() {
  backend_.Release();
  target_.reset();
}

uint8_t BlkProgram::Take8(std::span<const uint8_t>& bytes) {
  if (bytes.empty()) return 0;
  const uint8_t value = bytes.front();
  bytes = bytes.subspan(1);
  return value;
}

uint64_t BlkProgram::Take(std::span<const uint8_t>& bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value |= uint64_t{Take8(bytes)} << (8 * i);
  return value;
}

uint16_t BlkProgram::UsedIndex() { return memory_.Peek<Le16>(kUsed + kVirtqUsedIdx).get(); }

bool BlkProgram::IsUsed(PackedPlace place) {
  constexpr uint16_t kBoth = kPackedDescAvail | kPackedDescUsed;
  const uint64_t at = kDescriptors + place.index() * sizeof(PackedDesc);
  const uint16_t flags = memory_.Peek<PackedDesc>(at).flags.get();
  return (flags & kBoth) == (place.wrap() ? kBoth : 0);
}

void BlkProgram::PutDescriptor(uint64_t table, uint32_t index, uint64_t address, uint32_t length,
                               uint16_t flags, uint16_t next) {
  if (is_packed()) {
    return Poke(table + index * sizeof(PackedDesc),
                PackedDesc{address, length, uint16_t{0}, flags});
  }
  Poke(table + index * sizeof(VirtqDesc), VirtqDesc{address, length, flags, next});
}

void BlkProgram::MakeAvailable(uint16_t head) {
  if (is_packed()) {
    Poke(kDescriptors + next_place_.index() * sizeof(PackedDesc) + 12, Le16(head));
    return SkipAvailable(1);
  }
  Poke(kAvail + kVirtqAvailRing + uint64_t{2} * (made_available_ % kSize), Le16(head));
  SkipAvailable(1);
}

// Moves the index on; what stands in the entries is made available.
void BlkProgram::SkipAvailable(uint16_t entries) {
  for (uint16_t i = 0; is_packed() && i < entries; ++i) {
    const uint64_t at = kDescriptors + next_place_.index() * sizeof(PackedDesc) + 14;
    const auto flags =
        static_cast<uint16_t>(memory_.Peek<Le16>(at).get() & ~(kPackedDescAvail | kPackedDescUsed));
    Poke(at, Le16(flags | (next_place_.wrap() ? kPackedDescAvail : kPackedDescUsed)));
    next_place_.Advance(1, kSize);
  }
  if (is_packed()) return;
  for (uint16_t i = 0; i < entries; ++i, ++made_available_) {
    const uint64_t entry = kAvail + kVirtqAvailRing + uint64_t{2} * (made_available_ % kSize);
    if (!rings_are_hidden()) watch_.MadeAvailable(memory_.Peek<Le16>(entry).get());
  }
  Poke(kAvail + kVirtqAvailIdx, Le16(made_available_));
}

// --- Lives. ---

void BlkProgram::Reset() {
  if (AimsAtRings()) watch_.GiveUp();
  backend_.Release();
  backend_.next_error = 0;
  target_->BeginReset();
  world_.RunUntilIdle();
  PLATTER_CHECK(!target_->resetting() && !target_->Runs());
}

void BlkProgram::Start(uint8_t variant) {
  constexpr uint8_t kNegotiated = kNoEventIndex | kPacked | kInOrder;
  if (target_ != nullptr) Reset();
  if (target_ == nullptr || ((variant ^ variant_) & ~kNegotiated) != 0) {
    target_.reset();
    const auto hidden = static_cast<uint8_t>((variant & ~kNegotiated) >> kHiddenShift);
    target_ = std::make_unique<BlkTarget>(
        (variant & kDirect) != 0 ? BlkTarget::Transport::kDirect : BlkTarget::Transport::kMmio,
        world_, context_, backend_, memory_.Map(hidden));
  }
  variant_ = variant;
  memory_.Clear();
  made_available_ = 0;
  next_head_ = 0;
  reset_began_ = false;
  watch_.Start();
  if (is_packed()) watch_.GiveUp();
  next_place_ = used_place_ = PackedPlace();
  const uint16_t first = is_packed() ? PackedPlace::kFirst : uint16_t{0};
  target_->Start({.size = kSize,
                  .descriptors = kDescriptors,
                  .driver = kAvail,
                  .device = kUsed,
                  .next_avail = first,
                  .next_used = first},
                 ((variant & kNoEventIndex) != 0 ? kVirtioFEventIdx : 0) |
                     (is_packed() ? 0 : kVirtioFRingPacked) |
                     ((variant & kInOrder) != 0 ? 0 : kVirtioFInOrder));
  world_.RunUntilIdle();
}

void BlkProgram::Turn() {
  if (AimsAtRings()) watch_.GiveUp();
  const uint16_t before = UsedIndex();
  target_->Kick();
  world_.RunUntilIdle();
  if (is_packed()) {
    // Well-formed ones have one descriptor each.
    for (int i = 0; i < kSize && IsUsed(used_place_); ++i) {
      used_place_.Advance(1, kSize);
      ++packed_completions_;
    }
  } else {
    const auto done = static_cast<uint16_t>(UsedIndex() - before);
    // The ring may have been overwritten by the program or by a read into it: only then is more
    // than a ring's worth seen.
    if (done <= kSize) completions_ += done;
  }
  if (!rings_are_hidden()) LookAtUsedRing();
  if (watch_.checks() && target_->Runs() && backend_.held() == 0) {
    PLATTER_CHECK(watch_.in_use() == 0);
  }
  if (reset_began_ && !target_->resetting()) watch_.Silence();
}

// --- The invariants. ---

bool BlkProgram::rings_are_hidden() const {
  return ((variant_ >> kHiddenShift) & HostileMemory::Bit(Part::kRings)) != 0;
}

bool BlkProgram::AimsAtRings() {
  constexpr uint64_t kTablesEnd = kTables + kSize * kTableBytes;
  const auto hits = [](const VirtqDesc& desc) {
    const uint64_t begin = desc.address.get();
    return begin < kTablesEnd && begin + desc.length.get() > kDescriptors;
  };
  for (uint32_t i = 0; i < kSize; ++i) {
    const auto desc = memory_.Peek<VirtqDesc>(kDescriptors + i * sizeof(VirtqDesc));
    if ((desc.flags.get() & kVirtqDescIndirect) == 0) {
      if (hits(desc)) return true;
      continue;
    }
    const uint64_t begin = desc.address.get();
    if (begin < kTables || begin >= kTablesEnd || begin % sizeof(VirtqDesc) != 0 ||
        desc.length.get() > kTablesEnd - begin) {
      return true;
    }
  }
  for (uint64_t at = kTables; at < kTablesEnd; at += sizeof(VirtqDesc)) {
    if (hits(memory_.Peek<VirtqDesc>(at))) return true;
  }
  return false;
}

void BlkProgram::LookAtUsedRing() {
  if (!watch_.checks()) return;
  const uint16_t index = UsedIndex();
  const auto count = static_cast<uint16_t>(index - watch_.entries());
  for (uint16_t i = 0; i < std::min(count, kSize); ++i) {
    const uint32_t slot = watch_.entries() % kSize;
    const uint64_t at = kUsed + kVirtqUsedRing + slot * kVirtqUsedElement;
    watch_.Used(slot, memory_.Peek<Le32>(at).get());
    if (!watch_.fault().empty()) return;
  }
  watch_.Published(index);
}

void BlkProgram::OnDeviceRead(uint64_t address, std::span<const uint8_t> bytes) {
  constexpr uint64_t kEntries = kAvail + kVirtqAvailRing;
  if (bytes.size() != 2 || address < kEntries || address >= kEntries + 2 * kSize) return;
  watch_.Taken(bytes[0] | uint32_t{bytes[1]} << 8);
}

void BlkProgram::OnDeviceWrite(uint64_t address, std::span<const uint8_t> bytes) {
  if (address < kUsed || address >= kUsed + VirtqUsedBytes(kSize)) return;
  const uint64_t offset = address - kUsed;
  const auto word = [&](size_t at) { return bytes[at] | uint32_t{bytes[at + 1]} << 8; };
  if (bytes.size() == kVirtqUsedElement && offset >= kVirtqUsedRing &&
      (offset - kVirtqUsedRing) % kVirtqUsedElement == 0) {
    const auto slot = static_cast<uint32_t>((offset - kVirtqUsedRing) / kVirtqUsedElement);
    watch_.Used(slot, word(0) | word(2) << 16);
  } else if (bytes.size() == 2 && offset == kVirtqUsedIdx) {
    watch_.Published(static_cast<uint16_t>(word(0)));
  } else if (bytes.size() != 2 || (offset != 0 && offset != VirtqAvailEvent(kSize))) {
    watch_.Strayed();
  }
}

void BlkProgram::CheckInvariants() {
  PLATTER_CHECK(memory_.GuardIsIntact());
  // Everything that the backend holds was taken from the ring, a head each.
  PLATTER_CHECK(backend_.held() <= kSize);
  if (!watch_.fault().empty()) {
    std::fprintf(stderr, "the used ring: %s\n", watch_.fault().c_str());
  }
  PLATTER_CHECK(watch_.fault().empty());
}

void BlkProgram::CheckWorks() {
  if (target_->NeedsReset()) ++broken_;
  Start(variant_);
  Poke(kHeaders, VirtioBlkHeader{0, 0, 1});
  PutDescriptor(kDescriptors, 0, kHeaders, 16, kVirtqDescNext, 1);
  PutDescriptor(kDescriptors, 1, kData, 512, kVirtqDescNext | kVirtqDescWrite, 2);
  PutDescriptor(kDescriptors, 2, kHeaders + 16, 1, kVirtqDescWrite, 0);
  Poke(kHeaders + 16, uint8_t{0xff});
  for (int i = 0; i < (is_packed() ? 3 : 1); ++i) MakeAvailable(0);
  Turn();
  PLATTER_CHECK(is_packed() ? IsUsed(PackedPlace()) : UsedIndex() == 1);
  PLATTER_CHECK(memory_.Peek<uint8_t>(kHeaders + 16) == 0);
  PLATTER_CHECK(std::equal(backend_.data.begin() + 512, backend_.data.begin() + 1024,
                           memory_.At(kData, 512)));
  CheckInvariants();
}

// --- Actions. ---

uint64_t BlkProgram::PickAddress(std::span<const uint8_t>& bytes) {
  const uint8_t pick = Take8(bytes);
  switch (pick % 8) {
    case 0:
      return kDevice + Take(bytes, 2) % HostileMemory::Bytes(Part::kDevice);
    case 1:
      return kDevice - Take8(bytes) % 64;  // Across the border.
    case 2:
      return pick < 32 ? Take(bytes, 8) : HostileMemory::kGuard - 16;
    default:
      return kData + (Take8(bytes) * 64u) % 0x3000;
  }
}

void BlkProgram::WellFormed(std::span<const uint8_t>& bytes) {
  static constexpr std::array<uint32_t, 8> kTypes = {0, 1, 0, 1, 4, 8, 11, 13};
  const uint16_t head = next_head_;
  next_head_ = (next_head_ + 1) % kSize;
  const uint8_t shape = Take8(bytes);
  const uint32_t type = kTypes[shape % 8];
  const uint64_t header = kHeaders + head * kHeaderBytes;
  const uint64_t table = kTables + head * kTableBytes;
  Poke(header, VirtioBlkHeader{type, 0, Take8(bytes) % 160u});
  // One by one: arguments have no order.
  const uint8_t sector = Take8(bytes);
  const uint32_t sectors = Take8(bytes) % 8u;
  const bool unmap = Take8(bytes) % 64u == 1;
  Poke(header + 32, VirtioBlkSegment{sector, sectors, unmap});
  // In an indirect table, one descriptor of the ring per request and no two of them share any.
  PutDescriptor(table, 0, header, 16, kVirtqDescNext, 1);
  const bool writes = type == 0 || type == 8;
  const uint64_t data = type >= 11 ? header + 32 : PickAddress(bytes);
  const uint32_t length = type >= 11 ? 16 : type == 8 ? 20 : 512u * (1 + shape / 64u);
  if (type == 4) {
    PutDescriptor(table, 1, header + 16, 1, kVirtqDescWrite, 0);
  } else {
    PutDescriptor(table, 1, data, length, kVirtqDescNext | (writes ? kVirtqDescWrite : 0), 2);
    PutDescriptor(table, 2, header + 16, 1, kVirtqDescWrite, 0);
  }
  const uint32_t slot = is_packed() ? next_place_.index() : head;
  PutDescriptor(kDescriptors, slot, table, (type == 4 ? 2 : 3) * 16, kVirtqDescIndirect, 0);
  MakeAvailable(head);
}

void BlkProgram::PokeAnywhere(uint64_t address, uint8_t value) {
  const bool is_ring = address >= kAvail && address < kUsed + VirtqUsedBytes(kSize);
  if (is_ring && !rings_are_hidden()) watch_.GiveUp();
  Poke(address, value);
}

// One thing wrong, named by the kind.
void BlkProgram::Mutate(std::span<const uint8_t>& bytes) {
  constexpr uint64_t kPlainBytes = kDevice - HostileMemory::kBase;
  const uint8_t kind = Take8(bytes);
  const uint64_t entry = Take8(bytes);
  const uint64_t table =
      (kind & 0x80) != 0 ? kDescriptors : kTables + (entry % kSize) * kTableBytes;
  const uint64_t at = table + (entry / 16 % 4) * sizeof(VirtqDesc);
  const uint64_t header = kHeaders + (entry % kSize) * kHeaderBytes;
  switch (kind % 10) {
    case 0:
      return Poke(at, Le64(PickAddress(bytes)));
    case 1:
      return Poke(at + 8, Le32(static_cast<uint32_t>(Take(bytes, 4))));
    case 2:
      return Poke(at + 12, Le16(Take8(bytes) % 8));
    case 3:
      return Poke(at + 14, Le16(Take8(bytes) % (2 * kSize)));
    case 4:
      return MakeAvailable(Take8(bytes) % (kSize + 1));
    case 5:
      return SkipAvailable(Take8(bytes) % 16);
    case 6:
      return Poke(header, Le32(static_cast<uint32_t>(Take(bytes, 4))));
    case 7:
      return Poke(header + 8, Le64(Take(bytes, 8)));
    case 8:
      return Poke(header + 32 + entry % 16, Take8(bytes));
    default: {
      const uint64_t offset = Take(bytes, 2) % kPlainBytes;
      return PokeAnywhere(HostileMemory::kBase + offset, Take8(bytes));
    }
  }
}

// Memory that changes between two looks: a part of the ring, or all of another part.
void BlkProgram::ChangeOnRead(uint8_t what, uint8_t step) {
  switch (what % 7) {
    case 0:
      return memory_.ChangeOnRead(kDescriptors, kSize * sizeof(VirtqDesc), step);
    case 1:
      return memory_.ChangeOnRead(kAvail, VirtqAvailBytes(kSize), step);
    case 2:
      // The entries alone: an index that jumps breaks the ring at once.
      return memory_.ChangeOnRead(kAvail + kVirtqAvailRing, 2 * kSize, step);
    default: {
      const auto part = static_cast<Part>(what % 7 - 2);
      return memory_.ChangeOnRead(HostileMemory::Begin(part), HostileMemory::Bytes(part), step);
    }
  }
}

void BlkProgram::Step(std::span<const uint8_t>& bytes) {
  const uint8_t action = Take8(bytes);
  if (action < 120) {
    WellFormed(bytes);
  } else if (action < 170) {
    Mutate(bytes);
  } else if (action < 225) {
    Turn();
  } else if (action < 230) {
    backend_.hold = true;
  } else if (action < 235) {
    backend_.Release();
  } else if (action < 238) {
    backend_.next_error = -Take8(bytes);
  } else if (action < 241) {
    const uint8_t what = Take8(bytes);
    ChangeOnRead(what, Take8(bytes));
  } else if (action < 245) {
    const auto where = static_cast<uint16_t>(Take(bytes, 2));
    const uint8_t how = Take8(bytes);
    if (target_->Access(where, how, Take(bytes, 8))) watch_.GiveUp();
  } else if (action < 247) {
    backend_.on_cancel = static_cast<FakeBlockDevice::OnCancel>(Take8(bytes) % 2);
  } else if (action < 249) {
    target_->BeginReset();
    reset_began_ = true;
  } else if (action < 251) {
    // Grows only: a smaller one is announced while nothing is in flight.
    backend_.Resize(
        std::min<size_t>(backend_.data.size() + size_t{512} * Take8(bytes), kMaxDiskBytes));
  } else {
    Start(Take8(bytes));
  }
  CheckInvariants();
}

void BlkProgram::Run(std::span<const uint8_t> bytes) {
  Start(Take8(bytes));
  while (!bytes.empty()) Step(bytes);
  CheckWorks();
}

}  // namespace platter
