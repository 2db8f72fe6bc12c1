// SPDX-License-Identifier: Apache-2.0
#include "aio/simulated/sparse_file.h"

#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace platter {

namespace {

constexpr uint64_t kChunk = SparseFile::kChunkBytes;
constexpr uint64_t kSector = SparseFile::kSectorBytes;
constexpr int kSectorsPerChunk = kChunk / kSector;

// Calls part(index, begin, end) for each chunk that [offset, offset + bytes) touches, with the
// range inside the chunk; stops when it returns false. Returns the bytes covered.
template <typename Part>
uint64_t ForEachChunk(uint64_t offset, uint64_t bytes, Part part) {
  uint64_t done = 0;
  while (done < bytes) {
    const uint64_t at = offset + done;
    const uint64_t begin = at % kChunk;
    const uint64_t end = std::min(kChunk, begin + (bytes - done));
    if (!part(at / kChunk, begin, end)) break;
    done += end - begin;
  }
  return done;
}

// Bits of the sectors that [begin, end) of a chunk touches.
uint8_t SectorBits(uint64_t begin, uint64_t end) {
  if (begin >= end) return 0;
  const uint64_t first = begin / kSector;
  const uint64_t last = (end - 1) / kSector;
  return static_cast<uint8_t>((0xffu >> (7 - (last - first))) << first);
}

}  // namespace

SparseFile::~SparseFile() { budget_.used -= allocated_; }

uint64_t SparseFile::Read(uint64_t offset, void* to, uint64_t bytes) const {
  if (offset >= size_) return 0;
  auto* out = static_cast<std::byte*>(to);
  return ForEachChunk(offset, std::min(bytes, size_ - offset),
                      [&](uint64_t index, uint64_t begin, uint64_t end) {
                        const auto found = chunks_.find(index);
                        if (found == chunks_.end()) {
                          std::memset(out, 0, end - begin);
                        } else {
                          std::memcpy(out, found->second.now.data() + begin, end - begin);
                        }
                        out += end - begin;
                        return true;
                      });
}

SparseFile::Chunk* SparseFile::Take(uint64_t index) {
  const auto found = chunks_.find(index);
  if (found != chunks_.end() && !found->second.hole) return &found->second;
  if (budget_.used + kChunk > budget_.capacity) return nullptr;
  budget_.used += kChunk;
  allocated_ += kChunk;
  if (found != chunks_.end()) {
    found->second.hole = false;
    return &found->second;
  }
  return &chunks_[index];
}

void SparseFile::MarkDirty(Chunk& chunk, uint64_t from, uint64_t to) {
  if (chunk.durable == nullptr) chunk.durable = std::make_unique<Bytes>(chunk.now);
  chunk.dirty |= SectorBits(from, to);
}

void SparseFile::MakeHole(Chunk& chunk) {
  MarkDirty(chunk, 0, kChunk);
  chunk.now.fill(std::byte{0});
  if (chunk.hole) return;
  chunk.hole = true;
  allocated_ -= kChunk;
  budget_.used -= kChunk;
}

int64_t SparseFile::Write(uint64_t offset, const void* from, uint64_t bytes) {
  if (offset > kMaxFileBytes || bytes > kMaxFileBytes - offset) return -EFBIG;
  const auto* in = static_cast<const std::byte*>(from);
  const uint64_t done =
      ForEachChunk(offset, bytes, [&](uint64_t index, uint64_t begin, uint64_t end) {
        Chunk* chunk = Take(index);
        if (chunk == nullptr) return false;
        MarkDirty(*chunk, begin, end);
        std::memcpy(chunk->now.data() + begin, in, end - begin);
        in += end - begin;
        return true;
      });
  if (done == 0 && bytes != 0) return -ENOSPC;
  size_ = std::max(size_, offset + done);
  return static_cast<int64_t>(done);
}

void SparseFile::ZeroRange(uint64_t offset, uint64_t bytes) {
  // Only chunks that exist can be other than zero.
  const uint64_t end = offset + bytes;
  auto at = chunks_.lower_bound(offset / kChunk);
  for (; at != chunks_.end() && at->first * kChunk < end; ++at) {
    const uint64_t start = at->first * kChunk;
    const uint64_t from = std::max(offset, start) - start;
    const uint64_t to = std::min(end, start + kChunk) - start;
    if (from == 0 && to == kChunk) {
      MakeHole(at->second);
    } else if (!at->second.hole) {
      MarkDirty(at->second, from, to);
      std::fill(at->second.now.begin() + static_cast<ptrdiff_t>(from),
                at->second.now.begin() + static_cast<ptrdiff_t>(to), std::byte{0});
    }
  }
}

