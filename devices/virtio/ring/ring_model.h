// SPDX-License-Identifier: Apache-2.0
//
// RingModel: a driver of a virtqueue, and what it must come to see of the device, written as the
// standard reads (virtio 1.3, 2.7 and 2.8) and with no thought of speed. Positions are counted from
// 0 and never come round; what is in memory is computed from them.
//
// Ownership: the memory is its own. Threading: one thread. Units: bytes; positions count entries of
// the available ring, or descriptors of a packed one.

#ifndef PLATTER_DEVICES_VIRTIO_RING_RING_MODEL_H_
#define PLATTER_DEVICES_VIRTIO_RING_RING_MODEL_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "devices/bus/guest_memory.h"
#include "devices/virtio/ring/chain.h"
#include "devices/virtio/ring/queue_layout.h"

namespace platter {

class RingModel {
 public:
  enum class Layout : uint8_t { kSplit, kPacked };
  // A chain: its pieces, the last of which is written to when there are several; in an indirect
  // table, or in the ring.
  struct Shape {
    uint32_t pieces = 1;
    bool indirect = false;
    uint32_t slots() const { return indirect ? 1 : pieces; }
  };
  // What the driver wants to hear of.
  struct Wish {
    enum class Kind : uint8_t { kAll, kNothing, kPosition } kind = Kind::kAll;
    uint64_t position = 0;
  };

  // A ring where everything up to `start` was made available and used before.
  RingModel(Layout layout, uint32_t size, uint64_t start);

  std::shared_ptr<const GuestMemory> memory() const { return memory_; }
  QueueLayout layout() const;
  // A position as the device tells it.
  uint16_t Told(uint64_t position) const;

  // --- The driver. ---

  // Makes a chain available, with the smallest id (head) that is free, or with the largest.
  enum class Pick : uint8_t { kSmallest, kLargest };
  void Offer(const Shape& shape, Pick pick);
  void Want(const Wish& wish);
  uint32_t free_slots() const { return free_slots_; }

  // --- What must be. ---

  // The oldest chain offered and not taken yet; the same as the device's. Empty: none is left.
  std::string CompareTaken(const Chain& chain);
  bool anything_to_take() const { return to_take_ < chains_.size(); }
  uint64_t avail_position() const;
  uint64_t used_position() const { return used_; }

  // The chain taken as the `which`-th of all was used: what the driver is to see after the next
  // Check.
  void Used(size_t which, uint32_t written);
  // Looks at memory: all that was used is there, nothing else. Takes the slots back. Whether the
  // driver is to be interrupted goes to `interrupt`.
  std::string Check(bool* interrupt);
  uint16_t id_of(size_t which) const { return chains_[which].id; }

 private:
  struct Offered {
    uint16_t id = 0;
    uint64_t position = 0;
    Shape shape;
    std::vector<uint16_t> slots;  // Of a split ring: descriptors, in order.
  };
  struct Element {
    uint64_t position = 0;
    uint16_t id = 0;
    uint32_t written = 0;
  };

  static constexpr uint64_t kBase = 0x10000;
  static constexpr uint64_t kRing = kBase;
  static constexpr uint64_t kDriver = kBase + 0x200;
  static constexpr uint64_t kDevice = kBase + 0x300;
  static constexpr uint64_t kTables = kBase + 0x400;
  static constexpr uint64_t kData = kBase + 0x800;
  static constexpr uint64_t kBytes = 0x1000;

  template <typename T>
  void Put(uint64_t address, T value) {
    std::memcpy(bytes_ + (address - kBase), &value, sizeof(value));
  }
  uint64_t Get(uint64_t address, int bytes) const;
  // Address and length of a piece: different for each of a chain's, and for each chain in flight.
  static uint64_t AddressOf(const Offered& chain, uint32_t piece) {
    return kData + chain.position % 16 * 128 + uint64_t{piece} * 32;
  }
  static uint32_t LengthOf(const Offered&, uint32_t piece) { return 1 + piece * 3; }
  static bool Writes(const Shape& shape, uint32_t piece) {
    return shape.pieces > 1 && piece + 1 == shape.pieces;
  }
  void PutDescriptor(uint64_t at, uint64_t address, uint32_t length, uint16_t third,
                     uint16_t fourth);
  void OfferSplit(Offered& chain);
  void OfferPacked(Offered& chain);
  bool wrap(uint64_t position) const { return position / size_ % 2 == 0; }
  std::string CheckElement(const Element& element, bool* visible) const;

  const Layout layout_;
  const uint32_t size_;
  std::vector<uint8_t> storage_;
  uint8_t* bytes_ = nullptr;
  std::shared_ptr<const GuestMemory> memory_;

  std::vector<Offered> chains_;  // All that were ever offered.
  size_t to_take_ = 0;
  std::vector<bool> id_free_;
  std::vector<bool> slot_free_;
  uint32_t free_slots_;
  const uint64_t start_;
  uint64_t offered_;              // The next position to make available.
  uint64_t used_;                 // The next position to use, by what Used was told.
  std::vector<Element> pending_;  // Used, and not looked at yet.
  Wish wish_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_RING_MODEL_H_
