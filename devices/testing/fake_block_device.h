// SPDX-License-Identifier: Apache-2.0
//
// FakeBlockDevice: a backend for tests of device models: memory, requests that can be held, errors
// on demand, and a record of what was asked for.
//
// Ownership: outlives the device and its channels. Threading: data plane in the channels' contexts,
// at the same time when `record` is off; the rest by one thread while nothing runs.

#ifndef PLATTER_DEVICES_TESTING_FAKE_BLOCK_DEVICE_H_
#define PLATTER_DEVICES_TESTING_FAKE_BLOCK_DEVICE_H_

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/aio_context.h"
#include "base/arith.h"
#include "base/check.h"
#include "base/intrusive_fifo.h"
#include "base/mutex.h"
#include "base/status.h"
#include "blockbackend/device_view.h"

namespace platter {

class FakeBlockDevice final : public BlockDeviceView {
 public:
  struct Asked {
    IoOp op;
    uint64_t offset;
    uint64_t bytes;
    IoFlags flags;
    bool operator==(const Asked&) const = default;
  };
  // What a cancel does to a held request.
  enum class OnCancel : uint8_t { kCompletes, kStays };

  explicit FakeBlockDevice(uint64_t bytes) : data(bytes) {}
  ~FakeBlockDevice() { PLATTER_CHECK(channels_.empty() && !attached); }

  // Completes what is held, with its own result.
  void Release() {
    hold = false;
    for (Channel* channel : channels_) channel->Release();
  }
  void Resize(uint64_t bytes) {
    data.resize(bytes);
    if (attached && ops.resize) ops.resize();
  }
  uint32_t held() const {
    uint32_t sum = 0;
    for (Channel* channel : channels_) sum += channel->held_count();
    return sum;
  }
  size_t channel_count() const { return channels_.size(); }

  std::vector<uint8_t> data;
  bool read_only = false;
  bool write_cache = true;
  bool discards = true;
  bool inserted = true;
  bool medium_locked = false;               // As the device said last.
  std::vector<MediumMove> tray_moves = {};  // That the device told of.
  BackendBlockSizes block_sizes;
  uint64_t announced_length = 0;  // 0: what `data` has.
  bool hold = false;
  uint32_t let_through = 0;  // So many requests are not held all the same.
  OnCancel on_cancel = OnCancel::kCompletes;
  IoResult next_error = 0;          // Of the next request, once.
  bool skip_next_transfer = false;  // The next request succeeds without doing anything.
  bool record = true;
  std::vector<Asked> asked;
  uint32_t invalid = 0;
  std::atomic<uint32_t> cancels{0};

  bool attached = false;
  DeviceAttachment attachment;
  BlockDevOps ops;

  // BlockDeviceView.
  const std::string& name() const override { return name_; }
  absl::Status Attach(const DeviceAttachment& with, BlockDevOps callbacks) override {
    if (attached) return ErrorWithErrno(EBUSY, "backend 'fake' has a device already");
    attached = true;
    attachment = with;
    ops = std::move(callbacks);
    return absl::OkStatus();
  }
  void Detach() override {
    PLATTER_CHECK(channels_.empty());
    attached = false;
    ops = {};
  }
  std::unique_ptr<BlockChannel> OpenChannel(AioContext& context, ChannelClient& client) override {
    return std::make_unique<Channel>(*this, context, client);
  }
  bool is_inserted() const override { return inserted; }
  uint64_t length() const override {
    if (!inserted) return 0;
    return announced_length != 0 ? announced_length : data.size();
  }
  bool is_read_only() const override { return read_only; }
  bool write_cache_enabled() const override { return write_cache; }
  void set_write_cache_enabled(bool enabled) override { write_cache = enabled; }
  uint64_t max_transfer() const override { return kGiB; }
  uint32_t max_iov() const override { return 1024; }
  bool can_discard() const override { return discards; }
  bool is_available() override { return inserted; }
  BackendBlockSizes probe_block_sizes() override { return block_sizes; }
  void LockMedium(bool locked) override { medium_locked = locked; }
  void TrayMoved(MediumMove direction) override { tray_moves.push_back(direction); }

 private:
  class Channel final : public BlockChannel, private WorkItem {
   public:
    Channel(FakeBlockDevice& device, AioContext& context, ChannelClient& client)
        : device_(device), context_(context), client_(client) {
      MutexLock lock(device_.mutex_);
      device_.channels_.push_back(this);
    }
    ~Channel() override {
      PLATTER_CHECK(outstanding_ == 0);
      if (queued_) context_.CancelDeferred(*this);
      MutexLock lock(device_.mutex_);
      std::erase(device_.channels_, this);
    }

