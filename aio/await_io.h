// SPDX-License-Identifier: Apache-2.0
//
// AwaitIo: one IoRequest from a Task, on anything that has `IoResult Start(IoRequest&)`. AwaitFile:
// the same for a FileOp on a FileIo port.
//
//   iovec iov = {buffer, 4096};
//   IoResult result = co_await AwaitIo(node, {.op = IoOp::kRead, .offset = 0, .iov = {&iov, 1}});
//
// Ownership: the request comes from the context's pool, and a single iovec is copied into it. The
//   data memory, and an array of several iovecs, must live until the I/O ends: when a Task is
//   destroyed while its I/O is in flight, the request lives on, and the memory must too.
// Threading: in the context. Units: bytes.
// Errors: what Start or OnIoDone gave: 0 or a negative errno. AwaitFile: what FileIo gives.

#ifndef PLATTER_AIO_AWAIT_IO_H_
#define PLATTER_AIO_AWAIT_IO_H_

#include <sys/uio.h>

#include <coroutine>
#include <cstdint>
#include <span>

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/file_io.h"
#include "aio/io_request.h"
#include "aio/task.h"

namespace platter {

struct IoArguments {
  IoOp op = IoOp::kRead;
  uint64_t offset = 0;
  // For operations without data; otherwise the lengths of `iov` give it.
  uint64_t bytes = 0;
  std::span<const iovec> iov = {};
  IoFlags flags = IoFlags::kNone;
};

// Where a coroutine and an operation that may outlive it meet.
template <typename Operation, typename Result>
class IoMeetingPoint {
 public:
  IoMeetingPoint() = default;
  IoMeetingPoint(const IoMeetingPoint&) = delete;
  IoMeetingPoint& operator=(const IoMeetingPoint&) = delete;
  ~IoMeetingPoint() {
    if (operation_ != nullptr) operation_->meeting = nullptr;
  }

  void WaitFor(Operation& operation, TaskPromiseBase& promise) {
    operation_ = &operation;
    promise_ = &promise;
    operation.meeting = this;
  }
  void OnDone(Result result) {
    operation_ = nullptr;
    result_ = result;
    promise_->ScheduleResume();
  }
  // The operation ended before the coroutine waited.
  void EndedAtOnce(Result result) {
    operation_ = nullptr;
    result_ = result;
  }
  Result result() const { return result_; }

 private:
  Operation* operation_ = nullptr;
  TaskPromiseBase* promise_ = nullptr;
  Result result_ = 0;
};

// A request of the context's pool.
class AwaitedRequest final : public IoRequest {
 public:
  AwaitedRequest(AioContext& home, const IoArguments& arguments) {
    context = &home;
    op = arguments.op;
    flags = arguments.flags;
    offset = arguments.offset;
    bytes = arguments.bytes;
    iov_count = static_cast<uint32_t>(arguments.iov.size());
    iov = arguments.iov.data();
    if (IsDataTransfer(op)) {
      bytes = 0;
      for (const iovec& part : arguments.iov) bytes += part.iov_len;
    }
    if (iov_count == 1) {
      single_ = arguments.iov.front();
      iov = &single_;
    }
    home_ = &home;
  }

  void OnIoDone(IoResult result) override {
    if (meeting != nullptr) meeting->OnDone(result);
    home_->buffers().Delete(this);
  }

  IoMeetingPoint<AwaitedRequest, IoResult>* meeting = nullptr;

 private:
  AioContext* home_;
  iovec single_{};
};

template <typename Node>
class AwaitIo {
 public:
  AwaitIo(Node& node, const IoArguments& arguments) : node_(node), arguments_(arguments) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    AioContext& context = promise.context();
    auto& request = *context.buffers().template New<AwaitedRequest>(context, arguments_);
    meeting_.WaitFor(request, promise);
    const IoResult result = node_.Start(request);
    if (result == kIoPending) return true;
    meeting_.EndedAtOnce(result);
    context.buffers().Delete(&request);
    return false;
  }
  IoResult await_resume() const { return meeting_.result(); }

 private:
  Node& node_;
  IoArguments arguments_;
  IoMeetingPoint<AwaitedRequest, IoResult> meeting_;
};

// A FileOp of the context's pool.
class AwaitedFileOp final : public FileOp {
 public:
  explicit AwaitedFileOp(AioContext& home) : home_(&home) {}

  void OnFileDone(int64_t done_result) override {
    if (meeting != nullptr) meeting->OnDone(done_result);
    home_->buffers().Delete(this);
  }

  IoMeetingPoint<AwaitedFileOp, int64_t>* meeting = nullptr;
  iovec single{};

 private:
  AioContext* home_;
};

struct FileArguments {
  int fd = -1;
  FileOpKind kind = FileOpKind::kRead;
  uint64_t offset = 0;
  std::span<const iovec> iov = {};
  bool dsync = false;
  int mode = 0;
  uint64_t bytes = 0;
};

// Runs on the port of the coroutine's own context.
class AwaitFile {
 public:
  explicit AwaitFile(const FileArguments& arguments) : arguments_(arguments) {}

  bool await_ready() const noexcept { return false; }
  template <TaskPromiseType Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    TaskPromiseBase& promise = handle.promise();
    AioContext& context = promise.context();
    auto& op = *context.buffers().template New<AwaitedFileOp>(context);
    op.fd = arguments_.fd;
    op.kind = arguments_.kind;
    op.offset = arguments_.offset;
    op.dsync = arguments_.dsync;
    op.mode = arguments_.mode;
    op.bytes = arguments_.bytes;
    op.iov_count = static_cast<uint32_t>(arguments_.iov.size());
    op.iov = arguments_.iov.data();
    if (op.iov_count == 1) {
      op.single = arguments_.iov.front();
      op.iov = &op.single;
    }
    meeting_.WaitFor(op, promise);
    context.file_io().Submit(op);
  }
  int64_t await_resume() const { return meeting_.result(); }

 private:
  FileArguments arguments_;
  IoMeetingPoint<AwaitedFileOp, int64_t> meeting_;
};

}  // namespace platter

#endif  // PLATTER_AIO_AWAIT_IO_H_
