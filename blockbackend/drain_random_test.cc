// SPDX-License-Identifier: Apache-2.0
//
// C-30 at random: several channels in several contexts of a simulated world; drains begin and end,
// nested and by several parties, while requests are submitted, end (well or not), are cancelled,
// channels open and close, the machine stops and runs. Invariants, checked all the time:
//   - in_flight() is 0 in a drained section and stays 0 until its end (I14);
//   - nothing is delivered in a drained section but what was cancelled;
//   - each request completes exactly once (TestRequest checks);
//   - requests of a channel reach the node in the order of submission, retries aside;
//   - at the end nothing is left anywhere.
// C-36: the same while I/O limits come, change and go, and time passes. And the same while error
// policies change, among them stall and retry, and drives are resumed.
// The seed of a failure is in its message; PLATTER_SEED runs that one alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>

#include "aio/await.h"
#include "blockbackend/testing/backend_fixture.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 512;
constexpr int kChannels = 3;
constexpr int kSteps = 150;

enum class Beside : uint8_t { kNothing, kLimits, kPolicies };

class RandomDrain {
 public:
  explicit RandomDrain(uint64_t seed, Beside beside = Beside::kNothing)
      : seed_(seed), beside_(beside), random_(seed), world_(seed) {
    contexts_ = {&world_.NewContext("control"), &world_.NewContext("io0"),
                 &world_.NewContext("io1")};
    registry_ = std::make_unique<BackendRegistry>(
        BackendServices{.control = contexts_[0], .run_state = &machine_, .events = &machine_});
    backend_ = *registry_->Create("drive0",
                                  {.read_error = OnError::kStop, .write_error = OnError::kEnospc});
    node_ = std::make_shared<HeldNode>("node0", HeldNodeOptions{});
    EXPECT_TRUE(BlockOn(control(), backend_->InsertRoot(node_)).ok());
    EXPECT_TRUE(backend_->Attach({.device_id = "disk0"}, {}).ok());
    for (Slot& slot : slots_) OpenChannel(slot);
  }

  void Run() {
    for (int step = 0; step < kSteps && !::testing::Test::HasFatalFailure(); ++step) {
      Step();
      CheckInvariants(step);
    }
    Finish();
  }

 private:
  struct Slot {
    std::unique_ptr<TestClient> client;
    std::unique_ptr<BlockChannel> channel;
    std::vector<std::unique_ptr<TestRequest>> requests;
    bool closing = false;
  };

  AioContext& control() { return *contexts_[0]; }

  void OpenChannel(Slot& slot) {
    slot.client = std::make_unique<TestClient>();
    slot.requests.clear();
    slot.closing = false;
    // A device in the middle of a request submits from its completions, too.
    slot.client->on_done = [this, &slot](TestRequest& request, IoResult) {
      if (!slot.closing && random_.OneIn(4)) SubmitAgain(slot, request);
    };
    slot.client->on_batch = [&slot] {
      if (slot.closing && slot.channel->outstanding() == 0) slot.channel.reset();
    };
    slot.channel = backend_->OpenChannel(*contexts_[random_.Below(contexts_.size())], *slot.client);
  }

  void SubmitAgain(Slot& slot, TestRequest& request) {
    static constexpr IoOp kOps[] = {IoOp::kRead, IoOp::kWrite, IoOp::kFlush, IoOp::kDiscard};
    const IoOp op = kOps[random_.Below(4)];
    request.Go(*slot.channel, op, kBlock * next_offset_++, op == IoOp::kFlush ? 0 : kBlock);
  }

  void Submit(Slot& slot) {
    if (slot.channel == nullptr || slot.closing) return;
    const bool plug = random_.OneIn(2);
    if (plug) slot.channel->Plug();
    for (uint64_t n = random_.Between(1, 4); n > 0; --n) {
      auto idle = std::find_if(slot.requests.begin(), slot.requests.end(),
                               [](const auto& request) { return !request->outstanding(); });
      if (idle == slot.requests.end()) {
        slot.requests.push_back(std::make_unique<TestRequest>(*slot.client, next_id_++));
        idle = std::prev(slot.requests.end());
      }
      SubmitAgain(slot, **idle);
    }
    if (plug) slot.channel->Unplug();
  }

  // A party that drains: begins, stays for a while, ends.
  static Task<void> Drainer(RandomDrain* test, uint64_t stay) {
    ++test->drainers_;
    co_await test->backend_->BeginDrain();
    ++test->drained_;
    EXPECT_EQ(test->backend_->in_flight(), 0u) << test->seed_;
    for (uint64_t i = 0; i < stay; ++i) {
      co_await Yield();
      EXPECT_EQ(test->backend_->in_flight(), 0u) << test->seed_;
    }
    --test->drained_;
    test->backend_->EndDrain();
    --test->drainers_;
  }

