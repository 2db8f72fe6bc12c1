// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/ring_area.h"

namespace platter {

namespace {

// Host and guest addresses agree modulo this, or else the area is reached byte by byte: every
// word of a ring is then as aligned on the host as the driver aligned it.
constexpr uintptr_t kHostAlign = 16;

template <typename T>
std::span<uint8_t> BytesOf(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

}  // namespace

bool RingArea::Attach(const GuestMemory& memory, uint64_t address, uint64_t bytes,
                      DmaAccess access) {
  if (!memory.Contains(address, bytes, access)) return false;
  memory_ = &memory;
  address_ = log_address_ = address;
  host_ = memory.TryMap(address, bytes, access);
  if (((reinterpret_cast<uintptr_t>(host_) ^ address) & (kHostAlign - 1)) != 0) host_ = nullptr;
  return true;
}

uint16_t RingArea::SlowLoad16(uint64_t offset) const {
  Le16 value;
  if (memory_ == nullptr || !memory_->Read(address_ + offset, BytesOf(value))) return 0;
  return value.get();
}

uint32_t RingArea::SlowLoad32(uint64_t offset) const {
  Le32 value;
  if (memory_ == nullptr || !memory_->Read(address_ + offset, BytesOf(value))) return 0;
  return value.get();
}

uint64_t RingArea::SlowLoad64(uint64_t offset) const {
  uint64_t word = 0;
  if (memory_ == nullptr || !memory_->Read(address_ + offset, BytesOf(word))) return 0;
  return word;
}

RingArea::Words RingArea::SlowLoad128(uint64_t offset) const {
  Words words;
  if (memory_ == nullptr || !memory_->Read(address_ + offset, BytesOf(words))) return {};
  return words;
}

void RingArea::SlowStore16(uint64_t offset, uint16_t value) {
  Le16 wire(value);
  SlowWrite(offset, BytesOf(wire));
}

void RingArea::SlowStore32(uint64_t offset, uint32_t value) {
  Le32 wire(value);
  SlowWrite(offset, BytesOf(wire));
}

void RingArea::SlowStoreWord(uint64_t offset, uint64_t word) { SlowWrite(offset, BytesOf(word)); }

void RingArea::SlowStore64(uint64_t offset, uint32_t first, uint32_t second) {
  Le32 wire[2] = {first, second};
  SlowWrite(offset, BytesOf(wire));
}

void RingArea::SlowWrite(uint64_t offset, std::span<const uint8_t> data) {
  if (memory_ == nullptr) return;
  memory_->Write(address_ + offset, data);
  if (log_address_ != address_) memory_->MarkDirty(log_address_ + offset, data.size());
}

}  // namespace platter
