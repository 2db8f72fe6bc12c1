// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_program.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

constexpr uint8_t kGuardByte = 0xa5;
// Parts of the plain memory.
constexpr uint64_t kDescriptors = 0x10000;
constexpr uint64_t kAvail = 0x10400;
constexpr uint64_t kUsed = 0x10800;
constexpr uint64_t kTables = 0x11000;
constexpr uint64_t kHeaders = 0x12000;
constexpr uint64_t kData = 0x13000;

}  // namespace

BlkProgram::BlkProgram()
    : context_(world_.NewContext("io")), storage_(kRamBytes + kGuardBytes + 16), shim_(kShimBytes) {
  const auto address = reinterpret_cast<uintptr_t>(storage_.data());
  ram_ = storage_.data() + (16 - address % 16) % 16;
  std::fill_n(ram_ + kRamBytes, kGuardBytes, kGuardByte);
  auto memory = *GuestMemory::Create(
      {{.address = kRam, .size = kRamBytes, .host = ram_},
       {.address = kShim, .size = kShimBytes, .accessor = this},
       {.address = kGuard, .size = kGuardBytes, .host = ram_ + kRamBytes, .read_only = true}},
      nullptr);
  device_ = *VirtioBlk::Create({.id = "fuzz", .serial = "serial", .queue_size = 2 * kSize},
                               backend_, context_);
  backend_.record = false;
  InterruptLine& line = *this;
  transport_ = std::make_unique<MmioTransport>(*device_, std::move(memory), line);
  Start();
}

