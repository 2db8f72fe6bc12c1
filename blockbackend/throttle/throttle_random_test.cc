// SPDX-License-Identifier: Apache-2.0
//
// C-36 at random: members and ports of several contexts join, submit, cancel, are drained and come
// back, leave with requests waiting, while limits change. Whatever happened: those that stay have
// all of their requests served in the end, each once.
// The seed of a failure is in its message; PLATTER_SEED runs that one alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "aio/simulated/world.h"
#include "blockbackend/testing/throttled_queue.h"
#include "blockbackend/throttle/throttle_group.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr Duration kMillisecond{1'000'000};
constexpr int kSteps = 300;
constexpr size_t kMaxQueues = 6;

class RandomGroup {
 public:
  explicit RandomGroup(uint64_t seed) : random_(seed), world_(seed) {
    for (const char* const name : {"control", "io0", "io1"}) {
      contexts_.push_back(&world_.NewContext(name));
    }
  }

  void Run() {
    for (int step = 0; step < kSteps; ++step) Step();
    for (const auto& queue : queues_) OfferTaken(*queue);
    // Fails a check, with the seed, when that will never be.
    world_.RunUntil([this] {
      return std::all_of(queues_.begin(), queues_.end(),
                         [](const auto& queue) { return queue->port->empty(); });
    });
    for (const auto& queue : queues_) {
      EXPECT_EQ(queue->waiting(), 0u);
    }
  }

 private:
  ThrottleLimit RandomLimit() {
    ThrottleLimit limit = {.average = random_.Between(1, 1000)};
    if (random_.OneIn(2)) limit.burst = limit.average + random_.Below(1000);
    if (limit.burst != 0 && random_.OneIn(2)) limit.burst_seconds = random_.Between(1, 5);
    return limit;
  }

  void ChangeLimits() {
    ThrottleConfig config;
    if (random_.OneIn(2)) config.iops_total = RandomLimit();
    if (random_.OneIn(4)) {
      config.iops_total = {};
      config.iops_read = RandomLimit();
      config.iops_write = RandomLimit();
    }
    if (random_.OneIn(3)) config.bps_write = RandomLimit();
    const absl::Status status = CheckThrottleConfig(config);
    EXPECT_TRUE(status.ok()) << status;
    group_->SetConfig(config, contexts_[0]->Now());
  }

  void Join() {
    if (queues_.size() >= kMaxQueues) return;
    std::shared_ptr<ThrottleMember> member;
    if (!queues_.empty() && random_.OneIn(2)) {
      member = AnyQueue().port->member();
    } else {
      member = std::make_shared<ThrottleMember>(group_);
    }
    queues_.push_back(std::make_unique<ThrottledQueue>(
        std::move(member), *contexts_[random_.Below(contexts_.size())]));
    if (random_.OneIn(2)) {
      ThrottledQueue& queue = *queues_.back();
      queue.on_gone = [this, &queue](ThrottledRequest&) {
        if (random_.OneIn(3)) Submit(queue);
      };
    }
  }

  ThrottledQueue& AnyQueue() { return *queues_[random_.Below(queues_.size())]; }

  void Submit(ThrottledQueue& queue) {
    static constexpr IoOp kOps[] = {IoOp::kRead, IoOp::kWrite, IoOp::kWriteZeroes, IoOp::kFlush,
                                    IoOp::kDiscard};
    queue.Submit(kOps[random_.Below(5)], random_.Below(2000));
  }

  static void OfferTaken(ThrottledQueue& queue) {
    // What goes may submit more.
    for (size_t i = 0; i < queue.requests.size(); ++i) {
      ThrottledRequest& request = *queue.requests[i];
      if (request.state == ThrottledRequest::State::kTaken) queue.Offer(request);
    }
  }

  void Step() {
    const uint64_t action = random_.Below(20);
    if (action < 2) return Join();
    if (action == 2) return ChangeLimits();
    if (action < 5) return world_.RunFor(kMillisecond * static_cast<int64_t>(random_.Below(3000)));
    if (action < 9) {
      contexts_[random_.Below(contexts_.size())]->RunReady();
      return;
    }
    if (queues_.empty()) return;
    ThrottledQueue& queue = AnyQueue();
    switch (action) {
      case 9:
        std::erase_if(queues_, [&](const auto& one) { return one.get() == &queue; });
        break;
      case 10:
        queue.TakeBack();
        break;
      case 11:
        OfferTaken(queue);
        break;
      case 12:
        if (!queue.requests.empty()) {
          ThrottledRequest& request = *queue.requests[random_.Below(queue.requests.size())];
          if (queue.port->Remove(request)) request.state = ThrottledRequest::State::kTaken;
        }
        break;
      default:
        for (uint64_t n = random_.Between(1, 6); n > 0; --n) Submit(queue);
        break;
    }
  }

  Random random_;
  SimulatedWorld world_;
  std::vector<AioContext*> contexts_;
  std::shared_ptr<ThrottleGroup> group_ = std::make_shared<ThrottleGroup>("group0");
  std::vector<std::unique_ptr<ThrottledQueue>> queues_;
};

TEST(ThrottleRandom, C_36_JoinLeaveDrainAndChangeLimits) {
  const char* const only = std::getenv("PLATTER_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 0);
  const uint64_t last = only == nullptr ? 1000 : first;
  for (uint64_t seed = first; seed <= last && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomGroup(seed).Run();
  }
}

}  // namespace
}  // namespace platter
