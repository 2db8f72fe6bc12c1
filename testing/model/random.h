// SPDX-License-Identifier: Apache-2.0
//
// Random: the seeded generator of tests and load generators. The same seed gives the same numbers
// on every machine, so a failure is repeated by its seed; print it (SCOPED_TRACE).
//
// Ownership: a value. Threading: one thread. Errors: none.

#ifndef PLATTER_TESTING_MODEL_RANDOM_H_
#define PLATTER_TESTING_MODEL_RANDOM_H_

#include <cstdint>

namespace platter {

// One step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
// OOPSLA 2014): a bijective mix of 64 bits.
constexpr uint64_t Mix64(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit constexpr Random(uint64_t seed) : state_(seed) {}

  constexpr uint64_t Next() {
    const uint64_t value = Mix64(state_);
    state_ += 0x9e3779b97f4a7c15;
    return value;
  }
  // 0 ... bound - 1; 0 when bound is 0. The bias of the high-multiply is below 2^-32 for bounds
  // below 2^32.
  constexpr uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  // low ... high, both included.
  constexpr uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  // True once in `n` calls on average; never when n is 0.
  constexpr bool OneIn(uint64_t n) { return n != 0 && Below(n) == 0; }

 private:
  __extension__ using Wide = unsigned __int128;

  uint64_t state_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_MODEL_RANDOM_H_
