// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <thread>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(MutexTest, EveryAcquisitionIsCounted) {
  Mutex mutex;
  const uint64_t before = Mutex::TotalAcquisitions();
  for (int i = 0; i < 3; ++i) MutexLock lock(mutex);
  EXPECT_EQ(Mutex::TotalAcquisitions() - before, 3u);
}

TEST(MutexTest, CondVarHandsAValueFromOneThreadToAnother) {
  Mutex mutex;
  CondVar changed;
  int value = 0;
  std::thread producer([&] {
    MutexLock lock(mutex);
    value = 42;
    changed.NotifyOne();
  });
  {
    MutexLock lock(mutex);
    while (value == 0) changed.Wait(mutex);
    EXPECT_EQ(value, 42);
  }
  producer.join();
}

}  // namespace
}  // namespace platter
