// SPDX-License-Identifier: Apache-2.0
//
// The host's own I/O: a channel of the backend's context, awaited in the control context. Errors
// are always reported, no policy applies, the tray does not matter and a stopped machine does not
// hold it.

#include <sys/uio.h>

#include <cerrno>
#include <coroutine>
#include <utility>
#include <vector>

#include "aio/await_io.h"
#include "base/arith.h"
#include "base/check.h"
#include "blockbackend/backend_impl.h"

namespace platter {

// Goes from the control context to the channel's, which may change on the way, and back. Of the
// control context's pool: it outlives a coroutine that is destroyed early.
class BlockBackendImpl::HostRequest final : public BlockRequest {
 public:
  HostRequest(BlockBackendImpl& backend, HostOperation operation)
      : backend_(backend),
        wanted_(operation.op),
        unthrottled_(operation.unthrottled),
        parts_(std::move(operation.parts)) {
    op = operation.op;
    flags = operation.flags;
    offset = operation.offset;
    bytes = operation.bytes;
    if (!parts_.empty()) {
      iov = parts_.data();
      iov_count = static_cast<uint32_t>(parts_.size());
    } else if (IsDataTransfer(op) && bytes > 0) {
      part_ = {.iov_base = operation.data, .iov_len = bytes};
      iov = &part_;
      iov_count = 1;
    }
    ++backend_.host_requests_;
  }

  // In `here`. Never calls back.
  void SubmitFrom(AioContext& here) {
    ChannelImpl& channel = *backend_.host_channel_;
    AioContext& there = channel.context();
    if (&there != &here) {
      trip_.Go(there, &HostRequest::Arrive);
    } else if (unthrottled_) {
      channel.SubmitUnthrottled(*this);
    } else {
      channel.Submit(*this);
    }
  }

  void OnBlockDone(IoResult result) override {
    result_ = result;
    if (parts_.size() > 1) backend_.host_channel_->CountMerged(wanted_, parts_.size() - 1);
    if (context == &control()) {
      Finish();
    } else {
      trip_.Go(control(), &HostRequest::Finish);
    }
  }

  IoMeetingPoint<HostRequest, IoResult>* meeting = nullptr;

 private:
  class Trip final : public WorkItem {
   public:
    using Step = void (HostRequest::*)();
    explicit Trip(HostRequest& request) : request_(request) {}
    void Go(AioContext& to, Step step) {
      to_ = &to;
      step_ = step;
      to.Post(*this);
    }
    void Run() override { (request_.*step_)(); }
    AioContext& to() const { return *to_; }

   private:
    HostRequest& request_;
    AioContext* to_ = nullptr;
    Step step_ = nullptr;
  };

  AioContext& control() const { return *backend_.services_.control; }
  void Arrive() { SubmitFrom(trip_.to()); }
  void Finish() {
    --backend_.host_requests_;
    if (meeting != nullptr) meeting->OnDone(result_);
    control().buffers().Delete(this);
  }

  BlockBackendImpl& backend_;
  const IoOp wanted_;
  const bool unthrottled_;
  iovec part_{};
  const std::vector<iovec> parts_;
  IoResult result_ = 0;
  Trip trip_{*this};
};

class BlockBackendImpl::AwaitHostIo {
 public:
  AwaitHostIo(BlockBackendImpl& backend, HostOperation operation)
      : backend_(backend), operation_(std::move(operation)) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    AioContext& context = promise.context();
    PLATTER_CHECK(&context == backend_.services_.control);
    HostRequest& request = *context.buffers().New<HostRequest>(backend_, std::move(operation_));
    meeting_.WaitFor(request, promise);
    request.SubmitFrom(context);
  }
  IoResult await_resume() const { return meeting_.result(); }

 private:
  BlockBackendImpl& backend_;
  HostOperation operation_;
  IoMeetingPoint<HostRequest, IoResult> meeting_;
};

Task<IoResult> BlockBackendImpl::HostIo(HostOperation operation) {
  co_return co_await AwaitHostIo(*this, std::move(operation));
}

Task<IoResult> BlockBackendImpl::WriteAsHost(HostOperation operation) {
  if (root() != nullptr && !device_ && !host_writes_ && MayWrite(*root())) {
    const ChangeSection section = co_await BeginChange();
    if (root() == nullptr) co_return -ENOMEDIUM;
    host_writes_ = true;
    if (!edge_.Change(EdgeOptionsFor(*root())).ok()) {
      host_writes_ = false;
      co_return -EACCES;
    }
  }
  // What the device promised, also while another write has taken the promise off.
  const uint64_t mask = root() == nullptr ? 0 : EdgeOptionsFor(*root()).granularity - 1;
  // A discard writes no block in part: what is not aligned is dropped.
  if (operation.op == IoOp::kDiscard || ((operation.offset | operation.bytes) & mask) == 0) {
    co_return co_await HostIo(std::move(operation));
  }
  // Smaller than the device promised to write: the promise is off while nobody else writes.
  const ChangeSection section = co_await BeginChange();
  if (root() == nullptr) co_return -ENOMEDIUM;
  EdgeOptions options = EdgeOptionsFor(*root());
  options.granularity = 1;
  if (!edge_.Change(options).ok()) co_return -EACCES;
  const iovec part = {.iov_base = operation.data, .iov_len = operation.bytes};
  const IoFlags flags = write_cache_enabled() ? operation.flags : operation.flags | IoFlags::kFua;
  IoArguments arguments = {
      .op = operation.op, .offset = operation.offset, .bytes = operation.bytes, .flags = flags};
  if (!operation.parts.empty()) {
    arguments.iov = operation.parts;
  } else if (IsDataTransfer(operation.op)) {
    arguments.iov = {&part, 1};
  }
  const IoResult result = co_await EdgeIo(arguments);
  edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  co_return result;
}

Task<IoResult> BlockBackendImpl::Pread(uint64_t offset, std::span<uint8_t> data) {
  return HostIo({.op = IoOp::kRead, .offset = offset, .bytes = data.size(), .data = data.data()});
}

Task<IoResult> BlockBackendImpl::PreadUnthrottled(uint64_t offset, std::span<uint8_t> data) {
  return HostIo({.op = IoOp::kRead,
                 .offset = offset,
                 .bytes = data.size(),
                 .data = data.data(),
                 .unthrottled = true});
}

Task<IoResult> BlockBackendImpl::Pwrite(uint64_t offset, std::span<const uint8_t> data,
                                        IoFlags flags) {
  return WriteAsHost({.op = IoOp::kWrite,
                      .offset = offset,
                      .bytes = data.size(),
                      .data = const_cast<uint8_t*>(data.data()),  // iovec has one type for both.
                      .flags = flags});
}

Task<IoResult> BlockBackendImpl::WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) {
  return WriteAsHost({.op = IoOp::kWriteZeroes, .offset = offset, .bytes = bytes, .flags = flags});
}

Task<IoResult> BlockBackendImpl::Discard(uint64_t offset, uint64_t bytes) {
  return WriteAsHost({.op = IoOp::kDiscard, .offset = offset, .bytes = bytes});
}

Task<IoResult> BlockBackendImpl::Flush() { return HostIo({.op = IoOp::kFlush}); }

}  // namespace platter
