// SPDX-License-Identifier: Apache-2.0
#include "testing/fuzz/mutator.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

using Bytes = Mutator::Bytes;

TEST(MutatorTest, SameSeedRunAndCorpusGiveTheSameInput) {
  const Mutator one(7, {{1, 2, 3}});
  const Mutator two(7, {{1, 2, 3}});
  for (uint64_t run = 0; run < 200; ++run) EXPECT_EQ(one.Input(run), two.Input(run)) << run;
}

TEST(MutatorTest, AnInputDoesNotDependOnTheOnesBefore) {
  const Mutator mutator(7, {});
  const Bytes fiftieth = mutator.Input(50);
  mutator.Input(3);
  EXPECT_EQ(mutator.Input(50), fiftieth);
}

TEST(MutatorTest, SeedsAndRunsDiffer) {
  std::set<Bytes> seen;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Mutator mutator(seed, {});
    for (uint64_t run = 0; run < 100; ++run) seen.insert(mutator.Input(run));
  }
  // Very short ones coincide; nearly all do not.
  EXPECT_GT(seen.size(), 900u);
}

TEST(MutatorTest, NothingIsLongerThanTheLimitOrTheCorpus) {
  const Mutator small(1, {Bytes(100, 0xaa)}, 32);
  const Mutator none(1, {}, 0);
  for (uint64_t run = 0; run < 2000; ++run) {
    EXPECT_LE(small.Input(run).size(), 100u);
    EXPECT_TRUE(none.Input(run).empty());
  }
}

TEST(MutatorTest, LengthsReachBothEnds) {
  const Mutator mutator(1, {}, 1000);
  size_t shortest = 1000;
  size_t longest = 0;
  for (uint64_t run = 0; run < 2000; ++run) {
    const size_t size = mutator.Input(run).size();
    shortest = size < shortest ? size : shortest;
    longest = size > longest ? size : longest;
  }
  EXPECT_EQ(shortest, 0u);
  EXPECT_GT(longest, 900u);
}

TEST(MutatorTest, MutationsKeepMostOfAnInputAndReachEdgeValues) {
  const Mutator mutator(1, {Bytes(64, 0x5a)});
  int mostly_kept = 0;
  int has_edge = 0;
  for (uint64_t run = 0; run < 1000; ++run) {
    const Bytes input = mutator.Input(run);
    size_t kept = 0;
    int ones_in_a_row = 0;
    bool edge = false;
    for (const uint8_t byte : input) {
      kept += byte == 0x5a ? 1 : 0;
      ones_in_a_row = byte == 0xff ? ones_in_a_row + 1 : 0;
      edge = edge || ones_in_a_row == 4;
    }
    mostly_kept += kept >= 32 ? 1 : 0;
    has_edge += edge ? 1 : 0;
  }
  EXPECT_GT(mostly_kept, 250);
  EXPECT_GT(has_edge, 10);
}

TEST(MutatorTest, AnEmptyCorpusFileIsFine) {
  const Mutator mutator(1, {Bytes{}});
  for (uint64_t run = 0; run < 500; ++run) EXPECT_LE(mutator.Input(run).size(), 4096u);
}

}  // namespace
}  // namespace platter
