// SPDX-License-Identifier: Apache-2.0
//
// Chain: what a virtqueue gives to the device, whatever its layout: a chain of descriptors,
// flattened. Indirect tables are followed, empty buffers left out.
//
// Ownership: the spans point into the queue, and are valid until its next Pop or Lookup.
// Threading: values. Units: bytes, guest physical addresses, not checked against the memory map.

#ifndef PLATTER_DEVICES_VIRTIO_RING_CHAIN_H_
#define PLATTER_DEVICES_VIRTIO_RING_CHAIN_H_

#include <cstdint>
#include <span>

namespace platter {

// One buffer of a chain.
struct ChainBuffer {
  uint64_t address = 0;
  uint32_t bytes = 0;
};

struct Chain {
  uint16_t head = 0;                      // Names it until it is used.
  std::span<const ChainBuffer> readable;  // Driver to device; before the writable ones.
  std::span<const ChainBuffer> writable;  // Device to driver.
  uint64_t readable_bytes = 0;            // Each sum is below 4 GiB.
  uint64_t writable_bytes = 0;
};

enum class PopResult : uint8_t { kEmpty, kChain, kBroken };

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_RING_CHAIN_H_
