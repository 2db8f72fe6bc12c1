// SPDX-License-Identifier: Apache-2.0
//
// What drivers of both layouts of a virtqueue have in common: pieces of guest memory, where a ring
// lies, options, completions, and what a device did wrong.
//
// Threading: values. Units: lengths in bytes. Errors: none.

#ifndef PLATTER_TESTING_GUEST_RING_RING_TYPES_H_
#define PLATTER_TESTING_GUEST_RING_RING_TYPES_H_

#include <cstdint>

namespace platter {

// A piece of guest memory.
struct GuestSegment {
  uint64_t address = 0;
  uint32_t bytes = 0;
};

// Where the three parts of a ring lie.
struct RingLayout {
  uint16_t size = 0;
  uint64_t descriptors = 0;
  uint64_t driver = 0;  // Available ring; of a packed ring, the driver's event suppression.
  uint64_t device = 0;  // Used ring; the device's event suppression.
};

struct RingCompletion {
  uint64_t token = 0;
  uint32_t bytes = 0;  // What the device says it wrote.
};

// What the device did wrong.
struct RingFaults {
  uint64_t unknown_ids = 0;  // Not a head, or not outstanding (completed twice).
  uint64_t over_long = 0;    // Claimed more bytes than the chain can take.
  uint64_t index_jumps = 0;  // The used index ran ahead of what was made available.
  uint64_t reordered = 0;    // Not used in the order in which they were added, though promised.
  uint64_t total() const { return unknown_ids + over_long + index_jumps + reordered; }
};

enum class EventIndex : uint8_t { kOff, kOn };
enum class RingFormat : uint8_t { kSplit, kPacked };
enum class UseOrder : uint8_t { kAny, kInOrder };

struct RingOptions {
  uint16_t size = 128;  // 1 ... 32768; of a split ring a power of two.
  EventIndex event_index = EventIndex::kOff;
  // Entries of the indirect table that each head has; 0: chains are direct only. A chain of more
  // than one piece that fits goes indirect.
  uint16_t indirect_entries = 0;
  RingFormat format = RingFormat::kSplit;
  // In order: what comes otherwise is a fault.
  UseOrder order = UseOrder::kAny;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_RING_RING_TYPES_H_
