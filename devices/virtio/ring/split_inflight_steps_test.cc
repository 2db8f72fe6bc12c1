// SPDX-License-Identifier: Apache-2.0
//
// A device's process that ends after any of its instructions: it is stepped by its parent, which
// looks after each one at what ring and region would tell a successor. No request is lost, none is
// done twice when the driver has seen it done, and the order is kept.

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/ring/split_inflight.h"
#include "devices/virtio/ring/split_queue.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

constexpr uint32_t kSize = 8;
constexpr uint16_t kRequests = 6;
constexpr uint64_t kBase = 0x1000;

// What both processes see: a ring, and the region beside it.
struct Shared {
  VirtqDesc descriptors[kSize];
  uint8_t avail[64];
  uint8_t used[128];
  alignas(8) uint8_t region[SplitInflight::Bytes(kSize)];
};

// The order in which the driver made heads available.
constexpr uint16_t kOrder[kRequests] = {3, 0, 6, 1, 7, 4};

void FillRing(Shared& shared) {
  for (VirtqDesc& descriptor : shared.descriptors) {
    descriptor = {.address = kBase, .length = 1, .flags = kVirtqDescWrite, .next = 0};
  }
  for (uint16_t i = 0; i < kRequests; ++i) {
    const Le16 head(kOrder[i]);
    std::memcpy(shared.avail + kVirtqAvailRing + 2 * i, &head, sizeof(head));
  }
  const Le16 count(kRequests);
  std::memcpy(shared.avail + kVirtqAvailIdx, &count, sizeof(count));
}

uint16_t UsedIndex(const Shared& shared) {
  Le16 index;
  std::memcpy(&index, shared.used + kVirtqUsedIdx, sizeof(index));
  return index.get();
}

InflightRegion RegionOf(Shared& shared) { return {.host = shared.region, .entries = kSize}; }

// What the child does: takes some, puts one back, finishes some out of order, in batches.
void Work(SplitQueue& queue) {
  Chain chain;
  for (int i = 0; i < 4; ++i) queue.Pop(&chain);
  queue.PushUsed(6, 1);
  queue.PushUsed(3, 1);
  queue.Publish();
  queue.Pop(&chain);
  queue.UndoPop(chain.head);
  queue.PushUsed(1, 1);
  queue.Publish();
  queue.Pop(&chain);
  queue.Pop(&chain);
  queue.PushUsed(4, 1);
  queue.PushUsed(0, 1);
  queue.PushUsed(7, 1);
  queue.Publish();
}

[[noreturn]] void RunChild(Shared& shared) {
  auto memory = *GuestMemory::Create(
      {{.address = kBase, .size = sizeof(Shared), .host = reinterpret_cast<uint8_t*>(&shared)}},
      nullptr);
  SplitQueue queue(kSize);
  const bool started = SplitInflight::Recover(RegionOf(shared), kSize, 0).ok() &&
                       queue
                           .Start(memory,
                                  {.size = kSize,
                                   .descriptors = kBase + offsetof(Shared, descriptors),
                                   .driver = kBase + offsetof(Shared, avail),
                                   .device = kBase + offsetof(Shared, used),
                                   .inflight = RegionOf(shared)},
                                  kVirtioFVersion1)
                           .ok();
  if (!started) _exit(2);
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  Work(queue);
  raise(SIGSTOP);
  _exit(0);
}

// Of a process that ended now: what its successor is told.
void Check(const Shared& now, uint64_t step) {
  Shared copy;
  std::memcpy(static_cast<void*>(&copy), &now, sizeof(copy));
  const uint16_t used = UsedIndex(copy);
  const auto found = SplitInflight::Recover(RegionOf(copy), kSize, used);
  ASSERT_TRUE(found.ok()) << step;
  ASSERT_FALSE(found->fresh) << step;
  const size_t taken = used + found->heads.size();
  ASSERT_LE(taken, kRequests) << step;
  // What the driver has seen done and what is done again are what was taken, each once.
  std::multiset<uint16_t> known(found->heads.begin(), found->heads.end());
  for (uint16_t i = 0; i < used; ++i) {
    Le32 head;
    std::memcpy(&head, copy.used + kVirtqUsedRing + kVirtqUsedElement * i, sizeof(head));
    known.insert(static_cast<uint16_t>(head.get()));
  }
  ASSERT_EQ(known, std::multiset<uint16_t>(kOrder, kOrder + taken)) << step;
  // In the order in which they were taken.
  size_t at = 0;
  for (const uint16_t head : found->heads) {
    while (at < taken && kOrder[at] != head) ++at;
    ASSERT_LT(at, taken) << step;
  }
  // A second look, after an end in the middle of the first, says the same.
  const auto again = SplitInflight::Recover(RegionOf(copy), kSize, used);
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->heads, found->heads) << step;
}

TEST(SplitInflightStepsTest, AnyInstructionMayBeTheLast) {
  void* const map =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  Shared& shared = *static_cast<Shared*>(map);
  FillRing(shared);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) RunChild(shared);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) << status;
  std::vector<uint8_t> last(sizeof(Shared));
  uint64_t steps = 0;
  uint64_t changes = 0;
  for (;; ++steps) {
    ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr), 0);
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status)) << status;
    if (WSTOPSIG(status) == SIGSTOP) break;
    if (std::memcmp(last.data(), map, sizeof(Shared)) == 0) continue;
    std::memcpy(last.data(), map, sizeof(Shared));
    ++changes;
    ASSERT_NO_FATAL_FAILURE(Check(shared, steps));
  }
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  // Two stores to take each of seven requests, four to use each of six, and two for each batch.
  EXPECT_GE(changes, 30u);
  EXPECT_EQ(UsedIndex(shared), kRequests);
  ASSERT_EQ(munmap(map, sizeof(Shared)), 0);
}

}  // namespace
}  // namespace platter
