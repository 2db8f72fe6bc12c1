// SPDX-License-Identifier: Apache-2.0
//
// IovCursor: a place in a vector of pieces of memory that moves forward, and copies, zero tests and
// sub-vectors from there.
//
// Ownership: points to the vector. Threading: a value; one thread.
// Units: bytes. Errors: the caller never goes beyond the end of the vector.

#ifndef PLATTER_DRIVERS_IOV_CURSOR_H_
#define PLATTER_DRIVERS_IOV_CURSOR_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace platter {

// The lengths added up; UINT64_MAX when they don't fit.
uint64_t IovBytes(const iovec* iov, uint32_t count);

// Whether all of it is zero bytes.
bool IovIsZero(const iovec* iov, uint32_t count);

class IovCursor {
 public:
  IovCursor(const iovec* iov, uint32_t count);

  void Advance(uint64_t bytes);
  // Both advance.
  void CopyTo(uint8_t* destination, uint64_t bytes);
  void CopyFrom(const uint8_t* source, uint64_t bytes);

  // The most bytes from here, not above `max`, that are whole multiples of `step` (a power of two),
  // in at most `max_pieces` pieces whose addresses are multiples of memory_mask + 1 and whose
  // lengths are multiples of the smaller of that and `step`.
  uint64_t AlignedRun(uint64_t max, uint64_t step, uint32_t max_pieces, uint64_t memory_mask) const;

  // Whether the next `bytes` are whole pieces of the vector; then `iov()` is their vector.
  bool IsWhole(uint64_t bytes) const;
  const iovec* iov() const { return iov_; }
  // Pieces that the next `bytes` lie in (counting empty ones between), and their vector.
  uint32_t Pieces(uint64_t bytes) const;
  void Slice(uint64_t bytes, iovec* pieces) const;

 private:
  const iovec* iov_;
  uint32_t left_;
  uint64_t within_ = 0;  // Of iov_[0], below its length: empty pieces are skipped.
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_IOV_CURSOR_H_
