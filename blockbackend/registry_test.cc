// SPDX-License-Identifier: Apache-2.0
//
// Names, references, shutdown: rows 1, 4, 5, 6, 25.

#include <gtest/gtest.h>

#include <cerrno>

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

TEST_F(RegistryTest, ApiRow01NamesAreWellFormedAndUnique) {
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

TEST_F(RegistryTest, ApiRow01AnUnnamedBackendIsNotListed) {
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

TEST_F(RegistryTest, ApiRow05TheLastReferenceDropsNameAndMedium) {
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

TEST_F(RegistryTest, ApiRow06RemovalDuringAWalkIsSafe) {
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

TEST_F(RegistryTest, ApiRow25FlushAllAndRemoveAllReachUnnamedOnes) {
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
