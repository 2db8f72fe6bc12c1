// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/contract_world.h"

#include <thread>

#include "gtest/gtest.h"

namespace platter {
namespace {

class ContractWorldTest : public ::testing::TestWithParam<ContextKind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, ContractWorldTest,
                         ::testing::Values(ContextKind::kSimulated, ContextKind::kThreads,
                                           ContextKind::kUring),
                         [](const auto& kind) { return NameOf(kind.param); });

TEST_P(ContractWorldTest, ServesContextsAndRunsWorkInThem) {
  auto world = ContractWorld::Create(GetParam(), 1);
  if (!world.ok() && GetParam() == ContextKind::kUring) {
    GTEST_SKIP() << "no-io-uring: " << world.status();
  }
  ASSERT_TRUE(world.ok()) << world.status();
  AioContext& a = (*world)->NewServedContext("a");
  AioContext& b = (*world)->NewServedContext("b");
  int runs = 0;
  std::thread::id threads[2];
  for (AioContext* const context : {&a, &b}) {
    (*world)->RunIn(*context, [&] {
      EXPECT_TRUE(context->InContext());
      threads[runs++] = std::this_thread::get_id();
    });
  }
  EXPECT_EQ(runs, 2);
  const bool simulated = GetParam() == ContextKind::kSimulated;
  EXPECT_EQ((*world)->simulated() != nullptr, simulated);
  EXPECT_EQ(threads[0] == threads[1], simulated);
}

}  // namespace
}  // namespace platter
