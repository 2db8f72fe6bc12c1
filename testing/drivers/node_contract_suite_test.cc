// SPDX-License-Identifier: Apache-2.0
//
// The contract suite on the drivers that need nothing of the host: null, memory, raw, blkdebug.

#include "testing/drivers/node_contract_suite.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "drivers/blkdebug/blkdebug_node.h"
#include "drivers/memory/memory_node.h"
#include "drivers/null/null_node.h"
#include "drivers/raw/raw_node.h"

namespace platter {
namespace {

class NullSubject final : public NodeSubject {
 public:
  explicit NullSubject(const NullOptions& options) : options_(options) {}
  NodeRef Open(ContractWorld&) override {
    options_.size = Size();
    return std::make_shared<NullNode>("node", options_);
  }
  bool HoldsData() const override { return false; }

 private:
  NullOptions options_;
};

// Reads a node's content by going to it directly, past all edges.
class Peek final : public IoRequest {
 public:
  void OnIoDone(IoResult) override { ADD_FAILURE() << "memory completes at once"; }
};

class MemorySubject : public NodeSubject {
 public:
  enum class Home : uint8_t { kAny, kServed };
  explicit MemorySubject(MemoryOptions::Cache cache = MemoryOptions::Cache::kDurable,
                         Home home = Home::kAny)
      : cache_(cache), home_(home) {}

  NodeRef Open(ContractWorld& world) override { return memory_ = OpenMemory(world, Size()); }
  std::optional<std::vector<uint8_t>> Behind(uint64_t offset, uint64_t bytes) override {
    std::vector<uint8_t> data(bytes);
    const iovec piece = {data.data(), bytes};
    Peek peek;
    peek.op = IoOp::kRead;
    peek.offset = offset + window_;
    peek.bytes = bytes;
    peek.iov = &piece;
    peek.iov_count = 1;
    EXPECT_EQ(memory_->Start(peek), 0);
    return data;
  }
  bool AllocatesNothing() const override { return cache_ == MemoryOptions::Cache::kDurable; }
  bool LocksNothing() const override { return cache_ == MemoryOptions::Cache::kDurable; }

 protected:
  std::shared_ptr<MemoryNode> OpenMemory(ContractWorld& world, uint64_t size) {
    AioContext* const home = home_ == Home::kServed ? &world.NewServedContext("home") : nullptr;
    auto memory =
        MemoryNode::Create("memory", {.size = size, .cache = cache_, .home_context = home});
    EXPECT_TRUE(memory.ok()) << memory.status();
    return *memory;
  }

  const MemoryOptions::Cache cache_;
  const Home home_;
  uint64_t window_ = 0;
  std::shared_ptr<MemoryNode> memory_;
};

class RawSubject final : public MemorySubject {
 public:
  explicit RawSubject(const RawOptions& options) : options_(options) {}
  NodeRef Open(ContractWorld& world) override {
    window_ = options_.offset;
    memory_ = OpenMemory(world, Size() + options_.offset + (options_.size ? 9999 : 0));
    auto raw = RawNode::Create("node", memory_, options_);
    EXPECT_TRUE(raw.ok()) << raw.status();
    return *raw;
  }
  bool CanTruncate() const override { return !options_.size.has_value(); }

 private:
  const RawOptions options_;
};

class BlkdebugSubject final : public MemorySubject {
 public:
  explicit BlkdebugSubject(const BlkdebugOptions& options) : options_(options) {}
  NodeRef Open(ContractWorld& world) override {
    memory_ = OpenMemory(world, Size());
    auto debug = BlkdebugNode::Create("node", memory_, options_);
    EXPECT_TRUE(debug.ok()) << debug.status();
    return *debug;
  }
  // Rules lock, and so does the tracking of misaligned requests.
  bool LocksNothing() const override { return options_.align == 0 && options_.set_state.empty(); }

 private:
  const BlkdebugOptions options_;
};

std::vector<NodeSubjectMaker> Makers() {
  using Completion = NullOptions::Completion;
  using Cache = MemoryOptions::Cache;
  using Home = MemorySubject::Home;
  constexpr uint64_t kSize = 1 << 20;
  const auto null = [](NullOptions options) {
    return [options] { return std::make_unique<NullSubject>(options); };
  };
  const auto memory = [](Cache cache, Home home) {
    return [cache, home] { return std::make_unique<MemorySubject>(cache, home); };
  };
  const auto raw = [](RawOptions options) {
    return [options] { return std::make_unique<RawSubject>(options); };
  };
  const auto debug = [](BlkdebugOptions options) {
    return [options] { return std::make_unique<BlkdebugSubject>(options); };
  };
  return {
      {"NullCo", null({})},
      {"NullAio", null({.completion = Completion::kLaterTurn})},
      {"NullLatency", null({.latency = Duration(20'000)})},
      {"Memory", memory(Cache::kDurable, Home::kAny)},
      {"MemoryVolatile", memory(Cache::kVolatile, Home::kAny)},
      {"MemoryHome", memory(Cache::kDurable, Home::kServed)},
      {"Raw", raw({})},
      {"RawWindow", raw({.offset = 12345, .size = kSize})},
      {"Blkdebug", debug({})},
      {"BlkdebugRules", debug({.set_state = {{.event = BlkdebugEvent::kPwritev}}})},
      {"BlkdebugLimits", debug({.align = 4096,
                                .max_transfer = 16384,
                                .opt_write_zero = 8192,
                                .max_write_zero = 32768,
                                .opt_discard = 4096,
                                .max_discard = 16384})},
  };
}

INSTANTIATE_TEST_SUITE_P(Drivers, NodeContractTest, EveryKind(Makers()), NodeContractName);

}  // namespace
}  // namespace platter
