// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/inline_budget.h"

#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "drivers/file/scripted_context.h"

namespace platter {
namespace {

TEST(InlineBudgetTest, ATurnHasABudgetAndTheNextANewOne) {
  ScriptedContext context(std::make_shared<ScriptedFile>());
  InlineBudget budget;
  InlineBudget::Slot* slot = budget.Find(context);
  ASSERT_NE(slot, nullptr);
  EXPECT_TRUE(slot->Take(context, InlineBudget::kBytesPerTurn - 100));
  EXPECT_FALSE(slot->Take(context, 101));
  EXPECT_TRUE(slot->Take(context, 100)) << "what was refused was not taken";
  EXPECT_FALSE(slot->Take(context, 1));
  context.RunReady();
  EXPECT_TRUE(slot->Take(context, InlineBudget::kBytesPerTurn));
  context.RunReady();
  EXPECT_FALSE(slot->Take(context, InlineBudget::kBytesPerTurn + 1)) << "never fits a turn";
}

TEST(InlineBudgetTest, EachContextHasASlotOfItsOwnUntilThereAreNone) {
  InlineBudget budget;
  std::vector<std::unique_ptr<ScriptedContext>> contexts;
  std::set<InlineBudget::Slot*> slots;
  for (uint32_t i = 0; i < InlineBudget::kSlots; ++i) {
    contexts.push_back(std::make_unique<ScriptedContext>(nullptr));
    slots.insert(budget.Find(*contexts.back()));
  }
  EXPECT_EQ(slots.size(), InlineBudget::kSlots);
  EXPECT_FALSE(slots.contains(nullptr));
  ScriptedContext one_more(nullptr);
  EXPECT_EQ(budget.Find(one_more), nullptr);
  for (const auto& context : contexts) EXPECT_TRUE(slots.contains(budget.Find(*context)));
}

TEST(InlineBudgetTest, MissesMakeTriesRarerAndAHitEndsThat) {
  ScriptedContext context(nullptr);
  InlineBudget budget;
  InlineBudget::Slot& slot = *budget.Find(context);
  // Always misses: the share of tries falls to one in kMaxSkip + 1.
  int tries = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!slot.WorthTrying()) continue;
    ++tries;
    slot.OnMiss();
  }
  EXPECT_LT(tries, 10'000 / static_cast<int>(InlineBudget::kMaxSkip) + 10);
  EXPECT_GT(tries, 10'000 / static_cast<int>(InlineBudget::kMaxSkip + 1) - 10);
  while (!slot.WorthTrying()) {
  }
  slot.OnHit();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(slot.WorthTrying());
    slot.OnHit();
  }
}

}  // namespace
}  // namespace platter
