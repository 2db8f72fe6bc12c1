// SPDX-License-Identifier: Apache-2.0
//
// The whole content of a memory node, written and read by a scenario itself, beneath everything
// that it has on top of the node.
//
// Ownership: the caller's. Threading: a world with one thread. Units: bytes; `data` is as long as
// the node. Errors: a node that does not answer at once, or not well, fails a check.

#ifndef PLATTER_TESTING_SCENARIOS_MEMORY_IMAGE_H_
#define PLATTER_TESTING_SCENARIOS_MEMORY_IMAGE_H_

#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "aio/aio_context.h"
#include "base/check.h"
#include "drivers/memory/memory_node.h"
#include "drivers/node.h"

namespace platter {

// `op` is kRead or kWrite.
inline void AccessImage(AioContext& context, MemoryNode& node, IoOp op,
                        std::vector<uint8_t>& data) {
  class Request final : public IoRequest {
   public:
    void OnIoDone(IoResult) override { PLATTER_CHECK(false); }
  };
  Request request;
  const iovec piece = {data.data(), data.size()};
  request.context = &context;
  request.op = op;
  request.bytes = data.size();
  request.iov = &piece;
  request.iov_count = 1;
  PLATTER_CHECK(node.Start(request) == 0);
}

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_MEMORY_IMAGE_H_
