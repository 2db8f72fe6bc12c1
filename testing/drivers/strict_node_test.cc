// SPDX-License-Identifier: Apache-2.0
//
// A strict node sees each kind of broken promise: a test that relies on it can fail.
#include "testing/drivers/strict_node.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"

namespace platter {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DirectRequest final : public IoRequest {
 public:
  DirectRequest(AioContext& io, IoOp kind, uint64_t at, uint64_t length) {
    context = &io;
    op = kind;
    offset = at;
    bytes = length;
  }
  void OnIoDone(IoResult) override {}
};

class StrictNodeTest : public ::testing::Test {
 protected:
  StrictOptions Fussy() {
    StrictOptions options{.size = 8192, .features = {}};
    options.limits.request_alignment = 512;
    options.limits.memory_alignment = 512;
    options.limits.max_transfer = 1024;
    options.limits.max_iov = 2;
    return options;
  }
  std::vector<std::string> After(StrictNode& node, DirectRequest& request,
                                 std::vector<iovec> pieces = {}) {
    request.iov = pieces.data();
    request.iov_count = static_cast<uint32_t>(pieces.size());
    node.Start(request);
    return node.Complaints();
  }

  SimulatedWorld world_{1};
  AioContext& io_ = world_.NewContext("io");
  alignas(512) uint8_t memory_[8192] = {};
};

TEST_F(StrictNodeTest, SeesRangeAlignmentAndLength) {
  StrictNode node(Fussy());
  DirectRequest good(io_, IoOp::kRead, 512, 1024);
  EXPECT_THAT(After(node, good, {{memory_, 1024}}), IsEmpty());
  DirectRequest beyond(io_, IoOp::kRead, 8192, 512);
  EXPECT_THAT(After(node, beyond, {{memory_, 512}}), Contains(HasSubstr("out of range")));
  DirectRequest misaligned(io_, IoOp::kRead, 100, 512);
  EXPECT_THAT(After(node, misaligned, {{memory_, 512}}), Contains(HasSubstr(": not aligned")));
  DirectRequest longer(io_, IoOp::kRead, 0, 1536);
  EXPECT_THAT(After(node, longer, {{memory_, 1536}}), Contains(HasSubstr("too long")));
}

TEST_F(StrictNodeTest, SeesMemoryAndPieces) {
  StrictNode node(Fussy());
  DirectRequest odd(io_, IoOp::kRead, 0, 512);
  EXPECT_THAT(After(node, odd, {{memory_ + 1, 512}}), Contains(HasSubstr("memory not aligned")));
  DirectRequest many(io_, IoOp::kRead, 0, 512);
  EXPECT_THAT(After(node, many, {{memory_, 512}, {memory_, 0}, {memory_, 0}}),
              Contains(HasSubstr("too many pieces")));
  DirectRequest missing(io_, IoOp::kRead, 0, 1024);
  EXPECT_THAT(After(node, missing, {{memory_, 1024}, {memory_, 512}}),
              Contains(HasSubstr("don't add up")));
}

TEST_F(StrictNodeTest, SeesOperationsThatItDoesNotHave) {
  StrictNode node(Fussy());
  for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
    DirectRequest request(io_, op, 0, 512);
    After(node, request);
  }
  DirectRequest fua(io_, IoOp::kWrite, 0, 512);
  fua.flags = IoFlags::kFua;
  After(node, fua, {{memory_, 512}});
  EXPECT_EQ(node.Complaints().size(), 3u);
}

TEST_F(StrictNodeTest, SeesTheWrongContext) {
  AioContext& home = world_.NewContext("home");
  StrictNode node({.home_context = &home});
  DirectRequest request(io_, IoOp::kFlush, 0, 0);
  EXPECT_THAT(After(node, request), Contains(HasSubstr("not in the home context")));
}

}  // namespace
}  // namespace platter
