// SPDX-License-Identifier: Apache-2.0
//
// UsedRingWatch: what a used ring must look like, entry by entry, kept from the heads that were
// made available: each entry names a head that was and has not been used since, entries come one
// slot after the other, and the index counts them.
//
//   watch.Start();  watch.MadeAvailable(3);  ...  watch.Used(0, 3);  watch.Published(1);
//
// Ownership: a value. Threading: one thread. Errors: fault() says what was wrong first.

#ifndef PLATTER_DEVICES_VIRTIO_USED_RING_WATCH_H_
#define PLATTER_DEVICES_VIRTIO_USED_RING_WATCH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace platter {

class UsedRingWatch {
 public:
  explicit UsedRingWatch(uint32_t size) : in_use_(size) {}

  // A new ring, from index 0 on.
  void Start() {
    in_use_.assign(in_use_.size(), 0);
    in_use_count_ = 0;
    entries_ = 0;
    checks_ = true;
    silent_ = broken_ = false;
  }
  // The entries say nothing any more: somebody else may write them. Until Start.
  void GiveUp() { checks_ = false; }
  bool checks() const { return checks_; }
  // The device was reset: not one entry more.
  void Silence() { silent_ = true; }

  // The driver made `head` available. One that it does so with twice may be used twice.
  void MadeAvailable(uint32_t head) {
    if (head >= in_use_.size()) return;
    ++in_use_[head];
    ++in_use_count_;
  }
  // Or, where each look of the device at the available ring is seen: it took `head`. One that is
  // in use, or does not exist, breaks the ring, and no entry comes after that (R-VQ-05, R-VQ-08).
  void Taken(uint32_t head) {
    if (head >= in_use_.size() || in_use_[head] != 0) {
      broken_ = true;
    } else {
      MadeAvailable(head);
    }
  }

  // The device put an entry into `slot`.
  void Used(uint32_t slot, uint32_t head) {
    if (!checks_) return;
    if (silent_) return Fault("an entry after the reset");
    if (broken_) return Fault("an entry after the ring broke");
    if (slot != entries_ % in_use_.size()) return Fault("an entry in the wrong slot");
    if (head >= in_use_.size() || in_use_[head] == 0) {
      return Fault("an entry for head " + std::to_string(head) + ", which is not in use");
    }
    --in_use_[head];
    --in_use_count_;
    ++entries_;
    ++checked_;
  }
  // The device showed the index.
  void Published(uint16_t index) {
    if (checks_ && index != static_cast<uint16_t>(entries_)) {
      Fault("the index is " + std::to_string(index) + " after " + std::to_string(entries_) +
            " entries");
    }
  }
  // It wrote to the ring what is neither.
  void Strayed() {
    if (checks_) Fault("a write that is no entry and no index");
  }

  // The entries so far, modulo 2^16: the index of a device that showed all of them.
  uint16_t entries() const { return static_cast<uint16_t>(entries_); }
  uint32_t in_use() const { return in_use_count_; }
  // Entries that were looked at and right.
  uint64_t checked() const { return checked_; }
  const std::string& fault() const { return fault_; }

 private:
  void Fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  std::vector<uint32_t> in_use_;  // By head, how often.
  uint32_t in_use_count_ = 0;
  uint64_t entries_ = 0;
  uint64_t checked_ = 0;
  bool checks_ = false;
  bool silent_ = false;
  bool broken_ = false;
  std::string fault_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_USED_RING_WATCH_H_
