// SPDX-License-Identifier: Apache-2.0
//
// IoRequest: one block request on its way from a device model's channel down a tree of block nodes.
// It is intrusive: the submitter embeds it in a request of its own, and nothing on the way copies
// or allocates it. A layer that adds nothing after completion passes on the very object it got
// (having changed offset or flags, which the layers above no longer read).
//
// Ownership: the submitter owns the request, the iovec array and the memory the array points to,
//   and keeps all of them until OnIoDone; then it may free or reuse them at once.
// Threading: started, and completed by OnIoDone, in `context` (the submitting AioContext).
// Units: offset and bytes are bytes. For reads and writes the iovec lengths add up to `bytes`; for
//   the other operations there is no iovec.
// Errors: an IoResult is 0 or a negative errno. There are no partial transfers: an error says
//   nothing about which part was done.

#ifndef PLATTER_AIO_IO_REQUEST_H_
#define PLATTER_AIO_IO_REQUEST_H_

#include <sys/uio.h>

#include <climits>
#include <cstdint>

namespace platter {

class AioContext;

using IoResult = int32_t;

// What a Start function returns when OnIoDone will be called later. Never passed to OnIoDone.
inline constexpr IoResult kIoPending = INT32_MIN;

enum class IoOp : uint8_t {
  kRead,
  kWrite,
  // Makes every write that completed before this request was submitted durable.
  kFlush,
  // The range's content is no longer needed; what a later read returns is the driver's choice.
  kDiscard,
  // The range reads as zeroes afterwards.
  kWriteZeroes,
};
inline constexpr int kIoOpCount = 5;

// Bits for IoRequest::flags; sources: QEMU's BDRV_REQ_* names are what the field knows them by.
enum class IoFlags : uint16_t {
  kNone = 0,
  // The write is durable when it completes (forced unit access).
  kFua = 1 << 0,
  // kWriteZeroes may deallocate.
  kMayUnmap = 1 << 1,
  // kWriteZeroes fails with ENOTSUP rather than writing buffers of zeroes.
  kNoFallback = 1 << 2,
  // Serialised against every overlapping request.
  kSerialising = 1 << 3,
};
constexpr IoFlags operator|(IoFlags a, IoFlags b) {
  return static_cast<IoFlags>(static_cast<uint16_t>(a) | static_cast<uint16_t>(b));
}
constexpr IoFlags Without(IoFlags flags, IoFlags bit) {
  return static_cast<IoFlags>(static_cast<uint16_t>(flags) & ~static_cast<uint16_t>(bit));
}
constexpr bool Has(IoFlags flags, IoFlags bit) {
  return (static_cast<uint16_t>(flags) & static_cast<uint16_t>(bit)) != 0;
}

constexpr bool IsDataTransfer(IoOp op) { return op == IoOp::kRead || op == IoOp::kWrite; }
// Whether the operation changes what a later read may return.
constexpr bool IsWriteLike(IoOp op) {
  return op == IoOp::kWrite || op == IoOp::kDiscard || op == IoOp::kWriteZeroes;
}

class IoRequest {
 public:
  IoRequest() = default;
  IoRequest(const IoRequest&) = delete;
  IoRequest& operator=(const IoRequest&) = delete;

  // Called exactly once for each Start that returned kIoPending, in `context`, never from inside
  // that Start. It may free the request. It must be short and must not start I/O directly on the
  // node that completed it: owners queue what follows (a channel's done list, a coroutine's resume
  // on the context's ready list).
  virtual void OnIoDone(IoResult result) = 0;

  AioContext* context = nullptr;
  IoOp op = IoOp::kRead;
  IoFlags flags = IoFlags::kNone;
  uint32_t iov_count = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  const iovec* iov = nullptr;

  // For the lists of whoever holds the request now.
  IoRequest* next = nullptr;

 protected:
  ~IoRequest() = default;
};

}  // namespace platter

#endif  // PLATTER_AIO_IO_REQUEST_H_
