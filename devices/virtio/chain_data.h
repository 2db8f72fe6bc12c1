// SPDX-License-Identifier: Apache-2.0
//
// ChainData: where the bytes of one part of a chain are in host memory: pieces of guest memory, or
// a bounce buffer where that has no host address; and ChainDataMapper, which finds them.
//
//   switch (mapper.Map(memory, range, DmaAccess::kDeviceWrites, data)) ...   // Then data.buffer().
//   mapper.Finish(memory, data, bytes_written);                              // Read by the guest?
//   if (mapper.Release(data)) ...                                            // Whoever waits
//   retries.
//
// Ownership: a ChainData is a member of its request and stays where it is; what it has from the
// pool
//   is the mapper's to give back: Release, once after each Map that said kMapped.
// Threading: the pool's context. Units: bytes.
// Errors: kRefused: a part of the range is no memory, or it is too much to be bounced.

#ifndef PLATTER_DEVICES_VIRTIO_CHAIN_DATA_H_
#define PLATTER_DEVICES_VIRTIO_CHAIN_DATA_H_

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>

#include "aio/buffer_pool.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/memory_cursor.h"
#include "devices/virtio/chain_memory.h"
#include "devices/virtio/ring/chain.h"

namespace platter {

class ChainData {
 public:
  // Pieces that need no memory from the pool.
  static constexpr uint32_t kInlinePieces = 4;

  // The pieces, in order; the last one may be shortened by whoever transfers less.
  std::span<iovec> pieces() { return {list_, count_}; }
  // Of the range that was mapped.
  uint64_t bytes() const { return bytes_; }
  uint64_t bounced_bytes() const { return bounce_ == nullptr ? 0 : bytes_; }

 private:
  friend class ChainDataMapper;

  bool from_pool() const { return capacity_ != 0 || bounce_ != nullptr; }

  // What is from the pool is named only while it is there: capacity_, bounce_ and buffers_ are zero
  // before Map and after Release.
  iovec* list_ = nullptr;  // inline_, or capacity_ of them from the pool.
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  uint64_t bytes_ = 0;
  uint8_t* bounce_ = nullptr;
  ChainBuffer* buffers_ = nullptr;  // Where a bounce buffer goes to: a copy of the chain's.
  uint32_t buffer_count_ = 0;
  uint64_t skip_ = 0;  // In these.
  std::array<iovec, kInlinePieces> inline_;
};

class ChainDataMapper {
 public:
  // In bounce buffers, of all that is mapped at a time; the rest waits.
  static constexpr uint64_t kMaxBounceBytes = uint64_t{16} << 20;

  enum class Result : uint8_t {
    kMapped,
    kWaits,  // For bounce buffers that others have: see Await.
    kRefused,
  };

  explicit ChainDataMapper(BufferPool& pool) : pool_(pool) {}

  // Data that the device reads is copied at once where it has to be bounced.
  Result Map(MemoryCursor& memory, const ChainRange& range, DmaAccess access, ChainData& data) {
    data.bytes_ = range.bytes;
    data.list_ = data.inline_.data();
    if (range.buffers.size() <= ChainData::kInlinePieces && range.bytes != 0) [[likely]] {
      const int count =
          MapChain(memory, range, access, data.inline_.data(), ChainData::kInlinePieces);
      if (count > 0) [[likely]] {
        data.count_ = static_cast<uint32_t>(count);
        return Result::kMapped;
      }
    }
    return MapOther(memory, range, access, data);
  }
  // The device has written the first `written` bytes: brings them to the guest and to the dirty
  // log.
  void Finish(MemoryCursor& memory, const ChainData& data, uint64_t written) {
    if (data.buffers_ != nullptr || memory.memory().logs_dirty()) [[unlikely]] {
      FinishOther(memory, data, written);
    }
  }
  // The device failed, having written nobody knows what of the data.
  void FinishFailed(MemoryCursor& memory, const ChainData& data) {
    if (memory.memory().logs_dirty() && data.bounce_ == nullptr)
      MarkPieces(memory, data, data.bytes_);
  }
  // True when somebody awaits what may have been given back.
  bool Release(ChainData& data) {
    if (!data.from_pool()) [[likely]] {
      return false;
    }
    return ReleaseOther(data);
  }
  // As Release, of data that nothing was done with.
  void Undo(ChainData& data);
  // The next Release that gives bounce buffers back says so.
  void Await() { awaited_ = true; }

  uint64_t bounce_bytes() const { return bounce_bytes_; }

 private:
  // What is not that simple.
  Result MapOther(MemoryCursor& memory, const ChainRange& range, DmaAccess access, ChainData& data);
  void FinishOther(MemoryCursor& memory, const ChainData& data, uint64_t written);
  static void MarkPieces(MemoryCursor& memory, const ChainData& data, uint64_t written);
  bool ReleaseOther(ChainData& data);
  Result MapMany(MemoryCursor& memory, const ChainRange& range, DmaAccess access, ChainData& data);
  Result Bounce(MemoryCursor& memory, const ChainRange& range, DmaAccess access, ChainData& data);
  bool KeepBuffers(const ChainRange& range, ChainData& data);
  // No memory now: worth waiting for when somebody will give some back.
  Result Short() const { return bounce_bytes_ == 0 ? Result::kRefused : Result::kWaits; }

  BufferPool& pool_;
  uint64_t bounce_bytes_ = 0;
  bool awaited_ = false;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_CHAIN_DATA_H_
