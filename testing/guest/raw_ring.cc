// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/raw_ring.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "base/arith.h"
#include "base/bytes.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

absl::StatusOr<RawRing> RawRing::Create(GuestBus& bus, uint16_t size) {
  const uint64_t avail = uint64_t{size} * sizeof(guest::RingDescriptor);
  const uint64_t used = AlignUp(avail + guest::AvailBytes(size), 4);
  const auto base = bus.Allocate(used + guest::UsedBytes(size), 4096);
  if (!base.ok()) return base.status();
  return RawRing(
      bus, {.size = size, .descriptors = *base, .driver = *base + avail, .device = *base + used});
}

uint16_t RawRing::Get16(uint64_t address) {
  Le16 value;
  if (uint8_t* at = bus_.TryMap(address, 2); at != nullptr && address % 2 == 0) {
    const uint16_t raw =
        std::atomic_ref(*reinterpret_cast<uint16_t*>(at)).load(std::memory_order_acquire);
    value = std::bit_cast<Le16>(raw);
  } else {
    bus_.Read(address, std::span(reinterpret_cast<uint8_t*>(&value), sizeof(value)));
  }
  return value.get();
}

void RawRing::Put16(uint64_t address, uint16_t value) {
  const Le16 wire = value;
  if (uint8_t* at = bus_.TryMap(address, 2); at != nullptr && address % 2 == 0) {
    std::atomic_ref(*reinterpret_cast<uint16_t*>(at))
        .store(std::bit_cast<uint16_t>(wire), std::memory_order_release);
  } else {
    bus_.Write(address, std::span(reinterpret_cast<const uint8_t*>(&wire), sizeof(wire)));
  }
}

void RawRing::SetDescriptorAt(uint64_t table, uint32_t index, const RawDescriptor& descriptor) {
  const guest::RingDescriptor wire = {.address = descriptor.address,
                                      .length = descriptor.length,
                                      .flags = descriptor.flags,
                                      .next = descriptor.next};
  bus_.Write(table + uint64_t{index} * sizeof(wire),
             std::span(reinterpret_cast<const uint8_t*>(&wire), sizeof(wire)));
}

void RawRing::SetDescriptor(uint32_t index, const RawDescriptor& descriptor) {
  SetDescriptorAt(layout_.descriptors, index, descriptor);
}

void RawRing::SetAvailFlags(uint16_t flags) { Put16(layout_.driver + guest::kRingFlags, flags); }

void RawRing::SetAvailEntry(uint16_t slot, uint16_t head) {
  Put16(layout_.driver + guest::kRingEntries + uint64_t{2} * (slot % layout_.size), head);
}

void RawRing::SetAvailIndex(uint16_t index) { Put16(layout_.driver + guest::kRingIndex, index); }

void RawRing::SetUsedEvent(uint16_t index) {
  Put16(layout_.driver + guest::UsedEventOffset(layout_.size), index);
}

uint16_t RawRing::AvailIndex() { return Get16(layout_.driver + guest::kRingIndex); }

void RawRing::MakeAvailable(uint16_t head) {
  const uint16_t index = AvailIndex();
  SetAvailEntry(index, head);
  SetAvailIndex(static_cast<uint16_t>(index + 1));
}

uint16_t RawRing::UsedFlags() { return Get16(layout_.device + guest::kRingFlags); }
uint16_t RawRing::UsedIndex() { return Get16(layout_.device + guest::kRingIndex); }

uint16_t RawRing::AvailEvent() {
  return Get16(layout_.device + guest::AvailEventOffset(layout_.size));
}

RawRing::Used RawRing::UsedEntry(uint16_t slot) {
  guest::UsedElement element;
  bus_.Read(layout_.device + guest::kRingEntries +
                sizeof(element) * uint64_t{static_cast<uint16_t>(slot % layout_.size)},
            std::span(reinterpret_cast<uint8_t*>(&element), sizeof(element)));
  return {element.id.get(), element.length.get()};
}

}  // namespace platter
