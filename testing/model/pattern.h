// SPDX-License-Identifier: Apache-2.0
//
// Test patterns: data whose every 8 bytes depend on a seed and on their place on the disk, so that
// a check finds lost, stale, torn and misplaced blocks alike, and says where.
//
// Ownership: none. Threading: any. Units: bytes; `offset` is where on the disk `data` belongs, any
// value. Errors: a mismatch is a result, not an error.

#ifndef PLATTER_TESTING_MODEL_PATTERN_H_
#define PLATTER_TESTING_MODEL_PATTERN_H_

#include <cstdint>
#include <optional>
#include <span>

namespace platter {

// The byte that the pattern of `seed` has at `offset`.
uint8_t PatternByte(uint64_t seed, uint64_t offset);

void FillPattern(uint64_t seed, uint64_t offset, std::span<uint8_t> data);

// Index into `data` of the first byte that is not the pattern's; nullopt when all are.
std::optional<uint64_t> FindPatternMismatch(uint64_t seed, uint64_t offset,
                                            std::span<const uint8_t> data);

// A 64-bit checksum (FNV-1a over 8-byte words, then bytes): equal data, equal sums, on every host.
uint64_t Checksum(std::span<const uint8_t> data);

}  // namespace platter

#endif  // PLATTER_TESTING_MODEL_PATTERN_H_
