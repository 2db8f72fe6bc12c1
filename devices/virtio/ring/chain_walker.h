// SPDX-License-Identifier: Apache-2.0
//
// ChainWalker: what every layout of a virtqueue demands of a chain, whatever its descriptors look
// like: collects buffers, and says what is wrong.
//
//   ChainWalker walker(buffers, size);
//   for (each descriptor) if (const char* wrong = walker.Append(descriptor)) return Break(wrong);
//   walker.Finish(head, &chain);
//
// Ownership: the buffers are the caller's, and the chain points into them. Threading: one thread.
// Units: bytes. Errors: a text for the log.

#ifndef PLATTER_DEVICES_VIRTIO_RING_CHAIN_WALKER_H_
#define PLATTER_DEVICES_VIRTIO_RING_CHAIN_WALKER_H_

#include <cstdint>

#include "devices/virtio/ring/chain.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

class ChainWalker {
 public:
  // `buffers`: room for `limit`, the most descriptors that a chain may have.
  ChainWalker(ChainBuffer* buffers, uint32_t limit)
      : begin_(buffers), end_(buffers), limit_(limit) {}

  // Checks one descriptor and takes its buffer. Inlined, so that a walk's state stays in registers.
  // Both layouts' descriptors have address, length and flags, with one meaning of the write flag.
  template <typename Descriptor>
  const char* Append(const Descriptor& desc) {
    // 2.7.5.3.1, 2.8.17: a chain is no longer than the queue, tables included. Ends loops as well.
    if (++descriptors_ > limit_) [[unlikely]] {
      return "a chain of more descriptors than the queue has, or a loop";
    }
    const uint32_t bytes = desc.length.get();
    if ((desc.flags.get() & kVirtqDescWrite) != 0) {
      if (!seen_writable_) {
        seen_writable_ = true;
        writable_ = end_;
        readable_bytes_ = bytes_;
      }
    } else if (seen_writable_) [[unlikely]] {
      return "a device-readable descriptor after a device-writable one";  // 2.7.4.2, 2.8.17.
    }
    if (bytes == 0) [[unlikely]]
      return nullptr;
    bytes_ += bytes;
    if (bytes_ > UINT32_MAX) [[unlikely]] {
      return "a chain of 4 GiB or more";  // 2.7.5: and a used length has 32 bits.
    }
    *end_++ = {.address = desc.address.get(), .bytes = bytes};
    return nullptr;
  }

  void Finish(uint16_t head, Chain* chain) {
    if (!seen_writable_) {
      writable_ = end_;
      readable_bytes_ = bytes_;
    }
    chain->head = head;
    chain->readable = {begin_, writable_};
    chain->writable = {writable_, end_};
    chain->readable_bytes = readable_bytes_;
    chain->writable_bytes = bytes_ - readable_bytes_;
  }

 private:
  ChainBuffer* const begin_;
  ChainBuffer* end_;  // Of the buffers taken.
  uint64_t bytes_ = 0;
  // From here on the buffers are writable; valid when one was seen.
  ChainBuffer* writable_ = nullptr;
  uint64_t readable_bytes_ = 0;
  bool seen_writable_ = false;
  uint32_t descriptors_ = 0;
  const uint32_t limit_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_CHAIN_WALKER_H_
