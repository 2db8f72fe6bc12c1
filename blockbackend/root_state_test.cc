// SPDX-License-Identifier: Apache-2.0
//
// What a backend remembers of a medium that went: row 42. Who is told of a medium: row 30. What may
// not be begun: row 38.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

using DetectZeroes = NodePolicy::DetectZeroes;
using Log = std::vector<std::string>;
constexpr uint64_t kBlock = 512;

std::shared_ptr<HeldNode> NewNode(const std::string& name, const NodePolicy& policy = {}) {
  auto node = std::make_shared<HeldNode>(name, HeldNodeOptions{});
  node->set_policy(policy);
  return node;
}

class RootStateTest : public BackendFixture {
 public:
  void Remove() { EXPECT_TRUE(Await(backend_->RemoveRoot()).ok()); }
  absl::Status Put(NodeRef node) { return Await(backend_->InsertRoot(std::move(node))); }
};

TEST_F(RootStateTest, Row42_TheOptionsAreTheStateBeforeTheFirstMedium) {
  MakeBackend({.read_only = true, .write_cache = false, .detect_zeroes = DetectZeroes::kOn});
  const BlockRootState state = backend_->root_state();
  EXPECT_FALSE(state.had_medium);
  EXPECT_TRUE(state.read_only);
  EXPECT_FALSE(state.write_cache);
  EXPECT_EQ(state.policy.detect_zeroes, DetectZeroes::kOn);
  const BlockOpenFlags flags = backend_->open_flags();
  EXPECT_FALSE(flags.read_write);
  EXPECT_FALSE(flags.write_cache);
  EXPECT_FALSE(flags.unmap);
  EXPECT_FALSE(flags.no_flush);
  EXPECT_FALSE(flags.direct);
}

TEST_F(RootStateTest, Row42_ZeroesThatUnmapNeedDiscards) {
  MakeBackend({.detect_zeroes = DetectZeroes::kUnmap});
  EXPECT_TRUE(backend_->open_flags().unmap);
}

TEST_F(RootStateTest, Row42_AMediumThatGoesLeavesItsSettings) {
  MakeBackend();
  NodePolicy policy;
  policy.discard = NodePolicy::Discard::kUnmap;
  policy.detect_zeroes = DetectZeroes::kUnmap;
  policy.flush = NodePolicy::Flush::kIgnore;
  policy.host_cache = NodePolicy::HostCache::kBypassed;
  ASSERT_TRUE(Put(NewNode("node0", policy)).ok());
  backend_->set_write_cache_enabled(false);
  const auto expect_left = [&] {
    const BlockRootState state = backend_->root_state();
    EXPECT_TRUE(state.had_medium);
    EXPECT_FALSE(state.read_only);
    EXPECT_FALSE(state.write_cache);
    EXPECT_EQ(state.policy.discard, policy.discard);
    EXPECT_EQ(state.policy.detect_zeroes, policy.detect_zeroes);
    EXPECT_EQ(state.policy.flush, policy.flush);
    EXPECT_EQ(state.policy.host_cache, policy.host_cache);
    const BlockOpenFlags flags = backend_->open_flags();
    EXPECT_TRUE(flags.read_write && flags.unmap && flags.no_flush && flags.direct);
  };
  expect_left();
  Remove();
  expect_left();
  // The next one leaves its own.
  ASSERT_TRUE(Put(NewNode("node1", {.discard = NodePolicy::Discard::kIgnore})).ok());
  Remove();
  const BlockOpenFlags flags = backend_->open_flags();
  EXPECT_TRUE(flags.read_write);
  EXPECT_FALSE(flags.unmap || flags.no_flush || flags.direct);
  EXPECT_FALSE(backend_->write_cache_enabled());
}

TEST_F(RootStateTest, Row42_ANodeThatIsPutInStaysAsItWasMade) {
  MakeBackend({.detect_zeroes = DetectZeroes::kUnmap});
  const auto first = NewNode("node0");
  ASSERT_TRUE(Put(first).ok());
  EXPECT_EQ(first->policy().detect_zeroes, DetectZeroes::kOff);
  Remove();
  NodePolicy policy;
  policy.detect_zeroes = DetectZeroes::kOn;
  policy.flush = NodePolicy::Flush::kIgnore;
  ASSERT_TRUE(Put(NewNode("node1", policy)).ok());
  Remove();
  const auto next = NewNode("node2");
  ASSERT_TRUE(Put(next).ok());
  EXPECT_EQ(next->policy().detect_zeroes, DetectZeroes::kOff);
  EXPECT_EQ(next->policy().flush, NodePolicy::Flush::kHonour);
}

