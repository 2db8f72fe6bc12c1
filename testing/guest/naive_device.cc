// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/naive_device.h"

#include <span>

namespace platter {

uint16_t NaiveDevice::Get16(uint64_t address) {
  Le16 value;
  bus_.Read(address, std::span(reinterpret_cast<uint8_t*>(&value), 2));
  return value.get();
}

void NaiveDevice::Put16(uint64_t address, uint16_t value) {
  const Le16 wire = value;
  bus_.Write(address, std::span(reinterpret_cast<const uint8_t*>(&wire), 2));
}

bool NaiveDevice::Walk(uint64_t table, uint32_t entries, uint16_t index, Chain& chain,
                       bool nested) {
  for (uint32_t steps = 0; steps < entries; ++steps) {
    guest::RingDescriptor descriptor;
    if (index >= entries ||
        !bus_.Read(table + uint64_t{index} * sizeof(descriptor),
                   std::span(reinterpret_cast<uint8_t*>(&descriptor), sizeof(descriptor)))) {
      return false;
    }
    const uint16_t flags = descriptor.flags.get();
    const GuestSegment segment = {descriptor.address.get(), descriptor.length.get()};
    if ((flags & guest::kDescIndirect) != 0) {
      uint8_t probe = 0;
      if (nested || (flags & guest::kDescNext) != 0 || segment.bytes == 0 ||
          segment.bytes % sizeof(descriptor) != 0 ||
          !bus_.Read(segment.address + segment.bytes - 1, std::span(&probe, 1))) {
        return false;
      }
      return Walk(segment.address, segment.bytes / sizeof(descriptor), 0, chain, true);
    }
    if ((flags & guest::kDescWrite) != 0) {
      chain.writable.push_back(segment);
    } else {
      if (!chain.writable.empty()) return false;
      chain.readable.push_back(segment);
    }
    if (uint8_t probe = 0;
        segment.bytes != 0 &&
        (!bus_.Read(segment.address, std::span(&probe, 1)) ||
         !bus_.Read(segment.address + segment.bytes - 1, std::span(&probe, 1)))) {
      return false;
    }
    if ((flags & guest::kDescNext) == 0) return true;
    index = descriptor.next.get();
  }
  return false;
}

bool NaiveDevice::Pop(Chain& chain) {
  if (broken_ || Get16(layout_.driver + guest::kRingIndex) == next_avail_) return false;
  chain = {};
  chain.head = Get16(layout_.driver + guest::kRingEntries +
                     uint64_t{2} * static_cast<uint16_t>(next_avail_ % layout_.size));
  ++next_avail_;
  if (Walk(layout_.descriptors, layout_.size, chain.head, chain, false)) return true;
  broken_ = true;
  return false;
}

void NaiveDevice::PushRaw(uint32_t id, uint32_t bytes) {
  const guest::UsedElement element = {.id = id, .length = bytes};
  bus_.Write(layout_.device + guest::kRingEntries +
                 sizeof(element) * uint64_t{static_cast<uint16_t>(next_used_ % layout_.size)},
             std::span(reinterpret_cast<const uint8_t*>(&element), sizeof(element)));
  ++next_used_;
  Put16(layout_.device + guest::kRingIndex, next_used_);
}

bool NaiveDevice::Push(uint16_t head, uint32_t bytes) {
  const uint16_t before = next_used_;
  PushRaw(head, bytes);
  // 2.7.7.2: with the event index, an interrupt when the element at used_event was written.
  return Get16(layout_.driver + guest::UsedEventOffset(layout_.size)) == before;
}

}  // namespace platter
