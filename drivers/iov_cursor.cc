// SPDX-License-Identifier: Apache-2.0
#include "drivers/iov_cursor.h"

#include <algorithm>
#include <cstring>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

uint64_t IovBytes(const iovec* iov, uint32_t count) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (__builtin_add_overflow(bytes, iov[i].iov_len, &bytes)) return UINT64_MAX;
  }
  return bytes;
}

bool IovIsZero(const iovec* iov, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto* const bytes = static_cast<const uint8_t*>(iov[i].iov_base);
    const size_t length = iov[i].iov_len;
    if (length == 0) continue;
    // Zero when the first byte is and each byte equals the one before it.
    if (bytes[0] != 0 || std::memcmp(bytes, bytes + 1, length - 1) != 0) return false;
  }
  return true;
}

IovCursor::IovCursor(const iovec* iov, uint32_t count) : iov_(iov), left_(count) { Advance(0); }

void IovCursor::Advance(uint64_t bytes) {
  within_ += bytes;
  while (left_ > 0 && within_ >= iov_->iov_len) {
    within_ -= iov_->iov_len;
    ++iov_;
    --left_;
  }
  PLATTER_CHECK(left_ > 0 || within_ == 0);
}

void IovCursor::CopyTo(uint8_t* destination, uint64_t bytes) {
  while (bytes > 0) {
    PLATTER_CHECK(left_ > 0);
    const uint64_t here = std::min<uint64_t>(bytes, iov_->iov_len - within_);
    std::memcpy(destination, static_cast<const uint8_t*>(iov_->iov_base) + within_, here);
    destination += here;
    bytes -= here;
    Advance(here);
  }
}

void IovCursor::CopyFrom(const uint8_t* source, uint64_t bytes) {
  while (bytes > 0) {
    PLATTER_CHECK(left_ > 0);
    const uint64_t here = std::min<uint64_t>(bytes, iov_->iov_len - within_);
    std::memcpy(static_cast<uint8_t*>(iov_->iov_base) + within_, source, here);
    source += here;
    bytes -= here;
    Advance(here);
  }
}

uint64_t IovCursor::AlignedRun(uint64_t max, uint64_t step, uint32_t max_pieces,
                               uint64_t memory_mask) const {
  uint64_t run = 0;
  uint32_t pieces = 0;
  uint64_t within = within_;
  for (uint32_t i = 0; i < left_ && run < max && pieces < max_pieces; ++i, within = 0) {
    const uint64_t length = iov_[i].iov_len - within;
    if (length == 0) {
      // An empty piece between others takes an entry of the vector when it is passed on whole.
      ++pieces;
      continue;
    }
    const auto address = reinterpret_cast<uintptr_t>(iov_[i].iov_base) + within;
    if ((address & memory_mask) != 0) break;
    run += length;
    ++pieces;
    if ((length & std::min(memory_mask, step - 1)) != 0) break;
  }
  return AlignDown(std::min(run, max), step);
}

bool IovCursor::IsWhole(uint64_t bytes) const {
  if (within_ != 0) return false;
  for (uint32_t i = 0; i < left_; ++i) {
    if (bytes == 0) return true;
    if (iov_[i].iov_len > bytes) return false;
    bytes -= iov_[i].iov_len;
  }
  return bytes == 0;
}

uint32_t IovCursor::Pieces(uint64_t bytes) const {
  uint32_t pieces = 0;
  uint64_t within = within_;
  while (bytes > 0) {
    PLATTER_CHECK(pieces < left_);
    bytes -= std::min<uint64_t>(bytes, iov_[pieces].iov_len - within);
    within = 0;
    ++pieces;
  }
  return pieces;
}

void IovCursor::Slice(uint64_t bytes, iovec* pieces) const {
  uint64_t within = within_;
  for (const iovec* at = iov_; bytes > 0; ++at, ++pieces) {
    const uint64_t here = std::min<uint64_t>(bytes, at->iov_len - within);
    *pieces = {static_cast<uint8_t*>(at->iov_base) + within, here};
    bytes -= here;
    within = 0;
  }
}

}  // namespace platter