  static Task<void> Stopper(RandomDrain* test) {
    co_await test->machine_.Stop();
    test->stopping_ = false;
    test->stopped_ = true;
  }

  static Task<void> Limiter(RandomDrain* test, ThrottleConfig config) {
    EXPECT_TRUE((co_await test->backend_->SetIoThrottle(config, "")).ok());
    --test->limiters_;
  }

  void LimitStep() {
    if (random_.OneIn(2)) return world_.RunFor(Duration{1'000'000} * random_.Below(200));
    if (limiters_ >= 2) return;
    ++limiters_;
    ThrottleConfig config;
    if (random_.OneIn(2)) config.iops_total.average = random_.Between(1, 100);
    if (random_.OneIn(3)) config.bps_write.average = random_.Between(1, 100'000);
    Spawn(control(), Limiter(this, config));
  }

  void PolicyStep() {
    static constexpr OnError kPolicies[] = {OnError::kReport, OnError::kIgnore, OnError::kStop,
                                            OnError::kStall,  OnError::kStall,  OnError::kRetry,
                                            OnError::kRetry,  OnError::kRetry};
    if (random_.OneIn(3)) return world_.RunFor(Duration{1'000'000} * random_.Below(200));
    if (random_.OneIn(2)) return backend_->Resume();
    const ErrorPolicies policies = {
        .read = kPolicies[random_.Below(8)],
        .write = kPolicies[random_.Below(8)],
        .retry = {.delay = Duration{1'000'000} * random_.Between(1, 300),
                  .limit = static_cast<uint32_t>(random_.Below(4)),
                  .then = kPolicies[random_.Below(5)]}};
    EXPECT_TRUE(backend_->SetErrorPolicies(policies).ok());
  }

  void Step() {
    if (beside_ == Beside::kLimits && random_.OneIn(5)) return LimitStep();
    if (beside_ == Beside::kPolicies && random_.OneIn(5)) return PolicyStep();
    Slot& slot = slots_[random_.Below(kChannels)];
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        Submit(slot);
        break;
      case 3:
        if (drainers_ < 4) Spawn(control(), Drainer(this, random_.Below(8)));
        break;
      case 4:
        if (slot.channel == nullptr) {
          OpenChannel(slot);
        } else {
          slot.closing = true;
          slot.channel->CancelAll();
          if (slot.channel->outstanding() == 0) slot.channel.reset();
        }
        break;
      case 5:
        if (!slot.requests.empty() && slot.channel != nullptr) {
          TestRequest& request = *slot.requests[random_.Below(slot.requests.size())];
          if (request.outstanding()) slot.channel->Cancel(request);
        }
        break;
      case 6:
        StopOrRun();
        break;
      case 7:
        node_->mode = random_.OneIn(3) ? HeldNode::Mode::kAtOnce : HeldNode::Mode::kHold;
        break;
      case 8:
      case 9:
        FinishSome();
        break;
      default:
        for (uint64_t turns = random_.Below(6); turns > 0; --turns) {
          contexts_[random_.Below(contexts_.size())]->RunReady();
        }
        break;
    }
  }

  void StopOrRun() {
    if (stopping_) return;
    if (stopped_) {
      stopped_ = false;
      machine_.Run();
    } else {
      stopping_ = true;
      Spawn(control(), Stopper(this));
    }
  }

  void FinishSome() {
    for (uint64_t n = random_.Between(1, 4); n > 0 && !node_->held.empty(); --n) {
      static constexpr IoResult kResults[] = {0, 0, 0, -EIO, -ENOSPC, -ECANCELED};
      node_->Finish(random_.Below(node_->held.size()), kResults[random_.Below(6)]);
    }
  }

  void CheckInvariants(int step) {
    if (drained_ > 0) {
      ASSERT_EQ(backend_->in_flight(), 0u) << "seed " << seed_ << " step " << step;
      ASSERT_TRUE(node_->held.empty()) << "seed " << seed_ << " step " << step;
    }
    uint32_t outstanding = 0;
    for (const Slot& slot : slots_) {
      if (slot.channel != nullptr) outstanding += slot.channel->outstanding();
    }
    ASSERT_LE(backend_->in_flight(), outstanding + 1) << "seed " << seed_;  // And a stop's flush.
  }