BlkProgram::~BlkProgram() {
  backend_.Release();
  bool done = false;
  device_->Unplug([&] { done = true; });
  world_.RunUntil([&] { return done; });
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

uint32_t BlkProgram::Get(uint64_t offset) {
  return static_cast<uint32_t>(transport_->ReadRegister(offset, 4));
}

void BlkProgram::Set(uint64_t offset, uint32_t value) {
  transport_->WriteRegister(offset, 4, value);
}

template <typename T>
void BlkProgram::Poke(uint64_t address, T value) {
  std::memcpy(ram_ + (address - kRam), &value, sizeof(value));
}

uint16_t BlkProgram::UsedIndex() {
  Le16 index;
  std::memcpy(&index, ram_ + (kUsed - kRam) + kVirtqUsedIdx, sizeof(index));
  return index.get();
}

void BlkProgram::PutDescriptor(uint64_t table, uint32_t index, uint64_t address, uint32_t length,
                               uint16_t flags, uint16_t next) {
  Poke(table + index * sizeof(VirtqDesc), VirtqDesc{address, length, flags, next});
}

void BlkProgram::MakeAvailable(uint16_t head) {
  Poke(kAvail + kVirtqAvailRing + 2 * (made_available_ % kSize), Le16(head));
  Poke(kAvail + kVirtqAvailIdx, Le16(++made_available_));
}

// Resets, and starts queue 0 as a driver does.
void BlkProgram::Start() {
  backend_.Release();
  backend_.next_error = 0;
  trick_ = 0;
  Set(0x70, 0);
  world_.RunUntilIdle();
  PLATTER_CHECK(Get(0x70) == 0);
  Set(0x70, 3);
  for (uint32_t word : {0, 1}) {
    Set(0x14, word);
    Set(0x24, word);
    Set(0x20, Get(0x10));
  }
  Set(0x70, 0xb);
  std::memset(ram_, 0, kRamBytes);
  made_available_ = 0;
  next_head_ = 0;
  Set(0x30, 0);
  Set(0x38, kSize);
  Set(0x80, kDescriptors);
  Set(0x90, kAvail);
  Set(0xa0, kUsed);
  Set(0x44, 1);
  Set(0x70, 0xf);
  PLATTER_CHECK(Get(0x70) == 0xf);
  world_.RunUntilIdle();
}

void BlkProgram::Turn() {
  const uint16_t before = UsedIndex();
  Set(0x50, 0);
  world_.RunUntilIdle();
  const auto done = static_cast<uint16_t>(UsedIndex() - before);
  // The ring may have been overwritten by the program or by a read into it: only then is more
  // than a ring's worth seen.
  if (done <= kSize) completions_ += done;
}

// --- The invariants. ---

void BlkProgram::CheckInvariants() {
  const uint8_t* guard = ram_ + kRamBytes;
  PLATTER_CHECK(std::all_of(guard, guard + kGuardBytes, [](uint8_t b) { return b == kGuardByte; }));
  // Everything that the backend holds was taken from the ring, a head each.
  PLATTER_CHECK(backend_.held() <= kSize);
}

void BlkProgram::CheckWorks() {
  if ((Get(0x70) & kVirtioStatusNeedsReset) != 0) ++broken_;
  Start();
  Poke(kHeaders, VirtioBlkHeader{0, 0, 1});
  PutDescriptor(kDescriptors, 0, kHeaders, 16, kVirtqDescNext, 1);
  PutDescriptor(kDescriptors, 1, kData, 512, kVirtqDescNext | kVirtqDescWrite, 2);
  PutDescriptor(kDescriptors, 2, kHeaders + 16, 1, kVirtqDescWrite, 0);
  Poke(kHeaders + 16, uint8_t{0xff});
  MakeAvailable(0);
  Turn();
  PLATTER_CHECK(UsedIndex() == 1);
  PLATTER_CHECK(ram_[kHeaders - kRam + 16] == 0);
  PLATTER_CHECK(
      std::equal(backend_.data.begin() + 512, backend_.data.begin() + 1024, ram_ + (kData - kRam)));
}

// --- Actions. ---

uint64_t BlkProgram::PickAddress(std::span<const uint8_t>& bytes) {
  const uint8_t pick = Take8(bytes);
  switch (pick % 8) {
    case 0:
      return kShim + Take(bytes, 2) % kShimBytes;
    case 1:
      return kShim - Take8(bytes) % 64;  // Across the border.
    case 2:
      return pick < 32 ? Take(bytes, 8) : kGuard - 16;
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
  const uint64_t header = kHeaders + head * 64u;
  const uint64_t table = kTables + head * 128u;
  Poke(header, VirtioBlkHeader{type, 0, Take8(bytes) % 160u});
  Poke(header + 32, VirtioBlkSegment{Take8(bytes), Take8(bytes) % 8u, Take8(bytes) % 64u == 1});
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
  PutDescriptor(kDescriptors, head, table, (type == 4 ? 2 : 3) * 16, kVirtqDescIndirect, 0);
  MakeAvailable(head);
}

// One thing wrong, named by the kind.
void BlkProgram::Mutate(std::span<const uint8_t>& bytes) {
  const uint8_t kind = Take8(bytes);
  const uint64_t entry = Take8(bytes);
  const uint64_t table = (kind & 0x80) != 0 ? kDescriptors : kTables + (entry % kSize) * 128;
  const uint64_t at = table + (entry / 16 % 4) * sizeof(VirtqDesc);
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
      made_available_ = static_cast<uint16_t>(made_available_ + Take8(bytes) % 16);
      return Poke(kAvail + kVirtqAvailIdx, Le16(made_available_));
    case 6:
      return Poke(kHeaders + (entry % kSize) * 64, Le32(static_cast<uint32_t>(Take(bytes, 4))));
    case 7:
      return Poke(kHeaders + (entry % kSize) * 64 + 8, Le64(Take(bytes, 8)));
    case 8:
      return Poke(kHeaders + (entry % kSize) * 64 + 32 + entry % 16, Take8(bytes));
    case 9:
      return Poke(kRam + Take(bytes, 2) % kRamBytes, Take8(bytes));
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
    trick_ = Take8(bytes);
  } else if (action < 245) {
    const uint64_t offset = Take(bytes, 2) % kMmioTransportBytes;
    const unsigned width = 1u << (Take8(bytes) % 4);
    if (offset + width <= kMmioTransportBytes) {
      transport_->WriteRegister(offset, width, Take(bytes, 8));
      transport_->ReadRegister(offset, width);
    }
  } else if (action < 247) {
    backend_.on_cancel = static_cast<FakeBlockDevice::OnCancel>(Take8(bytes) % 2);
  } else if (action < 249) {
    Set(0x70, 0);
  } else if (action < 251) {
    // Grows only: a smaller one is announced while nothing is in flight.
    backend_.Resize(std::min<size_t>(backend_.data.size() + 512u * Take8(bytes), 1 << 20));
  } else {
    Start();
  }
  CheckInvariants();
}

void BlkProgram::Run(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) Step(bytes);
  CheckWorks();
}

// --- Memory that changes between two looks. ---

void BlkProgram::Read(uint64_t offset, std::span<uint8_t> out) {
  for (uint8_t& byte : out) {
    byte = shim_[offset];
    if (trick_ != 0) shim_[offset] = static_cast<uint8_t>(shim_[offset] * 5 + trick_);
    ++offset;
  }
}

void BlkProgram::Write(uint64_t offset, std::span<const uint8_t> data) {
  std::copy(data.begin(), data.end(), shim_.begin() + static_cast<ptrdiff_t>(offset));
}

}  // namespace platter
