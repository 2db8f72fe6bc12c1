// SPDX-License-Identifier: Apache-2.0
//
// SplitInflight: the record of which requests of a split ring are in flight, kept in memory that
// outlives the process: a device that dies without a word is followed by another one, which does
// again what its predecessor had taken and not used ("Inflight I/O tracking" of the vhost-user
// protocol; its names are in the comments).
//
//   auto found = *SplitInflight::Recover(region, size, used_index);   // Before the ring starts.
//   log.Attach(region);                                               // Then, by the ring:
//   log.Take(head);  ...  log.Push(head);  log.Published(used_index);
//
// The order of the stores is what counts: wherever the process ends, the region and the used ring
// together tell which requests are done.
//
// Ownership: none of the region: it outlives what is attached. Threading: as the ring.
// Units: entries; the region's own byte order is the machine's.
// Errors: nothing in the region is trusted: what can't be is an error of Recover, or is passed
//   over. While attached the region is written and not read, but for the first look.

#ifndef PLATTER_DEVICES_VIRTIO_RING_SPLIT_INFLIGHT_H_
#define PLATTER_DEVICES_VIRTIO_RING_SPLIT_INFLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "devices/virtio/ring/inflight_region.h"

namespace platter {

// What a predecessor left.
struct InflightFound {
  // In the order in which they were taken.
  std::vector<uint16_t> heads = {};
  // Nobody has used the region yet: it tells nothing of the past.
  bool fresh = false;
};

class SplitInflight {
 public:
  static constexpr uint16_t kVersion = 1;
  // DescStateSplit.
  struct Entry {
    uint8_t inflight;
    uint8_t padding[5];
    uint16_t next;
    uint64_t counter;
  };
  static_assert(sizeof(Entry) == 16);
  // QueueRegionSplit, without its entries.
  struct Header {
    uint64_t features;
    uint16_t version;
    uint16_t desc_num;
    uint16_t last_batch_head;
    uint16_t used_idx;
  };
  static_assert(sizeof(Header) == 16);

  static constexpr uint64_t Bytes(uint32_t entries) {
    return sizeof(Header) + uint64_t{entries} * sizeof(Entry);
  }

  // Makes the region agree with the ring, whose size and used index these are, and says what is in
  // flight. INVALID_ARGUMENT when it is not of this format, or for a smaller ring.
  static absl::StatusOr<InflightFound> Recover(const InflightRegion& region, uint32_t size,
                                               uint16_t used_index);
  // Whatever is in flight is forgotten.
  static void Forget(const InflightRegion& region);

  // A region that Recover has passed, or none.
  void Attach(const InflightRegion& region);
  void Detach() { *this = SplitInflight(); }
  bool attached() const { return entries_ != nullptr; }

  // --- While attached; heads are below the region's entries. ---

  // The request was taken from the available ring.
  void Take(uint16_t head) {
    Entry& entry = entries_[head];
    entry.counter = counter_++;
    Store(entry.inflight, uint8_t{1});
  }
  // It goes back there.
  void Undo(uint16_t head) { Store(entries_[head].inflight, uint8_t{0}); }
  // It is in the used ring, where the driver does not see it yet.
  void Push(uint16_t head) {
    // A driver that makes a head available while it has not got it back can make more of them than
    // there are; those have no right to be recorded.
    if (batch_size_ == entry_count_) return;
    batch_[batch_size_++] = head;
    entries_[head].next = last_head_;
    last_head_ = head;
    Store(header_->last_batch_head, head);
  }
  // The driver sees what was pushed.
  void Published(uint16_t used_index) {
    for (uint32_t i = 0; i < batch_size_; ++i) Store(entries_[batch_[i]].inflight, uint8_t{0});
    batch_size_ = 0;
    Store(header_->used_idx, used_index);
  }

 private:
  // Not before what was stored before it.
  template <typename T>
  static void Store(T& place, T value) {
    __atomic_store_n(&place, value, __ATOMIC_RELEASE);
  }

  Header* header_ = nullptr;
  Entry* entries_ = nullptr;
  uint32_t entry_count_ = 0;
  uint64_t counter_ = 0;
  uint16_t last_head_ = 0;
  uint32_t batch_size_ = 0;
  std::unique_ptr<uint16_t[]> batch_;  // Heads pushed and not published: not read from the region.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_SPLIT_INFLIGHT_H_