TEST_F(RootStateTest, Row42_ADriveThatOnlyReadsRemembersAMediumThatCouldBeWritten) {
  MakeBackend();
  ASSERT_TRUE(backend_->Attach({.device_id = "cd0", .needs_write = false}, drive_.Ops()).ok());
  ASSERT_TRUE(Put(NewNode("node0")).ok());
  EXPECT_FALSE(backend_->root_state().read_only);
  Remove();
  EXPECT_FALSE(backend_->root_state().read_only);
  EXPECT_TRUE(backend_->root_state().had_medium);
  backend_->Detach();
}

TEST_F(RootStateTest, Row42_ReadOnlyOfTheLastMediumIsWhatAnEmptyDriveSays) {
  MakeBackend();
  Insert({.length = kLength, .read_only = true});
  EXPECT_TRUE(backend_->is_read_only());
  Remove();
  EXPECT_TRUE(backend_->is_read_only());
  EXPECT_FALSE(backend_->open_flags().read_write);
  // It is no property of the drive: a medium that can be written is writable.
  ASSERT_TRUE(Put(NewNode("rw")).ok());
  EXPECT_FALSE(backend_->is_read_only());
  Remove();
  EXPECT_FALSE(backend_->is_read_only());
}

// --- Row 30. ---

TEST_F(RootStateTest, Row30_NotifiersRunAroundInsertionAndRemoval) {
  MakeBackend();
  Log log;
  Notifier<const NodeRef&> inserted(backend_->insert_notifiers(), [&](const NodeRef& node) {
    log.push_back("in " + node->node_name());
    EXPECT_EQ(backend_->root(), node);
    EXPECT_TRUE(backend_->is_inserted());
  });
  Notifier<const NodeRef&> removed(backend_->remove_notifiers(), [&](const NodeRef& node) {
    log.push_back("out " + node->node_name());
    EXPECT_EQ(backend_->root(), node) << "it is still there";
    EXPECT_EQ(backend_->in_flight(), 0u);
  });
  Insert();
  Remove();
  Remove();  // There is none.
  EXPECT_EQ(log, (Log{"in node0", "out node0"}));
  ASSERT_TRUE(Await(backend_->InsertMedium(NewNode("node1"))).ok());
  EXPECT_FALSE(Await(backend_->InsertMedium(NewNode("node2"))).ok());
  ASSERT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
  EXPECT_EQ(log, (Log{"in node0", "out node0", "in node1", "out node1"}));
}

TEST_F(RootStateTest, Row30_ANotifierMayRemoveItself) {
  MakeBackend();
  int calls = 0;
  std::optional<Notifier<const NodeRef&>> once;
  once.emplace(backend_->insert_notifiers(), [&](const NodeRef&) {
    ++calls;
    once.reset();
  });
  Insert();
  Remove();
  ASSERT_TRUE(Put(NewNode("node1")).ok());
  EXPECT_EQ(calls, 1);
}

// --- Row 38. ---

TEST_F(RootStateTest, Row38_ABlockedOperationIsRefusedWithTheReason) {
  MakeBackend();
  Insert();
  std::optional<OpBlocker> blocker;
  blocker.emplace(backend_->op_blockers(), BlockOperationSet::All(), "block job 'job0' is active");
  const absl::Status refused[] = {
      Await(backend_->Resize(2 * kLength)), Await(backend_->Eject(Force::kYes)),
      Await(backend_->RemoveMedium()), Await(backend_->InsertMedium(NewNode("node1"))),
      Await(backend_->HideForDriveDel())};
  for (const absl::Status& status : refused) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrnoOf(status), EBUSY);
    EXPECT_NE(MessageOf(status).find("block job 'job0' is active"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find("'drive0'"), std::string::npos) << status;
  }
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_EQ(backend_->length(), kLength);
  blocker.reset();
  EXPECT_TRUE(Await(backend_->Resize(2 * kLength)).ok());
  EXPECT_TRUE(Await(backend_->Eject(Force::kNo)).ok());
}

TEST_F(RootStateTest, Row38_BlockersSurviveAMediumChange) {
  MakeBackend();
  Insert();
  const OpBlocker blocker(backend_->op_blockers(), BlockOperation::kResize, "fixed size");
  Remove();
  ASSERT_TRUE(Put(NewNode("node1")).ok());
  EXPECT_TRUE(backend_->op_blockers().IsBlocked(BlockOperation::kResize));
  EXPECT_EQ(ErrnoOf(Await(backend_->Resize(kLength + kBlock))), EBUSY);
}

TEST_F(RootStateTest, Row38_AShutdownIsNotBlocked) {
  MakeBackend();
  Insert();
  const OpBlocker blocker(backend_->op_blockers(), BlockOperationSet::All(), "busy");
  Await(registry_.RemoveAllRoots());
  EXPECT_EQ(backend_->root(), nullptr);
}

}  // namespace
}  // namespace platter
