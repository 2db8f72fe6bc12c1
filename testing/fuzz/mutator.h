// SPDX-License-Identifier: Apache-2.0
#ifndef PLATTER_TESTING_FUZZ_MUTATOR_H_
#define PLATTER_TESTING_FUZZ_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace platter {

// Makes pseudo-random inputs for a fuzz entry point: from nothing, or by changing what a corpus
// has.
//
// Ownership: holds a copy of the corpus. Threading: one thread. Units: bytes. Errors: none.
// The n-th input depends on seed, n and the corpus alone, so a failing run is named by two numbers
// and needs none of the runs before it.
class Mutator {
 public:
  using Bytes = std::vector<uint8_t>;

  // No input is longer than `max_length` unless the corpus has a longer one.
  Mutator(uint64_t seed, std::vector<Bytes> corpus, size_t max_length = 4096);

  // Input number `run`, any value.
  Bytes Input(uint64_t run) const;

 private:
  const uint64_t seed_;
  const std::vector<Bytes> corpus_;
  const size_t max_length_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_FUZZ_MUTATOR_H_
