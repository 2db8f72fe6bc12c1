// SPDX-License-Identifier: Apache-2.0
//
// TestRequest and TestClient: the least device model: requests that note how they ended, in one
// list per client. TestDrive: the state of a drive with tray and lock, and callbacks on it.
//
// Threading: the channel's context; TestDrive: the control context.

#ifndef PLATTER_BLOCKBACKEND_TESTING_TEST_DEVICE_H_
#define PLATTER_BLOCKBACKEND_TESTING_TEST_DEVICE_H_

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "base/check.h"
#include "blockbackend/device_view.h"

namespace platter {

class TestClient;

class TestRequest final : public BlockRequest {
 public:
  static constexpr size_t kMaxBytes = 4096;

  TestRequest(TestClient& client, int id) : client_(client), id_(id) {}
  TestRequest(TestRequest&&) = delete;
  TestRequest& operator=(TestRequest&&) = delete;

  // Fills it in and submits it to `channel`.
  void Go(BlockChannel& channel, IoOp wanted, uint64_t at, uint64_t length,
          IoFlags wanted_flags = IoFlags::kNone) {
    op = wanted;
    flags = wanted_flags;
    offset = at;
    bytes = length;
    iov_count = 0;
    if (IsDataTransfer(op) && length > 0) {
      part_ = {.iov_base = data, .iov_len = length};
      iov = &part_;
      iov_count = 1;
    }
    outstanding_ = true;
    channel.Submit(*this);
  }
  void OnBlockDone(IoResult result) override;

  int id() const { return id_; }
  bool outstanding() const { return outstanding_; }

  alignas(512) uint8_t data[kMaxBytes] = {};

 private:
  TestClient& client_;
  const int id_;
  iovec part_{};
  bool outstanding_ = false;
};

class TestClient final : public ChannelClient {
 public:
  struct End {
    int id;
    IoResult result;
  };

  void OnBatchDone() override {
    ++batches;
    if (on_batch) on_batch();
  }

  bool FollowsBackend() const override { return follows; }
  void OnLeaveContext() override {
    if (on_leave) on_leave();
  }
  void OnEnterContext() override {
    if (on_enter) on_enter();
  }

  bool follows = false;
  std::vector<End> ends;
  int batches = 0;
  std::function<void()> on_leave;
  std::function<void()> on_enter;
  std::function<void()> on_batch;
  std::function<void(TestRequest&, IoResult)> on_done;
};

inline void TestRequest::OnBlockDone(IoResult result) {
  PLATTER_CHECK(outstanding_);  // Once per Submit.
  outstanding_ = false;
  client_.ends.push_back({id_, result});
  if (client_.on_done) client_.on_done(*this, result);
}

// A drive's state and what it was told.
struct TestDrive {
  bool open = false;
  bool locked = false;
  std::vector<MediumMove> moves;
  std::vector<Force> eject_requests;
  int resizes = 0;
  std::function<void()> on_move;

  // All five callbacks.
  BlockDevOps Ops() {
    BlockDevOps ops = TraylessOps();
    ops.is_tray_open = [this] { return open; };
    ops.is_medium_locked = [this] { return locked; };
    ops.eject_request = [this](Force force) {
      eject_requests.push_back(force);
      if (force == Force::kYes) locked = false;
    };
    return ops;
  }
  // A drive whose medium changes without a tray.
  BlockDevOps TraylessOps() {
    BlockDevOps ops = FixedOps();
    ops.change_media = [this](MediumMove move) {
      moves.push_back(move);
      open = move == MediumMove::kEject;
      if (on_move) on_move();
    };
    return ops;
  }
  BlockDevOps FixedOps() {
    BlockDevOps ops;
    ops.resize = [this] { ++resizes; };
    return ops;
  }
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_TEST_DEVICE_H_
