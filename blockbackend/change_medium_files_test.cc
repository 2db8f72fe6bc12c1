// SPDX-License-Identifier: Apache-2.0
//
// What a change of the medium does with the locks of images, while another program wants them: the
// old image is given up when the change is certain and not before, the new one is kept from when it
// was found to be free.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/await.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/testing/contender.h"
#include "blockbackend/testing/driver_nodes.h"
#include "blockbackend/testing/fake_machine.h"
#include "blockbackend/testing/test_device.h"
#include "drivers/edge.h"
#include "drivers/raw/raw_node.h"

namespace platter {
namespace {

enum class Use : uint8_t { kReads, kWrites };

class ChangeMediumFilesTest : public ::testing::TestWithParam<Use> {
 protected:
  static constexpr uint64_t kLength = 1 << 20;

  ChangeMediumFilesTest() {
    backend_ = *registry_.Create("drive0", {});
    disc_ = Open("disc", old_image_);
    EXPECT_TRUE(Await(backend_->InsertRoot(disc_)).ok());
    EXPECT_TRUE(
        backend_
            ->Attach({.device_id = "cd0", .needs_write = GetParam() == Use::kWrites}, drive_.Ops())
            .ok());
  }
  ~ChangeMediumFilesTest() override {
    host_->hook = nullptr;
    backend_->Detach();
    backend_.reset();
    other_.reset();
    // What a backend leaves behind goes in later turns.
    BlockOn(*control_, Turns());
  }

