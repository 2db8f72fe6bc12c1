// SPDX-License-Identifier: Apache-2.0
//
// FaultyDisk: a small disk in memory, as a block node, that holds requests and fails them when a
// test says so, and can be looked at from behind. Unlike blkdebug's, a request that it holds can be
// told to end when it is cancelled.
//
// Ownership: as BlockNode; nothing is held when it dies. Threading: any-context node of a world
// with
//   one thread. Units: bytes. Errors: those it was told to give.

#ifndef PLATTER_TESTING_CONTRACT_FAULTY_DISK_H_
#define PLATTER_TESTING_CONTRACT_FAULTY_DISK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/intrusive_fifo.h"
#include "drivers/node.h"

namespace platter {

class FaultyDisk final : public BlockNode {
 public:
  // What a cancel does to a held request: nothing, or it ends with -ECANCELED.
  enum class OnCancel : uint8_t { kNothing, kEnds };

  FaultyDisk(std::string name, uint64_t bytes);
  ~FaultyDisk() override;

  // The next request of kind `op` is held.
  void Hold(IoOp op) { hold_ |= Bit(op); }
  uint32_t held() const;
  // Does what was held and holds nothing more.
  void Release();
  void set_on_cancel(OnCancel on_cancel) { on_cancel_ = on_cancel; }

  // The next `count` requests of kind `op` fail with `error_number` and do nothing.
  void Fail(IoOp op, int error_number, uint32_t count);

  // The content, past everything.
  std::vector<uint8_t>& bytes() { return bytes_; }
  // Requests of kind `op` that were done (and did not fail).
  uint64_t done(IoOp op) const { return done_[static_cast<size_t>(op)]; }

  const char* driver_name() const override { return "faulty-disk"; }
  IoResult Start(IoRequest& request) override;
  void Cancel(IoRequest& request) override;
  Task<absl::Status> Truncate(uint64_t new_length) override;

 private:
  static constexpr uint32_t Bit(IoOp op) { return uint32_t{1} << static_cast<unsigned>(op); }
  IoResult Do(const IoRequest& request);

  std::vector<uint8_t> bytes_;
  uint32_t hold_ = 0;
  IntrusiveFifo<IoRequest, &IoRequest::next> held_;
  OnCancel on_cancel_ = OnCancel::kNothing;
  IoOp fail_op_ = IoOp::kRead;
  int fail_errno_ = 0;
  uint32_t fail_count_ = 0;
  uint64_t done_[kIoOpCount] = {};
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_FAULTY_DISK_H_
