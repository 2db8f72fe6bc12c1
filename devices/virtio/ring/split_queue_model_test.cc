// SPDX-License-Identifier: Apache-2.0
//
// SplitQueue against a model written as the standard reads, for every small descriptor table there
// is (R-VQ-10, R-VQ-15).

#include <optional>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/ring/ring_fixture.h"
#include "devices/virtio/ring/split_queue.h"

namespace platter {
namespace {

using Descriptor = RingFixture::Descriptor;

struct ModelChain {
  std::vector<uint64_t> readable;
  std::vector<uint64_t> writable;
};

// 2.7.5: nullopt for a chain that is against the rules.
std::optional<ModelChain> WalkModel(const std::vector<Descriptor>& ring,
                                    const std::vector<Descriptor>& table, uint16_t head) {
  ModelChain chain;
  const std::vector<Descriptor>* in = &ring;
  uint32_t at = head;
  for (size_t taken = 0; taken < ring.size();) {
    if (at >= in->size()) return std::nullopt;
    const Descriptor& d = (*in)[at];
    if ((d.flags & kVirtqDescIndirect) != 0) {
      const bool nested = in == &table;
      if (nested || (d.flags & kVirtqDescNext) != 0 || d.length != 16 * table.size()) {
        return std::nullopt;
      }
      in = &table;
      at = 0;
      continue;
    }
    ++taken;
    const bool writes = (d.flags & kVirtqDescWrite) != 0;
    if (!writes && !chain.writable.empty()) return std::nullopt;
    (writes ? chain.writable : chain.readable).push_back(d.address);
    if ((d.flags & kVirtqDescNext) == 0) return chain;
    at = d.next;
  }
  return std::nullopt;
}

class Comparer {
 public:
  explicit Comparer(uint32_t size) : ring_(size), queue_(size) {}

  void Compare(const std::vector<Descriptor>& ring, const std::vector<Descriptor>& table) {
    for (uint32_t i = 0; i < ring.size(); ++i) ring_.SetDescriptor(i, ring[i]);
    for (uint32_t i = 0; i < table.size(); ++i) {
      ring_.SetDescriptorAt(RingFixture::kTable, i, table[i]);
    }
    ring_.SetAvailIndex(0);
    ring_.MakeAvailable(0);
    ASSERT_TRUE(queue_.Start(ring_.memory, ring_.layout(), kVirtioFIndirectDesc).ok());
    Chain chain;
    const PopResult result = queue_.Pop(&chain);
    const std::optional<ModelChain> model = WalkModel(ring, table, 0);
    ASSERT_EQ(result == PopResult::kChain, model.has_value()) << queue_.error();
    ++(model ? legal : broken);
    if (model) {
      ASSERT_EQ(chain.readable.size(), model->readable.size());
      ASSERT_EQ(chain.writable.size(), model->writable.size());
      for (size_t i = 0; i < model->readable.size(); ++i) {
        ASSERT_EQ(chain.readable[i].address, model->readable[i]);
      }
      for (size_t i = 0; i < model->writable.size(); ++i) {
        ASSERT_EQ(chain.writable[i].address, model->writable[i]);
      }
    }
    queue_.Stop();
  }

  uint64_t legal = 0;
  uint64_t broken = 0;

 private:
  RingFixture ring_;
  SplitQueue queue_;
};

// All values of one descriptor, told apart by its address.
std::vector<Descriptor> AllOf(uint64_t address, const std::vector<uint16_t>& flags,
                              uint16_t last_next) {
  std::vector<Descriptor> all;
  for (uint16_t flag : flags) {
    // Without NEXT the next field means nothing; one value of it will do.
    const uint16_t nexts = (flag & kVirtqDescNext) != 0 ? last_next : 0;
    for (uint16_t next = 0; next <= nexts; ++next) {
      if ((flag & kVirtqDescIndirect) != 0) {
        all.push_back({.address = RingFixture::kTable, .length = 32, .flags = flag, .next = next});
      } else {
        all.push_back({.address = address, .length = 8, .flags = flag, .next = next});
      }
    }
  }
  return all;
}

TEST(SplitQueueModel, EveryDirectTableOfUpToFour) {
  const std::vector<uint16_t> flags = {0, kVirtqDescNext, kVirtqDescWrite,
                                       kVirtqDescNext | kVirtqDescWrite};
  for (uint32_t size : {1, 2, 4}) {
    Comparer comparer(size);
    std::vector<std::vector<Descriptor>> all;
    for (uint32_t i = 0; i < size; ++i) {
      all.push_back(AllOf(0x1000 * (i + 1), flags, static_cast<uint16_t>(size)));
    }
    std::vector<size_t> odometer(size);
    std::vector<Descriptor> ring(size);
    const std::vector<Descriptor> no_table;
    for (bool more = true; more;) {
      for (uint32_t i = 0; i < size; ++i) ring[i] = all[i][odometer[i]];
      ASSERT_NO_FATAL_FAILURE(comparer.Compare(ring, no_table));
      more = false;
      for (uint32_t i = 0; i < size && !more; ++i) {
        odometer[i] = (odometer[i] + 1) % all[i].size();
        more = odometer[i] != 0;
      }
    }
    EXPECT_GT(comparer.legal, 0u);
    EXPECT_GT(comparer.broken, 0u);
  }
}

TEST(SplitQueueModel, EveryRingOfTwoWithEveryTableOfTwo) {
  std::vector<uint16_t> flags;
  for (uint16_t flag = 0; flag < 8; ++flag) flags.push_back(flag);
  Comparer comparer(2);
  for (const Descriptor& a : AllOf(0x1000, flags, 2)) {
    for (const Descriptor& b : AllOf(0x2000, flags, 2)) {
      for (const Descriptor& c : AllOf(0x3000, flags, 2)) {
        for (const Descriptor& d : AllOf(0x4000, flags, 2)) {
          ASSERT_NO_FATAL_FAILURE(comparer.Compare({a, b}, {c, d}));
        }
      }
    }
  }
  EXPECT_GT(comparer.legal, 0u);
  EXPECT_GT(comparer.broken, 0u);
}

}  // namespace
}  // namespace platter
