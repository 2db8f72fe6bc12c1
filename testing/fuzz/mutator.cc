// SPDX-License-Identifier: Apache-2.0
#include "testing/fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <utility>

namespace platter {
namespace {

// SplitMix64: passes through all 2^64 states, so any seed is a good one.
class Random {
 public:
  explicit Random(uint64_t state) : state_(state) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // In [0, bound), and 0 for a bound of 0. The bias towards low values doesn't matter here.
  size_t Below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(Next() % bound); }

  uint8_t Byte() { return static_cast<uint8_t>(Next()); }

 private:
  uint64_t state_;
};

// Values that sit at the edge of some check: zero, one, the ends of each width, page and sector.
constexpr std::array<uint64_t, 12> kEdges = {0,
                                             1,
                                             0x7f,
                                             0x80,
                                             0xff,
                                             0x1000,
                                             0x200,
                                             0xffff,
                                             0x7fffffff,
                                             0xffffffff,
                                             0x7fffffffffffffff,
                                             0xffffffffffffffff};

// Writes an edge value of 1, 2, 4 or 8 bytes, in either byte order, over what is there.
void OverwriteWithEdge(Random& random, Mutator::Bytes& bytes) {
  const size_t width = size_t{1} << random.Below(4);
  if (bytes.size() < width) return;
  const size_t at = random.Below(bytes.size() - width + 1);
  const uint64_t value = kEdges[random.Below(kEdges.size())];
  const bool big_endian = random.Below(2) != 0;
  for (size_t i = 0; i < width; ++i) {
    const size_t shift = 8 * (big_endian ? width - 1 - i : i);
    bytes[at + i] = static_cast<uint8_t>(value >> shift);
  }
}

void Mutate(Random& random, const std::vector<Mutator::Bytes>& corpus, size_t max_length,
            Mutator::Bytes& bytes) {
  using Difference = Mutator::Bytes::difference_type;
  const auto position = [&] { return static_cast<Difference>(random.Below(bytes.size() + 1)); };
  switch (random.Below(5)) {
    case 0:  // One bit.
      if (!bytes.empty()) bytes[random.Below(bytes.size())] ^= uint8_t(1u << random.Below(8));
      break;
    case 1:
      OverwriteWithEdge(random, bytes);
      break;
    case 2: {  // Some bytes more.
      const size_t room = max_length > bytes.size() ? max_length - bytes.size() : 0;
      const size_t count = std::min(room, 1 + random.Below(16));
      const uint8_t value = random.Byte();
      bytes.insert(bytes.begin() + position(), count, value);
      break;
    }
    case 3: {  // Some bytes fewer.
      const Difference from = position();
      const Difference left = static_cast<Difference>(bytes.size()) - from;
      bytes.erase(bytes.begin() + from, bytes.begin() + from + std::min<Difference>(left, 16));
      break;
    }
    default: {  // The head of this one and the tail of another.
      const Mutator::Bytes& other = corpus[random.Below(corpus.size())];
      bytes.resize(random.Below(bytes.size() + 1));
      const size_t from = random.Below(other.size() + 1);
      bytes.insert(bytes.end(), other.begin() + static_cast<Difference>(from), other.end());
      break;
    }
  }
}

}  // namespace

Mutator::Mutator(uint64_t seed, std::vector<Bytes> corpus, size_t max_length)
    : seed_(seed), corpus_(std::move(corpus)), max_length_(max_length) {}

Mutator::Bytes Mutator::Input(uint64_t run) const {
  Random random(Random(seed_ ^ Random(run).Next()).Next());
  Bytes bytes;
  if (!corpus_.empty() && random.Below(2) == 0) {
    bytes = corpus_[random.Below(corpus_.size())];
    const size_t longest = std::max(max_length_, bytes.size());
    const size_t changes = 1 + random.Below(8);
    for (size_t i = 0; i < changes; ++i) Mutate(random, corpus_, max_length_, bytes);
    if (bytes.size() > longest) bytes.resize(longest);
    return bytes;
  }
  // Short ones are the most telling: half of all lengths are below the square root of the limit.
  size_t limit = max_length_;
  if (random.Below(2) == 0) {
    while (limit > 64) limit /= 2;
  }
  bytes.resize(random.Below(limit + 1));
  for (uint8_t& byte : bytes) byte = random.Byte();
  return bytes;
}

}  // namespace platter
