// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/peer_process.h"

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr const char* kShell = "/bin/sh";
constexpr const char* kCat = "/bin/cat";

TEST(PeerProcessTest, AnswersLineByLineUntilItsInputEnds) {
  PeerProcess cat({kCat});
  EXPECT_TRUE(cat.Send("one"));
  EXPECT_EQ(cat.WaitFor({"one\n"}), "one\n");
  EXPECT_TRUE(cat.Send("two one"));
  EXPECT_EQ(cat.WaitFor({"one", "two"}), "two") << "what comes first, after what was found before";
  EXPECT_EQ(cat.Finish(), "one\ntwo one\n");
  EXPECT_TRUE(cat.succeeded());
}

TEST(PeerProcessTest, KeepsBothOutputsAndSaysWhetherItSucceeded) {
  PeerProcess shell({kShell, "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(shell.WaitFor({"never"}), "") << "it ended";
  EXPECT_EQ(shell.Finish(), "out\nerr\n");
  EXPECT_FALSE(shell.succeeded());
}

TEST(PeerProcessTest, EndsAProgramThatDoesNotEndItself) {
  PeerProcess shell({kShell, "-c", "echo up; while :; do read x || exec /bin/sleep 1000; done"});
  EXPECT_EQ(shell.WaitFor({"up"}), "up");
}

TEST(PeerProcessTest, AProgramThatIsNotThere) {
  EXPECT_EQ(WhyNoPeer({kShell, kCat}), "");
  EXPECT_EQ(WhyNoPeer({kShell, "/none"}), "no-peer: /none isn't installed");
  PeerProcess none({"/none"});
  EXPECT_EQ(none.Finish(), "");
  EXPECT_FALSE(none.succeeded());
}

}  // namespace
}  // namespace platter