  static Task<void> Turns() {
    for (int i = 0; i < 100; ++i) co_await Yield();
  }
  template <typename T>
  T Await(Task<T> task) {
    return BlockOn(*control_, std::move(task));
  }
  NodeRef Open(const std::string& name, const ScratchFile& image) {
    FileOptions options;
    options.filename = image.path();
    options.locking = FileLocking::kOn;
    if (GetParam() == Use::kReads) options.access = FileAccess::kReadOnly;
    auto opened =
        FileNode::Open({.control = control_.get(), .log = &log_, .host = host_}, name, options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *opened;
  }
  static NodeRef Raw(const std::string& name, NodeRef file) {
    auto raw = RawNode::Create(name, std::move(file), {});
    EXPECT_TRUE(raw.ok()) << raw.status();
    return *raw;
  }
  absl::Status Change(const NodeRef& node, Force force = Force::kNo) {
    return Await(backend_->ChangeMedium(node, force));
  }
  // Nothing has moved, and the old image is held as before.
  void ExpectAsBefore() {
    EXPECT_EQ(backend_->root(), disc_);
    EXPECT_TRUE(backend_->is_inserted());
    EXPECT_TRUE(drive_.moves.empty());
    EXPECT_TRUE(machine_.log.empty());
    EXPECT_FALSE(Contender(old_image_.path()).Try());
    std::vector<uint8_t> data(512);
    EXPECT_EQ(Await(backend_->Pread(0, data)), 0);
  }
  void ExpectChangedTo(const NodeRef& node, const ScratchFile& image) {
    EXPECT_EQ(backend_->root(), node);
    EXPECT_TRUE(backend_->is_inserted());
    EXPECT_EQ(drive_.moves, (std::vector<MediumMove>{MediumMove::kEject, MediumMove::kLoad}));
    EXPECT_FALSE(Contender(image.path()).Try());
    EXPECT_EQ(backend_->is_read_only(), GetParam() == Use::kReads);
  }

  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  FakeMachine machine_;
  MemoryLog log_;
  std::shared_ptr<HookedHost> host_ = std::make_shared<HookedHost>();
  BackendRegistry registry_{
      {.control = control_.get(), .run_state = &machine_, .events = &machine_, .log = &log_}};
  ScratchFile old_image_{kLength};
  ScratchFile new_image_{kLength};
  TestDrive drive_;
  NodeRef disc_;
  BlockBackendRef backend_;
  BlockBackendRef other_;
};

// --- Refused changes. ---

TEST_P(ChangeMediumFilesTest, AGuestThatHoldsTheLockKeepsItsImageWhoeverWaitsForIt) {
  drive_.locked = true;
  const NodeRef next = Open("next", new_image_);
  for (const bool waits : {true, false}) {
    Contender contender(old_image_.path());
    host_->hook = [&] { waits ? static_cast<void>(contender.Try()) : contender.Step(); };
    const absl::Status refused = Change(next);
    host_->hook = nullptr;
    EXPECT_TRUE(IsMediumLocked(refused)) << refused;
    EXPECT_GT(contender.tries(), 0);
    EXPECT_EQ(contender.wins(), 0);
  }
  ExpectAsBefore();
  EXPECT_TRUE(Contender(new_image_.path()).Try()) << "nothing of it is kept";
}

TEST_P(ChangeMediumFilesTest, AnImageInUseLeavesTheOldOneWhoeverWaitsForIt) {
  const NodeRef next = Open("next", new_image_);
  Contender user(new_image_.path());
  ASSERT_TRUE(user.Try());
  for (const bool waits : {true, false}) {
    Contender contender(old_image_.path());
    host_->hook = [&] { waits ? static_cast<void>(contender.Try()) : contender.Step(); };
    const absl::Status refused = Change(next);
    host_->hook = nullptr;
    EXPECT_EQ(ErrnoOf(refused), EBUSY);
    EXPECT_NE(MessageOf(refused).find("'" + new_image_.path() + "' is in use"), std::string::npos)
        << refused;
    EXPECT_EQ(MessageOf(refused).find("lost"), std::string::npos) << refused;
    EXPECT_EQ(contender.wins(), 0);
  }
  ExpectAsBefore();
}

// --- Changes that are done. ---

TEST_P(ChangeMediumFilesTest, TheNewImageIsKeptFromTheTrialOn) {
  const NodeRef next = Open("next", new_image_);
  Contender contender(new_image_.path());
  int looks = 0;
  drive_.on_move = [&] {
    ++looks;
    EXPECT_FALSE(contender.Try());
  };
  const absl::Status changed = Change(next);
  ASSERT_TRUE(changed.ok()) << changed;
  EXPECT_EQ(looks, 2);
  ExpectChangedTo(next, new_image_);
  EXPECT_TRUE(Contender(old_image_.path()).Try()) << "the old one is free";
}

// From the moment when it is in, whatever happens at any lock: the change is done, or the old
// medium is there.
TEST_P(ChangeMediumFilesTest, AContenderAtAnyLockOfEitherImage) {
  for (const bool of_new : {true, false}) {
    // Shows itself before lock number `from` and is gone `length` later.
    for (int from = 0; from < 40; ++from) {
      const NodeRef next = Open("next", new_image_);
      const ScratchFile& image = of_new ? new_image_ : old_image_;
      Contender contender(image.path());
      int locks = 0;
      host_->hook = [&] {
        if (locks == from) contender.Show();
        if (locks == from + 5) contender.LetGo();
        ++locks;
      };
      const absl::Status changed = Change(next);
      host_->hook = nullptr;
      ASSERT_TRUE(backend_->is_inserted()) << from << " of " << of_new << ": " << changed;
      ASSERT_EQ(backend_->root(), changed.ok() ? next : disc_) << from;
      ASSERT_FALSE(backend_->tray_open());
      if (!changed.ok()) {
        ASSERT_TRUE(of_new) << changed;
        ASSERT_TRUE(drive_.moves.empty());
      }
      contender.LetGo();
      // Back, for the next one.
      drive_.moves.clear();
      if (!changed.ok()) continue;
      ASSERT_TRUE(Change(disc_).ok());
      drive_.moves.clear();
    }
  }
}

// --- A medium that is, or shares, the one that is in. ---

TEST_P(ChangeMediumFilesTest, TheSameNodeAgain) {
  Contender contender(old_image_.path());
  host_->hook = [&] { contender.Try(); };
  const absl::Status changed = Change(disc_);
  host_->hook = nullptr;
  ASSERT_TRUE(changed.ok()) << changed;
  EXPECT_EQ(contender.wins(), 0);
  ExpectChangedTo(disc_, old_image_);
}

TEST_P(ChangeMediumFilesTest, AnotherNodeOnTheSameImage) {
  const NodeRef again = Open("again", old_image_);
  Contender contender(old_image_.path());
  drive_.on_move = [&] { contender.Try(); };
  const absl::Status changed = Change(again);
  ASSERT_TRUE(changed.ok()) << changed;
  EXPECT_EQ(contender.wins(), 0);
  ExpectChangedTo(again, old_image_);
}

TEST_P(ChangeMediumFilesTest, AnotherNodeOnTheSameImageThatSomebodyElseUsesToo) {
  const NodeRef again = Open("again", old_image_);
  // It only shows itself, as one that is about to be refused.
  Contender contender(old_image_.path());
  contender.Show();
  EXPECT_EQ(ErrnoOf(Change(again)), EBUSY);
  contender.LetGo();
  ExpectAsBefore();
}

TEST_P(ChangeMediumFilesTest, ANodeAboveTheSameFileAndBackAgain) {
  const NodeRef above = Raw("above", disc_);
  Contender contender(old_image_.path());
  host_->hook = [&] { contender.Try(); };
  ASSERT_TRUE(Change(above).ok());
  host_->hook = nullptr;
  ExpectChangedTo(above, old_image_);
  drive_.moves.clear();
  const NodeRef beside = Raw("beside", disc_);
  host_->hook = [&] { contender.Try(); };
  ASSERT_TRUE(Change(beside).ok());
  host_->hook = nullptr;
  ExpectChangedTo(beside, old_image_);
  drive_.moves.clear();
  host_->hook = [&] { contender.Try(); };
  ASSERT_TRUE(Change(disc_).ok());
  host_->hook = nullptr;
  EXPECT_EQ(contender.wins(), 0);
  ExpectChangedTo(disc_, old_image_);
}

TEST_P(ChangeMediumFilesTest, WhatAnotherDriveOfTheNodeNeedsStaysTrue) {
  // The drive's own claims go; the other drive's don't.
  other_ = *registry_.Create("other", {});
  TestDrive other_drive;
  ASSERT_TRUE(Await(other_->InsertRoot(Raw("above", disc_))).ok());
  bool attached = false;
  {
    const DrainedSection drained = BlockOn(*control_, DrainedSection::Begin(*disc_));
    attached = other_->Attach({.device_id = "cd1", .needs_write = false}, other_drive.Ops()).ok();
  }
  EXPECT_EQ(attached, GetParam() == Use::kReads);
  if (attached) {
    ASSERT_TRUE(Change(Open("next", new_image_)).ok());
    EXPECT_FALSE(Contender(old_image_.path()).Try());
    const NodeRef again = Open("again", old_image_);
    EXPECT_TRUE(Change(again).ok()) << "readers go together";
  }
  other_->Detach();
}

INSTANTIATE_TEST_SUITE_P(Uses, ChangeMediumFilesTest, ::testing::Values(Use::kReads, Use::kWrites),
                         [](const auto& param) {
                           return param.param == Use::kReads ? "Reads" : "Writes";
                         });

}  // namespace
}  // namespace platter
