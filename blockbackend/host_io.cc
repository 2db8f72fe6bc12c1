// SPDX-License-Identifier: Apache-2.0
//
// The host's own I/O: a channel of the control context, awaited. Errors are always reported, no
// policy applies, the tray does not matter and a stopped machine does not hold it.

#include <sys/uio.h>

#include <cerrno>
#include <coroutine>

#include "aio/await_io.h"
#include "base/arith.h"
#include "base/check.h"
#include "blockbackend/backend_impl.h"

namespace platter {

struct BlockBackendImpl::HostOperation {
  IoOp op;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  void* data = nullptr;
  IoFlags flags = IoFlags::kNone;
};

// Of the control context's pool: it outlives a coroutine that is destroyed early.
class BlockBackendImpl::HostRequest final : public BlockRequest {
 public:
  explicit HostRequest(const HostOperation& operation) {
    op = operation.op;
    flags = operation.flags;
    offset = operation.offset;
    bytes = operation.bytes;
    if (IsDataTransfer(op) && bytes > 0) {
      part_ = {.iov_base = operation.data, .iov_len = bytes};
      iov = &part_;
      iov_count = 1;
    }
  }

  void OnBlockDone(IoResult result) override {
    AioContext& home = *context;
    if (meeting != nullptr) meeting->OnDone(result);
    home.buffers().Delete(this);
  }

  IoMeetingPoint<HostRequest, IoResult>* meeting = nullptr;

 private:
  iovec part_{};
};

class BlockBackendImpl::AwaitHostIo {
 public:
  AwaitHostIo(ChannelImpl& channel, const HostOperation& operation)
      : channel_(channel), operation_(operation) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    AioContext& context = promise.context();
    PLATTER_CHECK(&context == &channel_.context());
    HostRequest& request = *context.buffers().New<HostRequest>(operation_);
    meeting_.WaitFor(request, promise);
    channel_.Submit(request);  // Never calls back.
  }
  IoResult await_resume() const { return meeting_.result(); }

 private:
  ChannelImpl& channel_;
  const HostOperation operation_;
  IoMeetingPoint<HostRequest, IoResult> meeting_;
};

Task<IoResult> BlockBackendImpl::HostIo(HostOperation operation) {
  co_return co_await AwaitHostIo(*host_channel_, operation);
}

Task<IoResult> BlockBackendImpl::HostWrite(HostOperation operation) {
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
    co_return co_await HostIo(operation);
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
  if (IsDataTransfer(operation.op)) arguments.iov = {&part, 1};
  const IoResult result = co_await EdgeIo(arguments);
  edge_.Change(EdgeOptionsFor(*root())).IgnoreError();
  co_return result;
}

Task<IoResult> BlockBackendImpl::Pread(uint64_t offset, std::span<uint8_t> data) {
  return HostIo({.op = IoOp::kRead, .offset = offset, .bytes = data.size(), .data = data.data()});
}

Task<IoResult> BlockBackendImpl::Pwrite(uint64_t offset, std::span<const uint8_t> data,
                                        IoFlags flags) {
  return HostWrite({.op = IoOp::kWrite,
                    .offset = offset,
                    .bytes = data.size(),
                    .data = const_cast<uint8_t*>(data.data()),  // iovec has one type for both.
                    .flags = flags});
}

Task<IoResult> BlockBackendImpl::WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) {
  return HostWrite({.op = IoOp::kWriteZeroes, .offset = offset, .bytes = bytes, .flags = flags});
}

Task<IoResult> BlockBackendImpl::Discard(uint64_t offset, uint64_t bytes) {
  return HostWrite({.op = IoOp::kDiscard, .offset = offset, .bytes = bytes});
}

Task<IoResult> BlockBackendImpl::Flush() { return HostIo({.op = IoOp::kFlush}); }

}  // namespace platter
