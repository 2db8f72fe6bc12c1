// SPDX-License-Identifier: Apache-2.0
#include "drivers/blkdebug/rules.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

using Event = BlkdebugEvent;
using Io = BlkdebugIoType;

constexpr BlkdebugRules::Subject kRead{.iotype = Io::kRead, .offset = 0, .bytes = 512};
constexpr BlkdebugRules::Subject kWrite{.iotype = Io::kWrite, .offset = 4096, .bytes = 512};

int ErrorFor(BlkdebugRules& rules, const BlkdebugRules::Subject& subject) {
  const auto fault = rules.TakeFault(subject);
  return fault.has_value() ? fault->error : 0;
}

TEST(BlkdebugRulesTest, TheDefaultFailsEverythingButBlockStatus) {
  BlkdebugRules rules;
  rules.Add(BlkdebugErrorRule{});
  EXPECT_EQ(ErrorFor(rules, kRead), EIO);
  EXPECT_EQ(ErrorFor(rules, kWrite), EIO);
  EXPECT_EQ(ErrorFor(rules, {.iotype = Io::kFlush}), EIO);
  EXPECT_EQ(ErrorFor(rules, {.iotype = Io::kBlockStatus, .offset = 0, .bytes = 1}), 0);
}

TEST(BlkdebugRulesTest, IoTypeAndCount) {
  BlkdebugRules rules;
  rules.Add(BlkdebugErrorRule{.iotype = Io::kWrite, .error = ENOSPC, .count = 2});
  EXPECT_EQ(ErrorFor(rules, kRead), 0);
  EXPECT_EQ(ErrorFor(rules, kWrite), ENOSPC);
  EXPECT_EQ(ErrorFor(rules, kWrite), ENOSPC);
  EXPECT_EQ(ErrorFor(rules, kWrite), 0);
  EXPECT_TRUE(rules.empty());
}

TEST(BlkdebugRulesTest, RangesTouchOrNot) {
  struct Row {
    uint64_t offset, bytes;
    bool fails;
  };
  const Row kTable[] = {{0, 1000, false}, {0, 1001, true},       {1000, 1, true},
                        {1099, 1, true},  {1100, 1, false},      {500, 2000, true},
                        {1050, 0, false}, {UINT64_MAX, 1, false}};
  for (const Row& row : kTable) {
    BlkdebugRules rules;
    rules.Add(BlkdebugErrorRule{.range = BlkdebugRange{.offset = 1000, .bytes = 100}});
    EXPECT_EQ(ErrorFor(rules, {.iotype = Io::kRead, .offset = row.offset, .bytes = row.bytes}) != 0,
              row.fails)
        << row.offset << "+" << row.bytes;
  }
  BlkdebugRules rules;
  rules.Add(BlkdebugErrorRule{.range = BlkdebugRange{}});
  EXPECT_EQ(ErrorFor(rules, {.iotype = Io::kFlush}), 0);  // At no place.
  EXPECT_EQ(ErrorFor(rules, kWrite), EIO);
}

TEST(BlkdebugRulesTest, AnEventArmsUntilAnotherDoes) {
  BlkdebugRules rules;
  rules.Add(BlkdebugErrorRule{.event = Event::kReadAio, .error = 1});
  rules.Add(BlkdebugErrorRule{.event = Event::kPwritev, .error = 2});
  EXPECT_EQ(ErrorFor(rules, kWrite), 0);
  rules.OnEvent(Event::kReadAio);
  EXPECT_EQ(ErrorFor(rules, kWrite), 1);
  rules.OnEvent(Event::kWriteAio);
  EXPECT_EQ(ErrorFor(rules, kWrite), 1);
  rules.OnEvent(Event::kPwritev);
  EXPECT_EQ(ErrorFor(rules, kWrite), 2);
}

TEST(BlkdebugRulesTest, StatesSequenceRules) {
  BlkdebugRules rules;
  rules.Add(BlkdebugStateRule{.event = Event::kWriteAio, .state = 1, .new_state = 2});
  rules.Add(BlkdebugStateRule{.event = Event::kWriteAio, .state = 2, .new_state = 3});
  rules.Add(BlkdebugErrorRule{.event = Event::kWriteAio, .state = 2});
  EXPECT_EQ(rules.state(), 1u);
  rules.OnEvent(Event::kWriteAio);
  EXPECT_EQ(rules.state(), 2u);  // One step per event.
  EXPECT_EQ(ErrorFor(rules, kWrite), 0);
  rules.OnEvent(Event::kWriteAio);
  EXPECT_EQ(rules.state(), 3u);
  EXPECT_EQ(ErrorFor(rules, kWrite), EIO);
}

TEST(BlkdebugRulesTest, ARuleWithoutEventMayAskForAState) {
  BlkdebugRules rules;
  rules.Add(BlkdebugErrorRule{.state = 5});
  rules.Add(BlkdebugStateRule{.event = Event::kFlushToDisk, .new_state = 5});
  EXPECT_EQ(ErrorFor(rules, kRead), 0);
  rules.OnEvent(Event::kFlushToDisk);
  EXPECT_EQ(ErrorFor(rules, kRead), EIO);
}

TEST(BlkdebugRulesTest, AStateRuleWithoutEventTakesEffectAsItIsAdded) {
  BlkdebugRules rules;
  rules.Add(BlkdebugStateRule{.state = 2, .new_state = 9});
  EXPECT_EQ(rules.state(), 1u);
  rules.Add(BlkdebugStateRule{.state = 1, .new_state = 5});
  EXPECT_EQ(rules.state(), 5u);
  rules.OnEvent(Event::kReadAio);
  EXPECT_EQ(rules.state(), 5u);
}

TEST(BlkdebugRulesTest, SuspendRulesAreUsedUpAndRemovedByTag) {
  BlkdebugRules rules;
  rules.Add(BlkdebugSuspendRule{.event = Event::kReadAio, .tag = "a"});
  rules.Add(BlkdebugSuspendRule{.tag = "b", .iotype = Io::kWrite, .count = kBlkdebugForEver});
  EXPECT_EQ(rules.TakeSuspend(Event::kReadAio, kRead), "a");
  EXPECT_EQ(rules.TakeSuspend(Event::kReadAio, kRead), std::nullopt);
  EXPECT_EQ(rules.TakeSuspend(Event::kNone, kRead), std::nullopt);
  EXPECT_EQ(rules.TakeSuspend(Event::kNone, kWrite), "b");
  EXPECT_EQ(rules.TakeSuspend(Event::kNone, kWrite), "b");
  rules.RemoveSuspend("b");
  EXPECT_EQ(rules.TakeSuspend(Event::kNone, kWrite), std::nullopt);
  EXPECT_FALSE(rules.HasEvent(Event::kReadAio));
}

}  // namespace
}  // namespace platter
