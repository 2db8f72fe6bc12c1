// SPDX-License-Identifier: Apache-2.0
//
// ScriptedContext: an AioContext for tests of the file driver whose FileIo port has one file in
// memory and does to each operation what the test says: any errno, any short transfer, in any
// order of the test's choice.
//
// Ownership: the test. Threading: one thread; Post from any. Units: bytes.
// Errors: what the test's rule says.

#ifndef PLATTER_DRIVERS_FILE_SCRIPTED_CONTEXT_H_
#define PLATTER_DRIVERS_FILE_SCRIPTED_CONTEXT_H_

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/file_io.h"
#include "base/intrusive_fifo.h"

namespace platter {

// The file, shared by the ports of several contexts.
struct ScriptedFile {
  std::vector<uint8_t> bytes;
};

// What a port did.
struct ScriptedCall {
  FileOpKind kind = FileOpKind::kRead;
  bool inline_call = false;
  bool dsync = false;
  int mode = 0;  // FALLOC_FL_*, or of an inline call its RWF_* flags.
  uint64_t offset = 0;
  uint64_t bytes = 0;  // Of reads and writes, what the iovecs add up to.

  bool operator==(const ScriptedCall&) const = default;
};

class ScriptedFileIo final : public FileIo {
 public:
  static constexpr int kFd = 77;

  explicit ScriptedFileIo(std::shared_ptr<ScriptedFile> file) : file_(std::move(file)) {}

  // Called with each operation before it has any effect: nullopt does it as asked; a negative errno
  // fails it; a number says how many bytes to transfer at most, or what an operation without data
  // returns.
  std::function<std::optional<int64_t>(const ScriptedCall&)> rule;
  // By default inline calls are not available (-EOPNOTSUPP), as in the simulated world.
  bool allow_inline = false;

  const std::vector<ScriptedCall>& calls() const { return calls_; }
  void ClearCalls() { calls_.clear(); }
  int open_files() const { return open_files_; }

  void Submit(FileOp& op) override;
  void Flush() override {}
  uint32_t outstanding() const override { return outstanding_; }
  int Open(const char* path, int flags, int mode) override;
  int Close(int fd) override;
  int64_t InlineRead(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                     int rwf_flags) override;
  int64_t InlineWrite(int fd, const iovec* iov, uint32_t iov_count, uint64_t offset,
                      int rwf_flags) override;

  // Does what is submitted, oldest first; true when there was anything.
  bool Complete();

 private:
  int64_t Execute(const ScriptedCall& call, const iovec* iov, uint32_t iov_count);
  int64_t Transfer(const ScriptedCall& call, const iovec* iov, uint32_t iov_count, uint64_t most);
  int64_t Inline(FileOpKind kind, const iovec* iov, uint32_t iov_count, uint64_t offset,
                 int rwf_flags);

  std::shared_ptr<ScriptedFile> file_;
  std::vector<ScriptedCall> calls_;
  IntrusiveFifo<FileOp, &FileOp::next> submitted_;
  uint32_t outstanding_ = 0;
  int open_files_ = 0;
};

class ScriptedContext final : public AioContext {
 public:
  explicit ScriptedContext(std::shared_ptr<ScriptedFile> file)
      : AioContext("scripted"), io_(std::move(file)) {}
  ~ScriptedContext() override { FinishQueuedWork(); }

  ScriptedFileIo& io() { return io_; }

  bool InContext() const override { return true; }
  void BindToThisThread() override {}
  Instant Now() const override { return Instant(); }
  void Watch(FdWatch&, int, uint32_t) override {}
  void Unwatch(FdWatch&) override {}
  void AddPoller(Poller&) override {}
  void RemovePoller(Poller&) override {}
  void SetPollOptions(PollOptions) override {}
  FileIo& file_io() override { return io_; }
  bool RunReady() override;
  void RunOnce() override { RunReady(); }
  int PollFd() override { return -1; }
  std::optional<Instant> NextDeadline() override { return std::nullopt; }

 private:
  void ArmTimer(Timer&) override {}
  void DisarmTimer(Timer&) override {}
  void WakeUp() override {}

  ScriptedFileIo io_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_SCRIPTED_CONTEXT_H_
