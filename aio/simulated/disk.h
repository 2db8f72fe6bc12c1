// SPDX-License-Identifier: Apache-2.0
//
// SimulatedDisk: the file system of a simulated world: files and block devices by path,
// descriptors, a capacity that can be changed while everything runs, a volatile cache (see
// sparse_file.h), and the faults that a test asks for.
//
// A block device is a file that keeps its size: it has kDiscardDev (after it a sector reads as
// zeroes or as before, as the seed decides) and kZeroDev (it reads as zeroes), which a file refuses
// with ENOTTY; what is written behind its end has no space.
//
// Ownership: owns its files. Threading: the world's thread. Units: bytes; operations are counted
// from 1. Errors: negative errno, as the system calls would return.

#ifndef PLATTER_AIO_SIMULATED_DISK_H_
#define PLATTER_AIO_SIMULATED_DISK_H_

#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aio/clock.h"
#include "aio/file_io.h"
#include "aio/simulated/random.h"
#include "aio/simulated/sparse_file.h"

namespace platter {

// Whether FileIo::InlineRead and InlineWrite transfer or return -EOPNOTSUPP.
enum class SimulatedInline : uint8_t { kRefused, kAllowed };

struct SimulatedDiskOptions {
  // An operation takes a time between the two; which, the seed decides.
  Duration min_latency{10'000};
  Duration max_latency{200'000};
  // Of a hundred reads or writes, how many transfer only a part, and how many return -EINTR.
  uint32_t short_percent = 0;
  uint32_t interrupted_percent = 0;
  SimulatedInline inline_transfers = SimulatedInline::kRefused;
};

class SimulatedDisk {
 public:
  // Simulated descriptors start here, so that none is mistaken for one of the kernel's.
  static constexpr int kFirstFd = 1 << 20;

  explicit SimulatedDisk(SimulatedRandom& random) : random_(random) {}
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  SimulatedDiskOptions& options() { return options_; }

  // --- Files, from a test. ---

  // Makes an empty file of `size` bytes (a hole), durable. The path must be new.
  SparseFile& Create(std::string path, uint64_t size);
  // The same for a block device with sectors of SparseFile::kSectorBytes.
  SparseFile& CreateDevice(std::string path, uint64_t size);
  // nullptr when there is none.
  SparseFile* Find(std::string_view path);
  void Remove(std::string_view path);

  // Bytes that all files together may allocate; unlimited at first.
  void SetCapacity(uint64_t bytes) { budget_.capacity = bytes; }
  uint64_t used() const { return budget_.used; }

  // Power fails: unsynced data is lost or torn. Operations in flight fail with EIO; a write among
  // them may have reached the disk in part (kTear). Descriptors stay valid.
  void Crash(CrashMode mode);

  // --- Faults. ---

  // The `k`-th operation from now (1: the next one) fails with `error` (a positive errno). Several
  // may be set.
  void FailOperation(uint64_t k, int error) { faults_[operations_ + k] = error; }
  void ClearFaults() { faults_.clear(); }
  // Operations executed so far, inline ones included.
  uint64_t operations() const { return operations_; }

  // --- For the ports of the contexts. ---

  int Open(const char* path, int flags);
  int Close(int fd);
  // Executes `op` now and returns its result.
  int64_t Execute(const FileOp& op);
  // Transfers inline when options().inline_transfers allows it.
  int64_t ExecuteInline(FileOpKind kind, int fd, const iovec* iov, uint32_t iov_count,
                        uint64_t offset);
  Duration DrawLatency();
  // Grows by one with each Crash.
  uint64_t crashes() const { return crashes_; }

  // A port's operations that a crash with kTear may apply in part.
  class InFlight {
   public:
    virtual void ApplyTorn(CrashMode mode) = 0;

   protected:
    ~InFlight() = default;
  };
  void AddPort(InFlight& port) { ports_.push_back(&port); }
  void RemovePort(InFlight& port) { std::erase(ports_, &port); }

 private:
  enum class Kind : uint8_t { kFile, kDevice };
  struct NamedFile {
    std::shared_ptr<SparseFile> file;
    Kind kind = Kind::kFile;
  };
  struct OpenFile {
    std::shared_ptr<SparseFile> file;
    Kind kind = Kind::kFile;
    int flags = 0;
  };

  SparseFile& Make(std::string path, uint64_t size, Kind kind);

  OpenFile* FindOpen(int fd);
  // The errno that a rule gives this operation, or 0.
  int CountAndDrawFault();
  int64_t Transfer(OpenFile& open, const FileOp& op);
  // kAllocate, kDiscardDev and kZeroDev.
  int64_t ChangeRange(OpenFile& open, const FileOp& op);

  SimulatedRandom& random_;
  SimulatedDiskOptions options_;
  SpaceBudget budget_;
  std::map<std::string, NamedFile, std::less<>> files_;
  std::map<int, OpenFile> open_;
  int next_fd_ = kFirstFd;
  uint64_t operations_ = 0;
  uint64_t crashes_ = 0;
  std::map<uint64_t, int> faults_;  // Operation number to errno.
  std::vector<InFlight*> ports_;
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_DISK_H_
