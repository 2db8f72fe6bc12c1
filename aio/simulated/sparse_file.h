// SPDX-License-Identifier: Apache-2.0
//
// SparseFile: the content of one simulated file, kept twice where the two differ: what a read
// returns now, and what is durable. A crash decides for every sector that differs which of the two
// survives, which loses, tears and reorders unsynced writes.
//
// Ownership: owns its bytes; space is counted in a SpaceBudget that outlives it.
// Threading: thread-hostile. Units: bytes. Errors: negative errno.

#ifndef PLATTER_AIO_SIMULATED_SPARSE_FILE_H_
#define PLATTER_AIO_SIMULATED_SPARSE_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "aio/simulated/random.h"

namespace platter {

// Space shared by the files of a simulated disk.
struct SpaceBudget {
  uint64_t capacity = UINT64_MAX;
  uint64_t used = 0;
};

// What a crash does to a sector that is not durable.
enum class CrashMode : uint8_t {
  kForget,  // Nothing that was not synced survives.
  kTear,    // The seed decides sector by sector.
};

class SparseFile {
 public:
  static constexpr uint64_t kSectorBytes = 512;
  static constexpr uint64_t kChunkBytes = 4096;
  // No simulated file is longer (an exabyte): offsets never wrap.
  static constexpr uint64_t kMaxFileBytes = uint64_t{1} << 60;

  explicit SparseFile(SpaceBudget& budget) : budget_(budget) {}
  ~SparseFile();
  SparseFile(const SparseFile&) = delete;
  SparseFile& operator=(const SparseFile&) = delete;

  uint64_t size() const { return size_; }
  // Bytes of the chunks that hold data.
  uint64_t allocated() const { return allocated_; }

  // Bytes read; 0 at and after the end.
  uint64_t Read(uint64_t offset, void* to, uint64_t bytes) const;
  // Bytes written; fewer when space runs out, -ENOSPC when none was written for that reason.
  int64_t Write(uint64_t offset, const void* from, uint64_t bytes);
  // fallocate(2): 0 or a negative errno.
  int Allocate(int mode, uint64_t offset, uint64_t bytes);
  // What BLKDISCARD may do: each sector that lies in the range reads as zeroes or as before, and
  // `random` decides which, so that nothing comes to rely on either.
  void Discard(uint64_t offset, uint64_t bytes, SimulatedRandom& random);
  int Truncate(uint64_t size);

  // fdatasync: everything is durable.
  void Sync();
  // The range is durable (a write with RWF_DSYNC).
  void SyncRange(uint64_t offset, uint64_t bytes);
  void Crash(CrashMode mode, SimulatedRandom& random);

 private:
  using Bytes = std::array<std::byte, kChunkBytes>;
  struct Chunk {
    Bytes now{};
    std::unique_ptr<Bytes> durable;  // Set when a sector differs.
    uint8_t dirty = 0;               // A bit per sector that may differ.
    bool hole = false;               // Takes no space; `now` is zeroes.
  };

  // The chunk, counted as allocated; nullptr when there is no space.
  Chunk* Take(uint64_t index);
  void MarkDirty(Chunk& chunk, uint64_t from, uint64_t to);
  void MakeHole(Chunk& chunk);
  void SyncSectors(Chunk& chunk, uint8_t sectors);
  void ZeroRange(uint64_t offset, uint64_t bytes);
  void DropHoles();

  SpaceBudget& budget_;
  std::map<uint64_t, Chunk> chunks_;
  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t allocated_ = 0;
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_SPARSE_FILE_H_
