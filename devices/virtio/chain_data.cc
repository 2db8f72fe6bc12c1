// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/chain_data.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace platter {

namespace {

// Pieces beyond the number of buffers: for buffers that cross regions.
constexpr uint32_t kSparePieces = 8;

// The same range without the buffers that it skips whole.
ChainRange Trimmed(ChainRange range) {
  while (!range.buffers.empty() && range.skip >= range.buffers.front().bytes) {
    range.skip -= range.buffers.front().bytes;
    range.buffers = range.buffers.subspan(1);
  }
  return range;
}

}  // namespace

ChainDataMapper::Result ChainDataMapper::MapOther(MemoryCursor& memory, const ChainRange& range,
                                                  DmaAccess access, ChainData& data) {
  const ChainRange trimmed = Trimmed(range);
  data.count_ = 0;
  if (range.bytes == 0) return Result::kMapped;
  if (trimmed.buffers.size() <= ChainData::kInlinePieces) [[likely]] {
    const int count =
        MapChain(memory, trimmed, access, data.inline_.data(), ChainData::kInlinePieces);
    if (count > 0) [[likely]] {
      data.count_ = static_cast<uint32_t>(count);
      return Result::kMapped;
    }
  }
  return MapMany(memory, trimmed, access, data);
}

ChainDataMapper::Result ChainDataMapper::MapMany(MemoryCursor& memory, const ChainRange& range,
                                                 DmaAccess access, ChainData& data) {
  const auto capacity = static_cast<uint32_t>(range.buffers.size()) + kSparePieces;
  auto* list = static_cast<iovec*>(pool_.TryAllocate(capacity * sizeof(iovec)));
  if (list != nullptr) {
    const int count = MapChain(memory, range, access, list, static_cast<int>(capacity));
    if (count > 0) {
      data.list_ = list;
      data.count_ = static_cast<uint32_t>(count);
      data.capacity_ = capacity;
      return Result::kMapped;
    }
    pool_.Free(list, capacity * sizeof(iovec));
  }
  return Bounce(memory, range, access, data);
}

ChainDataMapper::Result ChainDataMapper::Bounce(MemoryCursor& memory, const ChainRange& range,
                                                DmaAccess access, ChainData& data) {
  if (range.bytes > BufferPool::kMaxSize || !ChainIsMemory(memory, range, access)) {
    return Result::kRefused;
  }
  if (bounce_bytes_ + range.bytes > kMaxBounceBytes) return Short();
  auto* bounce = static_cast<uint8_t*>(pool_.TryAllocate(range.bytes));
  if (bounce == nullptr) return Short();
  if (access == DmaAccess::kDeviceReads) {
    if (!ReadChain(memory, range, {bounce, range.bytes})) {
      pool_.Free(bounce, range.bytes);
      return Result::kRefused;
    }
  } else {
    if (!KeepBuffers(range, data)) {
      pool_.Free(bounce, range.bytes);
      return Short();
    }
    // R-BLK-03: an error that the policy ignores must not show old memory of ours.
    std::memset(bounce, 0, range.bytes);
  }
  bounce_bytes_ += range.bytes;
  data.bounce_ = bounce;
  data.inline_[0] = {.iov_base = bounce, .iov_len = range.bytes};
  data.count_ = 1;
  return Result::kMapped;
}

bool ChainDataMapper::KeepBuffers(const ChainRange& range, ChainData& data) {
  data.buffers_ = static_cast<ChainBuffer*>(pool_.TryAllocate(range.buffers.size_bytes()));
  if (data.buffers_ == nullptr) return false;
  std::copy(range.buffers.begin(), range.buffers.end(), data.buffers_);
  data.buffer_count_ = static_cast<uint32_t>(range.buffers.size());
  data.skip_ = range.skip;
  return true;
}

void ChainDataMapper::FinishOther(MemoryCursor& memory, const ChainData& data, uint64_t written) {
  PLATTER_CHECK(written <= data.bytes_);
  if (data.buffers_ != nullptr) [[unlikely]] {
    // It was memory when it was mapped, and the map does not change while it is in use.
    const bool copied = WriteChain(
        memory,
        {.buffers = {data.buffers_, data.buffer_count_}, .skip = data.skip_, .bytes = written},
        {data.bounce_, written});
    PLATTER_CHECK(copied);
    return;
  }
  MarkPieces(memory, data, written);
}

void ChainDataMapper::MarkPieces(MemoryCursor& memory, const ChainData& data, uint64_t written) {
  for (uint32_t i = 0; written > 0; ++i) {
    const uint64_t here = std::min<uint64_t>(data.list_[i].iov_len, written);
    memory.memory().MarkPieceDirty(data.list_[i].iov_base, here);
    written -= here;
  }
}

bool ChainDataMapper::ReleaseOther(ChainData& data) {
  const uint64_t before = bounce_bytes_;
  Undo(data);
  return bounce_bytes_ != before && std::exchange(awaited_, false);
}

void ChainDataMapper::Undo(ChainData& data) {
  if (data.capacity_ != 0) [[unlikely]] {
    pool_.Free(data.list_, std::exchange(data.capacity_, 0) * sizeof(iovec));
  }
  if (data.bounce_ == nullptr) [[likely]] {
    return;
  }
  pool_.Free(std::exchange(data.bounce_, nullptr), data.bytes_);
  if (data.buffers_ != nullptr) {
    pool_.Free(std::exchange(data.buffers_, nullptr), data.buffer_count_ * sizeof(ChainBuffer));
  }
  bounce_bytes_ -= data.bytes_;
}

}  // namespace platter