    void Submit(BlockRequest& request) override {
      request.channel_state.channel = this;
      ++outstanding_;
      if (device_.record) {
        device_.asked.push_back({request.op, request.offset, request.bytes, request.flags});
      }
      if (device_.hold) {
        if (device_.let_through == 0) return held_.PushBack(request);
        --device_.let_through;
      }
      Finish(request, Execute(request));
    }
    void Plug() override { ++plugs_; }
    void Unplug() override {
      PLATTER_CHECK(plugs_ > 0);
      if (--plugs_ == 0 && !done_.empty() && !delivering_) Deliver();
    }
    void Cancel(BlockRequest& request) override {
      ++device_.cancels;
      if (device_.on_cancel == OnCancel::kCompletes && held_.Remove(request)) {
        Finish(request, -ECANCELED);
      }
    }
    void CancelAll() override {
      ++device_.cancels;
      if (device_.on_cancel == OnCancel::kStays) return;
      while (IoRequest* request = held_.PopFront()) {
        Finish(static_cast<BlockRequest&>(*request), -ECANCELED);
      }
    }
    uint32_t outstanding() const override { return outstanding_; }
    void CountInvalid(IoOp) override { ++device_.invalid; }
    AioContext& context() override { return context_; }

    void Release() {
      while (IoRequest* request = held_.PopFront()) {
        Finish(static_cast<BlockRequest&>(*request), Execute(static_cast<BlockRequest&>(*request)));
      }
    }
    uint32_t held_count() const {
      uint32_t count = 0;
      for (IoRequest* at = held_.front(); at != nullptr; at = Fifo::Next(*at)) ++count;
      return count;
    }

   protected:
    void OnNodeDone(BlockRequest&, IoResult) override {}

   private:
    using Fifo = IntrusiveFifo<IoRequest, &IoRequest::next>;

    IoResult Execute(const BlockRequest& request) {
      // Written only when set, so that channels on several threads only read.
      if (device_.next_error != 0) return std::exchange(device_.next_error, 0);
      if (device_.skip_next_transfer) {
        device_.skip_next_transfer = false;
        return 0;
      }
      if (request.op == IoOp::kFlush) return 0;
      // A device checks before it asks.
      PLATTER_CHECK(RangeFits(request.offset, request.bytes, device_.data.size()));
      uint8_t* at = device_.data.data() + request.offset;
      if (!IsDataTransfer(request.op)) {
        PLATTER_CHECK(request.iov == nullptr && request.bytes != 0);
        std::memset(at, 0, request.bytes);
        return 0;
      }
      uint64_t done = 0;
      for (uint32_t i = 0; i < request.iov_count; ++i) {
        const iovec& piece = request.iov[i];
        if (request.op == IoOp::kRead) {
          std::memcpy(piece.iov_base, at + done, piece.iov_len);
        } else {
          std::memcpy(at + done, piece.iov_base, piece.iov_len);
        }
        done += piece.iov_len;
      }
      PLATTER_CHECK(done == request.bytes);
      return 0;
    }
    void Finish(BlockRequest& request, IoResult result) {
      request.channel_state.result = result;
      done_.PushBack(request);
      if (plugs_ == 0 && !queued_) {
        queued_ = true;
        context_.Defer(*this);
      }
    }
    void Run() override {
      queued_ = false;
      if (!done_.empty()) Deliver();
    }
    void Deliver() {
      delivering_ = true;
      Fifo batch;
      batch.Swap(done_);
      while (IoRequest* request = batch.PopFront()) {
        auto& done = static_cast<BlockRequest&>(*request);
        --outstanding_;
        done.OnBlockDone(done.channel_state.result);
      }
      delivering_ = false;
      if (!done_.empty() && !queued_) {
        queued_ = true;
        context_.Defer(*this);
      }
      client_.OnBatchDone();  // Last: it may close the channel.
    }

    FakeBlockDevice& device_;
    AioContext& context_;
    ChannelClient& client_;
    Fifo held_;
    Fifo done_;
    uint32_t plugs_ = 0;
    uint32_t outstanding_ = 0;
    bool queued_ = false;
    bool delivering_ = false;
  };

  const std::string name_ = "fake";
  Mutex mutex_;  // Of channels_ while they are opened and closed.
  std::vector<Channel*> channels_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_TESTING_FAKE_BLOCK_DEVICE_H_
