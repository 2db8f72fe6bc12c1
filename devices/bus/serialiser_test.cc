// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/serialiser.h"

#include <thread>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(Serialiser, OneThreadAtATimeWhenOn) {
  Serialiser serialiser(Serialiser::Mode::kOn);
  int count = 0;
  auto work = [&] {
    for (int i = 0; i < 10000; ++i) {
      SerialiserLock lock(serialiser);
      ++count;
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(count, 20000);
}

TEST(Serialiser, TakesNoLockWhenOff) {
  Serialiser serialiser(Serialiser::Mode::kOff);
  const uint64_t before = Mutex::TotalAcquisitions();
  {
    SerialiserLock lock(serialiser);
  }
  EXPECT_EQ(Mutex::TotalAcquisitions(), before);
  EXPECT_FALSE(serialiser.on());
}

TEST(Serialiser, WaitLetsTheOtherThreadIn) {
  Serialiser serialiser(Serialiser::Mode::kOn);
  bool done = false;
  std::thread other([&] {
    SerialiserLock lock(serialiser);
    done = true;
    serialiser.NotifyAll();
  });
  {
    SerialiserLock lock(serialiser);
    while (!done) serialiser.Wait();
    EXPECT_TRUE(done);
  }
  other.join();
}

}  // namespace
}  // namespace platter
