// SPDX-License-Identifier: Apache-2.0
//
// What the file driver and its context cost over the system calls themselves: 4 KiB random reads at
// depth 32 of a file in memory, in the page cache, and with direct I/O, next to loops that do
// nothing but the calls. The folders are /dev/shm and $PLATTER_BENCH_DIR (or /var/tmp).

#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"

#include "aio/create.h"
#include "base/check.h"
#include "base/log.h"
#include "drivers/file/file_node.h"
#include "testing/model/random.h"

namespace platter {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kFileBytes = uint64_t{256} << 20;
constexpr uint32_t kDepth = 32;

std::string DiskFolder() {
  const char* folder = ::getenv("PLATTER_BENCH_DIR");
  return folder != nullptr ? folder : "/var/tmp";
}

// A file full of data that goes when it does.
class BenchFile {
 public:
  explicit BenchFile(const std::string& folder) : path_(folder + "/platter_bench_XXXXXX") {
    const int fd = ::mkstemp(path_.data());
    PLATTER_CHECK(fd >= 0);
    std::vector<uint8_t> chunk(1 << 20, 0x5a);
    for (uint64_t at = 0; at < kFileBytes; at += chunk.size()) {
      PLATTER_CHECK(::write(fd, chunk.data(), chunk.size()) == static_cast<ssize_t>(chunk.size()));
    }
    ::fsync(fd);
    ::close(fd);
  }
  ~BenchFile() { ::unlink(path_.c_str()); }
  BenchFile(const BenchFile&) = delete;
  BenchFile& operator=(const BenchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Buffers {
 public:
  Buffers() : memory_(static_cast<uint8_t*>(::aligned_alloc(kBlock, kDepth * kBlock)), &::free) {}
  uint8_t* At(uint32_t i) const { return memory_.get() + i * kBlock; }

 private:
  std::unique_ptr<uint8_t, decltype(&::free)> memory_;
};

uint64_t RandomOffset(Random& random) { return kBlock * random.Below(kFileBytes / kBlock); }

// --- The node. ---

class Read final : public IoRequest {
 public:
  void OnIoDone(IoResult result) override {
    PLATTER_CHECK(result == 0);
    busy = false;
  }
  iovec piece = {};
  bool busy = false;
};

void NodeReads(benchmark::State& state, const std::string& folder, AioKind kind,
               FileCaching caching) {
  BenchFile file(folder);
  StderrLog log;
  auto context = CreateAioContext({.kind = kind});
  PLATTER_CHECK(context.ok());
  FileOptions options;
  options.filename = file.path();
  options.caching = caching;
  auto node =
      FileNode::Open({.control = context->get(), .log = &log, .host = nullptr}, "disk", options);
  PLATTER_CHECK(node.ok());
  Buffers buffers;
  Random random(1);
  std::vector<Read> reads(kDepth);
  for (uint32_t i = 0; i < kDepth; ++i) {
    Read& read = reads[i];
    read.context = context->get();
    read.piece = {buffers.At(i), kBlock};
    read.iov = &read.piece;
    read.iov_count = 1;
    read.bytes = kBlock;
  }
  uint64_t done = 0;
  for ([[maybe_unused]] auto _ : state) {
    // One turn: what is free is started, then the context does what there is to do.
    bool waiting = true;
    for (Read& read : reads) {
      if (read.busy) continue;
      read.offset = RandomOffset(random);
      read.busy = true;
      if ((*node)->Start(read) != kIoPending) {
        read.busy = false;
        waiting = false;
      }
      ++done;
    }
    if (waiting) {
      (*context)->RunOnce();
    } else {
      (*context)->RunReady();
    }
  }
  (*context)->RunUntil([&] {
    for (const Read& read : reads) {
      if (read.busy) return false;
    }
    return true;
  });
  state.SetItemsProcessed(static_cast<int64_t>(done));
}

// --- Nothing but the calls. ---

void RawReads(benchmark::State& state, const std::string& folder, int rwf_flags) {
  BenchFile file(folder);
  const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  Buffers buffers;
  Random random(1);
  int64_t done = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (uint32_t i = 0; i < kDepth; ++i) {
      const iovec piece = {buffers.At(i), kBlock};
      const auto offset = static_cast<off_t>(RandomOffset(random));
      const ssize_t got = rwf_flags == 0 ? ::pread(fd, piece.iov_base, kBlock, offset)
                                         : ::preadv2(fd, &piece, 1, offset, rwf_flags);
      PLATTER_CHECK(got == static_cast<ssize_t>(kBlock));
    }
    done += kDepth;
  }
  ::close(fd);
  state.SetItemsProcessed(done);
}

void RawRing(benchmark::State& state, const std::string& folder, int open_flags) {
  BenchFile file(folder);
  const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC | open_flags);
  PLATTER_CHECK(fd >= 0);
  io_uring ring;
  PLATTER_CHECK(::io_uring_queue_init(2 * kDepth, &ring, 0) == 0);
  Buffers buffers;
  Random random(1);
  const auto start = [&](uint32_t i) {
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_read(sqe, fd, buffers.At(i), kBlock, RandomOffset(random));
    ::io_uring_sqe_set_data64(sqe, i);
  };
  for (uint32_t i = 0; i < kDepth; ++i) start(i);
  int64_t done = 0;
  for ([[maybe_unused]] auto _ : state) {
    ::io_uring_submit_and_wait(&ring, 1);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    uint32_t free[kDepth];
    io_uring_for_each_cqe(&ring, head, cqe) {
      PLATTER_CHECK(cqe->res == static_cast<int>(kBlock));
      free[count++] = static_cast<uint32_t>(cqe->user_data);
    }
    ::io_uring_cq_advance(&ring, count);
    for (unsigned i = 0; i < count; ++i) start(free[i]);
    done += count;
  }
  ::io_uring_submit_and_wait(&ring, kDepth);
  ::io_uring_queue_exit(&ring);
  ::close(fd);
  state.SetItemsProcessed(done);
}

void MemoryNode(benchmark::State& state) {
  NodeReads(state, "/dev/shm", AioKind::kUring, FileCaching::kPageCache);
}
void MemoryRawPread(benchmark::State& state) { RawReads(state, "/dev/shm", 0); }
void MemoryRawRing(benchmark::State& state) { RawRing(state, "/dev/shm", 0); }
void PageCacheNode(benchmark::State& state) {
  NodeReads(state, DiskFolder(), AioKind::kUring, FileCaching::kPageCache);
}
void PageCacheRawNoWait(benchmark::State& state) { RawReads(state, DiskFolder(), RWF_NOWAIT); }
void PageCacheRawRing(benchmark::State& state) { RawRing(state, DiskFolder(), 0); }
void DirectNode(benchmark::State& state) {
  NodeReads(state, DiskFolder(), AioKind::kUring, FileCaching::kDirect);
}
void DirectNodeThreads(benchmark::State& state) {
  NodeReads(state, DiskFolder(), AioKind::kThreads, FileCaching::kDirect);
}
void DirectRawRing(benchmark::State& state) { RawRing(state, DiskFolder(), O_DIRECT); }

BENCHMARK(MemoryNode);
BENCHMARK(MemoryRawPread);
BENCHMARK(MemoryRawRing);
BENCHMARK(PageCacheNode);
BENCHMARK(PageCacheRawNoWait);
BENCHMARK(PageCacheRawRing);
BENCHMARK(DirectNode)->UseRealTime();
BENCHMARK(DirectNodeThreads)->UseRealTime();
BENCHMARK(DirectRawRing)->UseRealTime();

}  // namespace
}  // namespace platter

BENCHMARK_MAIN();
