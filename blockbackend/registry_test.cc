// SPDX-License-Identifier: Apache-2.0
//
// Names, references, creation with a root, shutdown: rows 1 to 6, 25.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "aio/await.h"
#include "base/status.h"
#include "blockbackend/testing/backend_fixture.h"

namespace platter {
namespace {

class RegistryTest : public BackendFixture {
 public:
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const BlockBackendRef& backend : registry_.List()) names.push_back(backend->name());
    return names;
  }
};

TEST_F(RegistryTest, Row01_NamesAreWellFormedAndUnique) {
  MakeBackend();
  const absl::Status duplicate = registry_.Create("drive0", {}).status();
  EXPECT_EQ(duplicate.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(MessageOf(duplicate).find("drive0"), std::string::npos);
  for (const char* const name : {"0disk", "a b", "#x", "-a", "a/b"}) {
    const absl::Status status = registry_.Create(name, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(MessageOf(status).find(name), std::string::npos) << status;
  }
  EXPECT_TRUE(registry_.Create("a-b.c_9", {}).ok());
}

TEST_F(RegistryTest, Row01_AnUnnamedBackendIsNotListed) {
  MakeBackend();
  const auto first = registry_.Create("", {});
  const auto second = registry_.Create("", {});
  ASSERT_TRUE(first.ok() && second.ok()) << "any number of them";
  EXPECT_EQ(Names(), (std::vector<std::string>{"drive0"}));
  EXPECT_EQ(registry_.All().size(), 3u);
  EXPECT_EQ(registry_.Find(""), nullptr);
}

TEST_F(RegistryTest, BadPoliciesAreRefused) {
  const absl::Status status = registry_.Create("x", {.read_error = OnError::kEnospc}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(MessageOf(status).find("'x'"), std::string::npos) << status;
  EXPECT_FALSE(registry_.Create("x", {.write_error = OnError::kAuto}).ok());
  EXPECT_EQ(registry_.Find("x"), nullptr) << "nothing half-made is left behind";
}

TEST_F(RegistryTest, Row04_TheUseCountIsOfReferences) {
  MakeBackend();
  EXPECT_EQ(backend_.use_count(), 1);
  BlockBackendRef second = registry_.Find("drive0");
  EXPECT_EQ(backend_.use_count(), 2);
  second.reset();
  EXPECT_EQ(backend_.use_count(), 1) << "the registry holds none";
}

TEST_F(RegistryTest, Row05_TheLastReferenceDropsNameAndMedium) {
  MakeBackend();
  Insert();
  BlockBackendRef second = backend_;
  backend_.reset();
  EXPECT_EQ(registry_.Find("drive0"), second);
  second.reset();
  EXPECT_EQ(registry_.Find("drive0"), nullptr);
  EXPECT_TRUE(node_->parents().empty());
  EXPECT_TRUE(registry_.Create("drive0", {}).ok()) << "the name is free";
}

TEST_F(RegistryTest, TheLastReferenceOfABackendOnASharedNodeWaitsForQuiet) {
  MakeDisk(io_);
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(Await((*other)->InsertRoot(node_)).ok());
  node_->mode = HeldNode::Mode::kHold;
  world_.RunUntilIdle();
  Go(IoOp::kRead, 0, 512);
  ASSERT_EQ(node_->held.size(), 1u);
  other->reset();
  world_.RunUntilIdle();
  EXPECT_EQ(registry_.Find("drive1"), nullptr) << "the name goes at once";
  EXPECT_EQ(node_->parents().size(), 2u);
  node_->FinishAll(0);
  world_.RunUntilIdle();
  EXPECT_EQ(node_->parents().size(), 1u);
}

TEST_F(RegistryTest, Row06_RemovalDuringAWalkIsSafe) {
  std::vector<BlockBackendRef> owned;
  for (const char* const name : {"a", "b", "c"}) owned.push_back(*registry_.Create(name, {}));
  EXPECT_EQ(Names(), (std::vector<std::string>{"a", "b", "c"})) << "in order of creation";
  std::vector<std::string> walked;
  for (const BlockBackendRef& backend : registry_.List()) {
    walked.push_back(backend->name());
    owned.erase(owned.begin());
  }
  EXPECT_EQ(walked, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(registry_.List().empty());
}

// --- Made with a root. ---

TEST_F(RegistryTest, Row02_AnEmptyRootIsARootWithoutAMedium) {
  auto made = registry_.CreateWithEmptyRoot("drive0", {});
  ASSERT_TRUE(made.ok()) << made.status();
  backend_ = *made;
  ASSERT_NE(backend_->root(), nullptr);
  EXPECT_FALSE(backend_->is_inserted());
  EXPECT_FALSE(backend_->is_available());
  EXPECT_EQ(backend_->length(), 0u);
  AttachAndOpen(io_);
  Go(IoOp::kRead, 0, 512);
  Go(IoOp::kWrite, 0, 0);
  world_.RunUntilIdle();
  ASSERT_EQ(client_.ends.size(), 2u);
  EXPECT_EQ(client_.ends[0].result, -ENOMEDIUM);
  EXPECT_EQ(client_.ends[1].result, -ENOMEDIUM);
  EXPECT_EQ(Await(backend_->WriteZeroes(0, 0, IoFlags::kNone)), -ENOMEDIUM);
  // Its place is taken until it is removed.
  auto node = std::make_shared<HeldNode>("node0", HeldNodeOptions{});
  EXPECT_EQ(ErrnoOf(Await(backend_->InsertRoot(node))), EBUSY);
  EXPECT_TRUE(Await(backend_->RemoveRoot()).ok());
  EXPECT_TRUE(Await(backend_->InsertRoot(node)).ok());
  EXPECT_TRUE(backend_->is_inserted());
}

TEST_F(RegistryTest, Row02_ABadNameLeavesNothing) {
  EXPECT_FALSE(registry_.CreateWithEmptyRoot("0bad", {}).ok());
  MakeBackend();
  EXPECT_EQ(registry_.CreateWithEmptyRoot("drive0", {}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(registry_.All().size(), 1u);
}

// Openers, as whoever knows of files, options and node names has them.
Task<absl::StatusOr<NodeRef>> Give(NodeRef node) { co_return node; }
Task<absl::StatusOr<NodeRef>> Fail() {
  co_await Yield();
  co_return ErrorWithErrno(ENOENT, "cannot open 'x.img'");
}

TEST_F(RegistryTest, Row03_CreatesAndOpensInOneCall) {
  node_ = std::make_shared<HeldNode>("node0", HeldNodeOptions{});
  auto made = Await(registry_.CreateAndOpen("drive0", {.read_only = true},
                                            [node = NodeRef(node_)] { return Give(node); }));
  ASSERT_TRUE(made.ok()) << made.status();
  backend_ = *made;
  EXPECT_EQ(backend_->root(), node_);
  EXPECT_EQ(registry_.Find("drive0"), backend_);
  EXPECT_TRUE(backend_->is_read_only());
}

TEST_F(RegistryTest, Row03_AFailureToOpenLeavesNothingBehind) {
  const auto failed = Await(registry_.CreateAndOpen("drive0", {}, [] { return Fail(); }));
  EXPECT_EQ(ErrnoOf(failed.status()), ENOENT);
  EXPECT_NE(MessageOf(failed.status()).find("'drive0'"), std::string::npos) << failed.status();
  EXPECT_TRUE(registry_.All().empty());
  EXPECT_TRUE(registry_.Create("drive0", {}).ok()) << "the name is free";
}

TEST_F(RegistryTest, Row03_AFailureToInsertLeavesNothingBehind) {
  MakeDisk(io_);
  // The disk shares its node with no second writer.
  auto other = registry_.Create("drive1", {});
  ASSERT_TRUE(other.ok());
  std::weak_ptr<BlockNode> weak;
  {
    auto node = std::make_shared<HeldNode>("own", HeldNodeOptions{});
    weak = node;
    const auto failed = Await(registry_.CreateAndOpen(
        "drive1", {}, [node = NodeRef(std::move(node))] { return Give(node); }));
    EXPECT_EQ(failed.status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_TRUE(weak.expired()) << "nobody holds the node";
  EXPECT_EQ(registry_.All().size(), 2u);
}

// The name is taken before the opener runs, which may take its time.
TEST_F(RegistryTest, Row03_TheNameIsTakenWhileItOpens) {
  bool tried = false;
  const auto opener = [&]() -> Task<absl::StatusOr<NodeRef>> {
    tried = true;
    EXPECT_EQ(registry_.Create("drive0", {}).status().code(), absl::StatusCode::kAlreadyExists);
    return Fail();
  };
  EXPECT_FALSE(Await(registry_.CreateAndOpen("drive0", {}, opener)).ok());
  EXPECT_TRUE(tried);
}

TEST_F(RegistryTest, Row25_FlushAllAndRemoveAllReachUnnamedOnes) {
  const auto unnamed = registry_.Create("", {});
  ASSERT_TRUE(unnamed.ok());
  backend_ = *unnamed;
  Insert();
  AttachAndOpen(io_);
  EXPECT_TRUE(Await(registry_.FlushAll()).ok());
  ASSERT_EQ(node_->seen.size(), 1u);
  node_->results = {-EIO};
  EXPECT_EQ(ErrnoOf(Await(registry_.FlushAll())), EIO);
  Await(registry_.RemoveAllRoots());
  EXPECT_EQ(backend_->root(), nullptr);
  EXPECT_EQ(node_->seen.size(), 3u) << "flushed before the removal";
}

}  // namespace
}  // namespace platter
