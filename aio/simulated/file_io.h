// SPDX-License-Identifier: Apache-2.0
//
// SimulatedFileIo: the FileIo port of a simulated context. Operations take effect when they
// complete, at a virtual time that the seed decides, so concurrent operations end in any order.
//
// Ownership, threading, units: as aio/file_io.h says.

#ifndef PLATTER_AIO_SIMULATED_FILE_IO_H_
#define PLATTER_AIO_SIMULATED_FILE_IO_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "aio/clock.h"
#include "aio/file_io.h"
#include "aio/simulated/disk.h"
#include "aio/simulated/random.h"
#include "base/intrusive_fifo.h"

namespace platter {

class SimulatedFileIo final : public FileIo, private SimulatedDisk::InFlight {
 public:
  SimulatedFileIo(SimulatedDisk& disk, const VirtualClock& clock, SimulatedRandom& random);
  ~SimulatedFileIo() override;

  void Submit(FileOp& op) override;
  void Flush() override;
  uint32_t outstanding() const override { return outstanding_; }
  int Open(const char* path, int flags, int mode) override;
  int Close(int fd) override;
  int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                     int rwf_flags) override;
  int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                      int rwf_flags) override;

  // --- For the context. ---

  bool queued() const { return !queued_.empty(); }
  // When the next operation completes.
  std::optional<Instant> next() const;
  // Executes and completes what is due; true when there was any.
  bool Complete();

 private:
  struct Pending {
    Instant done_at;
    uint64_t tie;  // Random, so that equal times come in any order.
    FileOp* op;

    bool operator>(const Pending& other) const {
      return done_at != other.done_at ? done_at > other.done_at : tie > other.tie;
    }
  };

  void ApplyTorn(CrashMode mode) override;

  SimulatedDisk& disk_;
  const VirtualClock& clock_;
  SimulatedRandom& random_;
  uint32_t outstanding_ = 0;
  IntrusiveFifo<FileOp, &FileOp::next> queued_;
  std::vector<Pending> heap_;  // Earliest first.
  // Lost in a crash: completed with EIO in the next turn.
  IntrusiveFifo<FileOp, &FileOp::next> crashed_;
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_FILE_IO_H_
