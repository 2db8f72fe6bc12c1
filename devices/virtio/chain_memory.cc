// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/chain_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace platter {

namespace {

// Calls visit(address, offset, bytes) for the parts of the range, in order, until one says false.
// `offset` is from the start of the range. False then, and when the buffers hold too few bytes.
template <typename Visit>
bool ForEachPart(const ChainRange& range, Visit visit) {
  uint64_t skip = range.skip;
  uint64_t done = 0;
  for (const ChainBuffer& buffer : range.buffers) {
    if (done == range.bytes) break;
    if (skip >= buffer.bytes) {
      skip -= buffer.bytes;
      continue;
    }
    const uint64_t here = std::min<uint64_t>(buffer.bytes - skip, range.bytes - done);
    // An address that wraps is refused by whoever looks it up.
    if (!visit(buffer.address + skip, done, here)) return false;
    skip = 0;
    done += here;
  }
  return done == range.bytes;
}

}  // namespace

bool ReadChain(MemoryCursor& memory, const ChainRange& range, std::span<uint8_t> out) {
  return ForEachPart(range, [&](uint64_t address, uint64_t offset, uint64_t bytes) {
    return memory.memory().Read(address, out.subspan(offset, bytes));
  });
}

bool ReadFront(MemoryCursor& memory, std::span<const ChainBuffer> buffers, std::span<uint8_t> out) {
  if (!buffers.empty() && buffers.front().bytes >= out.size()) [[likely]] {
    const uint8_t* host =
        memory.TryMap(buffers.front().address, out.size(), DmaAccess::kDeviceReads);
    if (host != nullptr) [[likely]] {
      std::memcpy(out.data(), host, out.size());
      return true;
    }
  }
  return ReadChain(memory, {.buffers = buffers, .skip = 0, .bytes = out.size()}, out);
}

bool WriteChain(MemoryCursor& memory, const ChainRange& range, std::span<const uint8_t> data) {
  return ForEachPart(range, [&](uint64_t address, uint64_t offset, uint64_t bytes) {
    return memory.memory().Write(address, data.subspan(offset, bytes));
  });
}

int MapChain(MemoryCursor& memory, const ChainRange& range, DmaAccess access, iovec* out,
             int capacity) {
  int count = 0;
  int error = -EINVAL;
  const bool all = ForEachPart(range, [&](uint64_t address, uint64_t, uint64_t bytes) {
    if (count == capacity) {
      error = -E2BIG;
      return false;
    }
    if (uint8_t* host = memory.TryMap(address, bytes, access)) [[likely]] {
      out[count++] = {.iov_base = host, .iov_len = bytes};
      return true;
    }
    const int pieces =
        memory.memory().MapPieces(address, bytes, access, out + count, capacity - count);
    if (pieces < 0) {
      error = pieces;
      return false;
    }
    count += pieces;
    return true;
  });
  return all ? count : error;
}

bool ChainIsMemory(const MemoryCursor& memory, const ChainRange& range, DmaAccess access) {
  return ForEachPart(range, [&](uint64_t address, uint64_t, uint64_t bytes) {
    return memory.memory().Contains(address, bytes, access);
  });
}

}  // namespace platter
