// SPDX-License-Identifier: Apache-2.0
//
// ShrinkReporter: tells the operator, at a bounded rate, that a file has become shorter than it was
// when requests met its end too early. The data plane only raises a flag; the control context asks
// the host for the length and writes the line.
//
// Ownership: shared by the node and, weakly, by the reports under way: none is made once the node
// is
//   gone. The log outlives it.
// Threading: Report in any context; everything else in the control context. Units: bytes.

#ifndef PLATTER_DRIVERS_FILE_SHRINK_REPORTER_H_
#define PLATTER_DRIVERS_FILE_SHRINK_REPORTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "aio/aio_context.h"
#include "base/log.h"
#include "drivers/file/host_calls.h"

namespace platter {

class ShrinkReporter : public std::enable_shared_from_this<ShrinkReporter> {
 public:
  ShrinkReporter(AioContext& control, LogSink& log, std::shared_ptr<HostCalls> host, HostFile file)
      : control_(control), log_(log), host_(std::move(host)), file_(std::move(file)) {}

  // A request met the end of the file at `offset`; it was known to reach `known_bytes`.
  void Report(uint64_t offset, uint64_t known_bytes);

 private:
  void WriteLine(uint64_t offset, uint64_t known_bytes);

  AioContext& control_;
  RateLimitedLog log_;
  const std::shared_ptr<HostCalls> host_;
  const HostFile file_;
  std::atomic<bool> pending_{false};
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_SHRINK_REPORTER_H_
