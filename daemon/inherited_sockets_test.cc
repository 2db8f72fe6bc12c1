// SPDX-License-Identifier: Apache-2.0

#include "daemon/inherited_sockets.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

// Far from what a test has open.
constexpr int kFirst = 200;

class InheritedSocketsTest : public testing::Test {
 protected:
  InheritedSocketsTest() {
    for (int i = 0; i < 3; ++i) {
      const OwnedDescriptor event(eventfd(0, 0));
      EXPECT_EQ(dup2(event.get(), kFirst + i), kFirst + i);
    }
  }
  ~InheritedSocketsTest() override {
    for (int i = 0; i < 3; ++i) close(kFirst + i);
  }
  // Whether a write to the copy can be read from that descriptor.
  static bool IsCopyOf(const OwnedDescriptor& copy, int fd) {
    const uint64_t one = 1;
    uint64_t back = 0;
    return write(copy.get(), &one, sizeof(one)) == sizeof(one) &&
           read(fd, &back, sizeof(back)) == sizeof(back) && back == one;
  }
  static void ExpectError(const absl::Status& status, int error_number, const std::string& text) {
    EXPECT_EQ(ErrnoOf(status), error_number) << status;
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status;
  }
};

TEST_F(InheritedSocketsTest, NamesAndNumbers) {
  const auto sockets = InheritedSockets::Make(kFirst, 3, "export:twice:twice");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_EQ(fcntl(kFirst + 2, F_GETFD), FD_CLOEXEC);
  for (int i = 0; i < 2; ++i) {
    const auto copy = sockets->Copy("export");
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_TRUE(IsCopyOf(*copy, kFirst)) << "and it stays, for the next one";
  }
  EXPECT_TRUE(IsCopyOf(*sockets->Copy(std::to_string(kFirst + 1)), kFirst + 1));
  ExpectError(sockets->Copy("twice").status(), EINVAL, "2 sockets are called 'twice'");
  ExpectError(sockets->Copy("nosuch").status(), ENOENT, "'nosuch' is neither the number");
  ExpectError(sockets->Copy("-1").status(), ENOENT, "'-1'");
  ExpectError(sockets->Copy("9999").status(), EBADF, "descriptor 9999");
}

TEST_F(InheritedSocketsTest, WithoutNamesTheyAreUnknown) {
  const auto one = InheritedSockets::Make(kFirst, 1, "");
  ASSERT_TRUE(one.ok());
  EXPECT_TRUE(IsCopyOf(*one->Copy("unknown"), kFirst));
  ExpectError(InheritedSockets().Copy("unknown").status(), ENOENT, "'unknown'");
  ExpectError(InheritedSockets::Make(kFirst, 2, "a").status(), EINVAL,
              "LISTEN_FDNAMES: 1 names for 2 descriptors");
  ExpectError(InheritedSockets::Make(kFirst, 4, "").status(), EBADF, "LISTEN_FDS: descriptor 203");
}

TEST_F(InheritedSocketsTest, OnlyOneselfIsMeant) {
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "x", 1);
  setenv("LISTEN_FDNAMES", "a", 1);
  EXPECT_TRUE(InheritedSockets::FromEnvironment().ok()) << "somebody else's";
  for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    EXPECT_EQ(getenv(name), nullptr) << name;
  }
  for (const char* const wrong : {"", "x", "-1", "1025"}) {
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", wrong, 1);
    ExpectError(InheritedSockets::FromEnvironment().status(), EINVAL, "LISTEN_FDS: ");
  }
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "0", 1);
  EXPECT_TRUE(InheritedSockets::FromEnvironment().ok());
}

}  // namespace
}  // namespace platter
