// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/scripted_context.h"

#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace platter {
namespace {

class CountingOp final : public FileOp {
 public:
  void OnFileDone(int64_t returned) override { results.push_back(returned); }
  std::vector<int64_t> results;
};

TEST(ScriptedContextTest, OperationsTakeEffectInTheNextTurnAsTheRuleSays) {
  auto file = std::make_shared<ScriptedFile>();
  file->bytes = {1, 2, 3, 4};
  ScriptedContext context(file);
  uint8_t memory[4] = {};
  const iovec iov = {memory, 4};
  CountingOp op;
  op.iov = &iov;
  op.iov_count = 1;
  context.io().Submit(op);
  EXPECT_EQ(context.io().outstanding(), 1u);
  context.RunReady();
  EXPECT_EQ(op.results, std::vector<int64_t>{4});
  EXPECT_EQ(memory[3], 4);

  context.io().rule = [](const ScriptedCall& call) { return call.offset == 0 ? 2 : -EIO; };
  context.io().Submit(op);
  context.RunReady();
  op.offset = 1;
  context.io().Submit(op);
  context.RunReady();
  EXPECT_EQ(op.results, (std::vector<int64_t>{4, 2, -EIO}));
  EXPECT_EQ(context.io().calls().size(), 3u);
  EXPECT_EQ(context.io().outstanding(), 0u);
}

TEST(ScriptedContextTest, InlineCallsOnlyWhenAllowed) {
  auto file = std::make_shared<ScriptedFile>();
  file->bytes.resize(100, 9);
  ScriptedContext context(file);
  uint8_t memory[200];
  const iovec iov = {memory, 200};
  EXPECT_EQ(context.io().InlineRead(1, &iov, 1, 0, 0), -EOPNOTSUPP);
  context.io().allow_inline = true;
  EXPECT_EQ(context.io().InlineRead(1, &iov, 1, 40, 0), 60);
  EXPECT_EQ(context.io().InlineRead(1, &iov, 1, 400, 0), 0);
  EXPECT_EQ(context.io().InlineWrite(1, &iov, 1, 50, 0), 200);
  EXPECT_EQ(file->bytes.size(), 250u);
}

}  // namespace
}  // namespace platter