int SparseFile::Allocate(int mode, uint64_t offset, uint64_t bytes) {
  const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const int operation = mode & ~FALLOC_FL_KEEP_SIZE;
  if (bytes == 0) return -EINVAL;
  if (offset > kMaxFileBytes || bytes > kMaxFileBytes - offset) return -EFBIG;
  if (operation == FALLOC_FL_PUNCH_HOLE) {
    if (!keep_size) return -EOPNOTSUPP;  // As fallocate(2) demands.
    ZeroRange(offset, bytes);
    return 0;
  }
  if (operation != 0 && operation != FALLOC_FL_ZERO_RANGE) return -EOPNOTSUPP;
  if (operation == FALLOC_FL_ZERO_RANGE) ZeroRange(offset, bytes);
  const uint64_t done = ForEachChunk(
      offset, bytes, [&](uint64_t index, uint64_t, uint64_t) { return Take(index) != nullptr; });
  if (done != bytes) return -ENOSPC;
  if (!keep_size) size_ = std::max(size_, offset + bytes);
  return 0;
}

void SparseFile::Discard(uint64_t offset, uint64_t bytes, SimulatedRandom& random) {
  const uint64_t end = offset + bytes;
  for (auto at = chunks_.lower_bound(offset / kChunk); at != chunks_.end(); ++at) {
    const uint64_t start = at->first * kChunk;
    if (start >= end) break;
    for (uint64_t sector = start; sector < start + kChunk; sector += kSector) {
      const bool within = sector >= offset && sector + kSector <= end;
      if (within && random.Percent(50)) ZeroRange(sector, kSector);
    }
  }
}

int SparseFile::Truncate(uint64_t size) {
  if (size > kMaxFileBytes) return -EFBIG;
  if (size < size_) ZeroRange(size, size_ - size);
  size_ = size;
  return 0;
}

void SparseFile::SyncSectors(Chunk& chunk, uint8_t sectors) {
  if (chunk.durable == nullptr) return;
  for (int sector = 0; sector < kSectorsPerChunk; ++sector) {
    if ((sectors & (1u << sector)) == 0) continue;
    std::memcpy(chunk.durable->data() + sector * kSector, chunk.now.data() + sector * kSector,
                kSector);
  }
  chunk.dirty &= static_cast<uint8_t>(~sectors);
  if (chunk.dirty == 0) chunk.durable.reset();
}

void SparseFile::DropHoles() {
  std::erase_if(chunks_,
                [](const auto& entry) { return entry.second.hole && !entry.second.durable; });
}

void SparseFile::Sync() {
  for (auto& [index, chunk] : chunks_) SyncSectors(chunk, 0xff);
  DropHoles();
  durable_size_ = size_;
}

void SparseFile::SyncRange(uint64_t offset, uint64_t bytes) {
  ForEachChunk(offset, bytes, [&](uint64_t index, uint64_t begin, uint64_t end) {
    const auto found = chunks_.find(index);
    if (found != chunks_.end()) SyncSectors(found->second, SectorBits(begin, end));
    return true;
  });
  // A synchronous write that extended the file made its length durable too.
  durable_size_ = std::max(durable_size_, std::min(size_, offset + bytes));
}

void SparseFile::Crash(CrashMode mode, SimulatedRandom& random) {
  const bool keep_size = mode == CrashMode::kTear && random.Percent(50);
  for (auto& [index, chunk] : chunks_) {
    if (chunk.durable == nullptr) continue;
    bool lost = false;
    for (int sector = 0; sector < kSectorsPerChunk; ++sector) {
      if ((chunk.dirty & (1u << sector)) == 0) continue;
      if (mode == CrashMode::kTear && random.Percent(50)) continue;
      lost = true;
      std::memcpy(chunk.now.data() + sector * kSector, chunk.durable->data() + sector * kSector,
                  kSector);
    }
    chunk.dirty = 0;
    chunk.durable.reset();
    if (!lost || !chunk.hole) continue;
    // A hole that was not durable is data again, whatever the capacity says now.
    chunk.hole = false;
    allocated_ += kChunk;
    budget_.used += kChunk;
  }
  DropHoles();
  if (!keep_size) size_ = durable_size_;
  ZeroRange(size_, kMaxFileBytes - size_);
  for (auto& [index, chunk] : chunks_) SyncSectors(chunk, 0xff);
  DropHoles();
  durable_size_ = size_;
}

}  // namespace platter
