// SPDX-License-Identifier: Apache-2.0
//
// The bytes behind a chain's buffers, by their offset in the chain: how the buffers are cut is the
// driver's business and means nothing (virtio 1.3, 2.7.4.1).
//
// Threading: the cursor's. Units: bytes. Errors: as each function says; nothing is transferred
// beyond the buffers.

#ifndef PLATTER_DEVICES_VIRTIO_CHAIN_MEMORY_H_
#define PLATTER_DEVICES_VIRTIO_CHAIN_MEMORY_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "devices/bus/guest_memory.h"
#include "devices/bus/memory_cursor.h"
#include "devices/virtio/ring/chain.h"

namespace platter {

// [skip, skip + bytes) of a chain's readable or writable buffers.
struct ChainRange {
  std::span<const ChainBuffer> buffers;
  uint64_t skip = 0;
  uint64_t bytes = 0;
};

// Copies out.size() == range.bytes bytes. False when the buffers hold fewer or one is not memory;
// what was copied until then stays.
bool ReadChain(MemoryCursor& memory, const ChainRange& range, std::span<uint8_t> out);
bool WriteChain(MemoryCursor& memory, const ChainRange& range, std::span<const uint8_t> data);

// ReadChain of the first out.size() bytes, quick where they lie in one buffer with a host address:
// how a request's header mostly does, though nothing may be assumed about it.
bool ReadFront(MemoryCursor& memory, std::span<const ChainBuffer> buffers, std::span<uint8_t> out);

// The host pieces of the range, in out[0 .. capacity). Returns how many; -EFAULT when a part has
// no host address or is no memory, -E2BIG when there are more than `capacity`, -EINVAL when the
// buffers hold fewer bytes.
int MapChain(MemoryCursor& memory, const ChainRange& range, DmaAccess access, iovec* out,
             int capacity);

// Whether all of the range is memory, mapped or not.
bool ChainIsMemory(const MemoryCursor& memory, const ChainRange& range, DmaAccess access);

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_CHAIN_MEMORY_H_