  void Finish() {
    node_->mode = HeldNode::Mode::kAtOnce;
    for (int round = 0; round < 1'000; ++round) {
      node_->FinishAll(0);
      world_.RunUntilIdle();
      if (stopped_) StopOrRun();
      for (Slot& slot : slots_) {
        if (slot.channel == nullptr) continue;
        slot.closing = true;
        slot.channel->CancelAll();
        if (slot.channel->outstanding() == 0) slot.channel.reset();
      }
      if (drainers_ == 0 && limiters_ == 0 && !stopping_ && !stopped_ &&
          std::all_of(slots_.begin(), slots_.end(),
                      [](const Slot& slot) { return slot.channel == nullptr; })) {
        break;
      }
    }
    world_.RunUntilIdle();
    EXPECT_EQ(drainers_, 0) << "seed " << seed_;
    EXPECT_EQ(limiters_, 0) << "seed " << seed_;
    for (Slot& slot : slots_) {
      ASSERT_EQ(slot.channel, nullptr) << "seed " << seed_;
      for (const auto& request : slot.requests) {
        EXPECT_FALSE(request->outstanding()) << "seed " << seed_;
      }
    }
    EXPECT_EQ(backend_->in_flight(), 0u);
    EXPECT_FALSE(backend_->stalled()) << "seed " << seed_;
    backend_->Detach();
    backend_.reset();
    world_.RunUntilIdle();
  }

  const uint64_t seed_;
  const Beside beside_;
  Random random_;
  SimulatedWorld world_;
  std::vector<AioContext*> contexts_;
  FakeMachine machine_;
  std::unique_ptr<BackendRegistry> registry_;
  BlockBackendRef backend_;
  std::shared_ptr<HeldNode> node_;
  std::array<Slot, kChannels> slots_;
  int next_id_ = 0;
  uint64_t next_offset_ = 0;
  int drainers_ = 0;
  int drained_ = 0;
  int limiters_ = 0;
  bool stopping_ = false;
  bool stopped_ = false;
};

void RunSeeds(uint64_t first, uint64_t count, Beside beside = Beside::kNothing) {
  if (const char* const one = std::getenv("PLATTER_SEED"); one != nullptr) {
    RandomDrain(std::strtoull(one, nullptr, 0), beside).Run();
    return;
  }
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomDrain(seed, beside).Run();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RandomDrainTest, C_30_DrainSubmitOpenCloseErrorStopCancel) { RunSeeds(1, 3'000); }

TEST(RandomDrainTest, C_36_TheSameBesideChangingLimits) { RunSeeds(1, 2'000, Beside::kLimits); }

TEST(RandomDrainTest, TheSameBesideStallsAndRetries) { RunSeeds(1, 2'000, Beside::kPolicies); }

// Requests of one channel reach the node in the order of submission, whatever drains happen.
TEST(RandomDrainTest, C_30_OrderIsKept) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    SimulatedWorld world(seed);
    AioContext& control = world.NewContext("control");
    AioContext& io = world.NewContext("io");
    BackendRegistry registry({.control = &control});
    BlockBackendRef backend = *registry.Create("", {});
    const auto node = std::make_shared<HeldNode>("node0", HeldNodeOptions{});
    ASSERT_TRUE(BlockOn(control, backend->InsertRoot(node)).ok());
    ASSERT_TRUE(backend->Attach({.device_id = "disk0"}, {}).ok());
    TestClient client;
    std::vector<std::unique_ptr<TestRequest>> requests;
    auto channel = backend->OpenChannel(io, client);
    constexpr uint64_t kRequests = 60;
    int depth = 0;
    while (requests.size() < kRequests) {
      if (random.OneIn(4)) {
        Spawn(control, [](BlockBackend& drained, int* open) -> Task<void> {
          co_await drained.BeginDrain();
          ++*open;
        }(*backend, &depth));
      }
      if (depth > 0 && random.OneIn(2)) {
        --depth;
        backend->EndDrain();
      }
      const uint64_t offset = kBlock * requests.size();
      requests.push_back(std::make_unique<TestRequest>(client, static_cast<int>(requests.size())));
      requests.back()->Go(*channel, IoOp::kWrite, offset, kBlock);
      for (uint64_t turns = random.Below(3); turns > 0; --turns) {
        (random.OneIn(2) ? control : io).RunReady();
      }
    }
    world.RunUntilIdle();
    for (; depth > 0; --depth) backend->EndDrain();
    world.RunUntilIdle();
    ASSERT_EQ(node->seen.size(), kRequests) << "seed " << seed;
    for (uint64_t i = 0; i < kRequests; ++i) {
      ASSERT_EQ(node->seen[i].offset, kBlock * i) << "seed " << seed;
    }
    ASSERT_EQ(client.ends.size(), kRequests);
    channel.reset();
    backend->Detach();
    backend.reset();
    world.RunUntilIdle();
  }
}

}  // namespace
}  // namespace platter
