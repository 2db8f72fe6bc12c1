// SPDX-License-Identifier: Apache-2.0
//
// SimulatedRandom: the seeded source of every choice of a simulated world. The same seed gives the
// same sequence on every machine and with every compiler (unlike the distributions of <random>).
//
// Threading: thread-hostile. Errors: none.

#ifndef PLATTER_AIO_SIMULATED_RANDOM_H_
#define PLATTER_AIO_SIMULATED_RANDOM_H_

#include <cstdint>

namespace platter {

class SimulatedRandom {
 public:
  explicit SimulatedRandom(uint64_t seed) : state_(seed) {}

  // SplitMix64 (Steele, Lea, Flood 2014): one addition and two multiply-xor rounds.
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [0, bound); `bound` > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // True `percent` times of a hundred.
  bool Percent(uint32_t percent) { return percent != 0 && Below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_RANDOM_H_
