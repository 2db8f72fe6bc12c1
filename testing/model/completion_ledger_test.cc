// SPDX-License-Identifier: Apache-2.0

#include "testing/model/completion_ledger.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

using testing::HasSubstr;
using Outstanding = CompletionLedger::Outstanding;

TEST(CompletionLedgerTest, OnceEachIsFine) {
  CompletionLedger ledger;
  ledger.Submitted(1);
  ledger.Submitted(2);
  ledger.Completed(2);
  EXPECT_TRUE(ledger.Check(Outstanding::kAllowed).ok());
  EXPECT_EQ(ledger.outstanding(), 1u);
  ledger.Completed(1);
  EXPECT_TRUE(ledger.Check(Outstanding::kRefused).ok());
}

TEST(CompletionLedgerTest, NumbersRequestsThatHaveNoIdOfTheirOwn) {
  CompletionLedger ledger;
  EXPECT_EQ(ledger.SubmittedNext(), 1u);
  EXPECT_EQ(ledger.SubmittedNext(), 2u);
  ledger.Completed(1);
  EXPECT_EQ(MessageOf(ledger.Check(Outstanding::kRefused)), "request 2 and 0 more never completed");
}

// The numbers of completions add up, and it is wrong all the same.
TEST(CompletionLedgerTest, ADoubleCompletionDoesNotMakeUpForALostOne) {
  CompletionLedger ledger;
  ledger.Submitted(1);
  ledger.Submitted(2);
  ledger.Completed(1);
  ledger.Completed(1);
  const std::string text = MessageOf(ledger.Check(Outstanding::kRefused));
  EXPECT_THAT(text, HasSubstr("request 1 completed twice"));
  EXPECT_THAT(text, HasSubstr("request 2 and 0 more never completed"));
}

TEST(CompletionLedgerTest, NamesWhatIsWrong) {
  CompletionLedger ledger;
  ledger.Submitted(1);
  ledger.Submitted(1);
  ledger.Completed(1);
  ledger.Completed(1);
  ledger.Completed(5);
  ledger.Submitted(8);
  ledger.Submitted(7);
  const std::string text = MessageOf(ledger.Check(Outstanding::kRefused));
  EXPECT_THAT(text, HasSubstr("request 1 was submitted twice"));
  EXPECT_THAT(text, HasSubstr("request 1 completed twice"));
  EXPECT_THAT(text, HasSubstr("request 5 completed and was never submitted"));
  EXPECT_THAT(text, HasSubstr("request 7 and 1 more never completed"));
}

}  // namespace
}  // namespace platter
