// SPDX-License-Identifier: Apache-2.0

#include "testing/model/pattern.h"

#include <cstring>

#include "base/bytes.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kWord = 8;

uint64_t PatternWord(uint64_t seed, uint64_t word_index) { return Mix64(Mix64(seed) ^ word_index); }

}  // namespace

uint8_t PatternByte(uint64_t seed, uint64_t offset) {
  return static_cast<uint8_t>(PatternWord(seed, offset / kWord) >> (8 * (offset % kWord)));
}

void FillPattern(uint64_t seed, uint64_t offset, std::span<uint8_t> data) {
  uint64_t done = 0;
  while (done < data.size() && (offset + done) % kWord != 0) {
    data[done] = PatternByte(seed, offset + done);
    ++done;
  }
  for (; data.size() - done >= kWord; done += kWord) {
    const Le64 word = PatternWord(seed, (offset + done) / kWord);
    std::memcpy(data.data() + done, &word, kWord);
  }
  for (; done < data.size(); ++done) data[done] = PatternByte(seed, offset + done);
}

std::optional<uint64_t> FindPatternMismatch(uint64_t seed, uint64_t offset,
                                            std::span<const uint8_t> data) {
  for (uint64_t i = 0; i < data.size(); ++i) {
    if ((offset + i) % kWord == 0 && data.size() - i >= kWord) {
      Le64 word;
      std::memcpy(&word, data.data() + i, kWord);
      if (word.get() == PatternWord(seed, (offset + i) / kWord)) {
        i += kWord - 1;
        continue;
      }
    }
    if (data[i] != PatternByte(seed, offset + i)) return i;
  }
  return std::nullopt;
}

uint64_t Checksum(std::span<const uint8_t> data) {
  constexpr uint64_t kOffsetBasis = 0xcbf29ce484222325;
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t sum = kOffsetBasis;
  while (data.size() >= kWord) {
    Le64 word;
    std::memcpy(&word, data.data(), kWord);
    // The multiplication carries upwards only: fold the high half back in.
    sum = (sum ^ word.get()) * kPrime;
    sum ^= sum >> 32;
    data = data.subspan(kWord);
  }
  for (const uint8_t byte : data) sum = (sum ^ byte) * kPrime;
  return Mix64(sum);
}

}  // namespace platter
