// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/notifier.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

using IntList = NotifierList<int>;
using IntNotifier = Notifier<int>;

TEST(NotifierTest, CalledInTheOrderOfAddingUntilTheyGo) {
  IntList list;
  std::vector<std::string> calls;
  const auto note = [&calls](std::string who) {
    return [&calls, who](int value) { calls.push_back(who + std::to_string(value)); };
  };
  EXPECT_TRUE(list.empty());
  IntNotifier first(list, note("a"));
  {
    IntNotifier second(list, note("b"));
    list.Notify(1);
  }
  IntNotifier third(list, note("c"));
  list.Notify(2);
  EXPECT_THAT(calls, ElementsAre("a1", "b1", "a2", "c2"));
}

TEST(NotifierTest, OneMayRemoveItselfAndStillUseWhatItHolds) {
  IntList list;
  std::optional<IntNotifier> self;
  const std::string held = "a text that is longer than what fits into a small object";
  std::string seen;
  self.emplace(list, [&self, &seen, held](int) {
    self.reset();
    seen = held;
  });
  list.Notify(1);
  EXPECT_EQ(seen, held);
  EXPECT_TRUE(list.empty());
  list.Notify(2);
}

TEST(NotifierTest, OneMayRemoveThoseBeforeAndAfterIt) {
  IntList list;
  std::vector<int> calls;
  std::optional<IntNotifier> one, two, three, four;
  one.emplace(list, [&](int) { calls.push_back(1); });
  two.emplace(list, [&](int) {
    calls.push_back(2);
    one.reset();
    three.reset();
  });
  three.emplace(list, [&](int) { calls.push_back(3); });
  four.emplace(list, [&](int) { calls.push_back(4); });
  list.Notify(0);
  EXPECT_THAT(calls, ElementsAre(1, 2, 4));
  list.Notify(0);
  EXPECT_THAT(calls, ElementsAre(1, 2, 4, 2, 4));
}

TEST(NotifierTest, OneThatComesDuringACallWaitsForTheNext) {
  IntList list;
  std::vector<int> calls;
  std::optional<IntNotifier> late;
  IntNotifier first(list, [&](int value) {
    calls.push_back(value);
    if (!late) late.emplace(list, [&calls](int later) { calls.push_back(10 * later); });
  });
  list.Notify(1);
  EXPECT_THAT(calls, ElementsAre(1));
  list.Notify(2);
  EXPECT_THAT(calls, ElementsAre(1, 2, 20));
}

TEST(NotifierTest, CallsNestAndNoneIsCalledFromInsideItself) {
  IntList list;
  std::vector<int> calls;
  std::optional<IntNotifier> last;
  IntNotifier first(list, [&](int value) {
    calls.push_back(value);
    list.Notify(value + 1);
    last.reset();  // Also the outer call must not find it.
  });
  last.emplace(list, [&](int value) { calls.push_back(100 + value); });
  list.Notify(1);
  EXPECT_THAT(calls, ElementsAre(1, 102));
}

TEST(NotifierTest, TheListMayGoFirstAndDuringACall) {
  auto list = std::make_unique<IntList>();
  int calls = 0;
  IntNotifier first(*list, [&](int) {
    ++calls;
    list.reset();
  });
  IntNotifier second(*list, [&](int) { ++calls; });
  list->Notify(1);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(list, nullptr);
}

}  // namespace
}  // namespace platter
