// SPDX-License-Identifier: Apache-2.0
//
// BackendFixture: a backend on a HeldNode in a simulated world, with a fake machine, and a device
// with one channel in the control context ("control") or in a context of its own ("io").
//
// Threading: the test's thread drives all contexts.

#ifndef PLATTER_BLOCKBACKEND_TESTING_BACKEND_FIXTURE_H_
#define PLATTER_BLOCKBACKEND_TESTING_BACKEND_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/simulated/world.h"
#include "aio/task.h"
#include "base/log.h"
#include "blockbackend/block_backend.h"
#include "blockbackend/testing/fake_machine.h"
#include "blockbackend/testing/held_node.h"
#include "blockbackend/testing/test_device.h"

namespace platter {

class BackendFixture : public ::testing::Test {
 public:
  static constexpr uint64_t kLength = 1 << 20;

  explicit BackendFixture(uint64_t seed = 1) : world_(seed) {}

  void TearDown() override {
    world_.RunUntilIdle();
    channel_.reset();
    if (backend_ != nullptr) backend_->Detach();
    backend_.reset();
    world_.RunUntilIdle();
  }

  template <typename T>
  T Await(Task<T> task) {
    return BlockOn(control_, std::move(task));
  }
  void Await(Task<void> task) { BlockOn(control_, std::move(task)); }
  // Runs `task` in the background; true in *done when it has ended.
  void Begin(Task<void> task, bool* done) {
    constexpr auto kRun = [](Task<void> inner, bool* ended) -> Task<void> {
      co_await std::move(inner);
      *ended = true;
    };
    Spawn(control_, kRun(std::move(task), done));
    world_.RunUntilIdle();
  }

  void MakeBackend(const BackendOptions& options = {}) {
    auto made = registry_.Create("drive0", options);
    ASSERT_TRUE(made.ok()) << made.status();
    backend_ = *made;
  }
  std::shared_ptr<HeldNode> Insert(const HeldNodeOptions& options = {.length = kLength}) {
    node_ = std::make_shared<HeldNode>("node0", options);
    const absl::Status inserted = Await(backend_->InsertRoot(node_));
    EXPECT_TRUE(inserted.ok()) << inserted;
    return node_;
  }
  void AttachAndOpen(AioContext& context,
                     const DeviceAttachment& attachment = {.device_id = "disk0"}) {
    const absl::Status attached = backend_->Attach(attachment, drive_.FixedOps());
    ASSERT_TRUE(attached.ok()) << attached;
    channel_ = backend_->OpenChannel(context, client_);
  }
  // All of it, with a fixed disk.
  void MakeDisk(AioContext& context, const BackendOptions& options = {}) {
    MakeBackend(options);
    Insert();
    AttachAndOpen(context);
  }

  TestRequest& NewRequest() {
    requests_.push_back(std::make_unique<TestRequest>(client_, static_cast<int>(requests_.size())));
    return *requests_.back();
  }
  // Submits a new request; its id is the number of requests before it.
  TestRequest& Go(IoOp op, uint64_t offset, uint64_t bytes) {
    TestRequest& request = NewRequest();
    request.Go(*channel_, op, offset, bytes);
    return request;
  }
  std::vector<int> EndedIds() const {
    std::vector<int> ids;
    for (const TestClient::End& end : client_.ends) ids.push_back(end.id);
    return ids;
  }
  IoResult LastResult() const { return client_.ends.empty() ? 1 : client_.ends.back().result; }

  SimulatedWorld world_;
  AioContext& control_ = world_.NewContext("control");
  AioContext& io_ = world_.NewContext("io");
  FakeMachine machine_;
  MemoryLog log_;
  BackendRegistry registry_{
      {.control = &control_, .run_state = &machine_, .events = &machine_, .log = &log_}};
  BlockBackendRef backend_;
  std::shared_ptr<HeldNode> node_;
  TestDrive drive_;
  TestClient client_;
  std::vector<std::unique_ptr<TestRequest>> requests_;
  std::unique_ptr<BlockChannel> channel_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_BACKEND_FIXTURE_H_
