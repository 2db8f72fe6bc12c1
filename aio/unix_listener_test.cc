// SPDX-License-Identifier: Apache-2.0

#include "aio/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/status.h"

namespace platter {
namespace {

class TestClient {
 public:
  explicit TestClient(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

 private:
  OwnedDescriptor socket_;
};

class UnixListenerTest : public testing::Test {
 protected:
  bool Exists() const {
    struct stat found = {};
    return lstat(path_.c_str(), &found) == 0;
  }

  SocketFolder folder_;
  const std::string path_ = folder_.path() + "/sock";
};

TEST_F(UnixListenerTest, ClientsComeInAndTheFileGoesWithIt) {
  {
    absl::StatusOr<UnixListener> listener = UnixListener::Listen(path_);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(listener->Accept(), -EAGAIN);
    TestClient client(path_);
    const int accepted = listener->Accept();
    ASSERT_GE(accepted, 0);
    EXPECT_NE(fcntl(accepted, F_GETFL) & O_NONBLOCK, 0);
    close(accepted);
    const UnixListener moved = *std::move(listener);
    EXPECT_TRUE(Exists());
  }
  EXPECT_FALSE(Exists());
}

TEST_F(UnixListenerTest, AStaleSocketIsTakenOver) {
  absl::StatusOr<UnixListener> dead = UnixListener::Listen(path_);
  ASSERT_TRUE(dead.ok());
  absl::StatusOr<UnixListener> listener = UnixListener::Listen(path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  TestClient client(path_);
  EXPECT_EQ(dead->Accept(), -EAGAIN);
  const int accepted = listener->Accept();
  EXPECT_GE(accepted, 0);
  close(accepted);
}

TEST_F(UnixListenerTest, WhatIsNoSocketStays) {
  std::ofstream(path_) << "data";
  const absl::StatusOr<UnixListener> listener = UnixListener::Listen(path_);
  EXPECT_EQ(ErrnoOf(listener.status()), EEXIST);
  EXPECT_NE(MessageOf(listener.status()).find(path_), std::string::npos);
  EXPECT_TRUE(Exists());
}

TEST_F(UnixListenerTest, PathsThatNoSocketCanHaveAreRefused) {
  EXPECT_EQ(ErrnoOf(UnixListener::Listen("").status()), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(UnixListener::Listen("/tmp/" + std::string(200, 'x')).status()), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(UnixListener::Listen(folder_.path() + "/nofolder/sock").status()), ENOENT);
}

TEST_F(UnixListenerTest, OneThatListensAlreadyIsAdopted) {
  absl::StatusOr<UnixListener> first = UnixListener::Listen(path_);
  ASSERT_TRUE(first.ok());
  {
    absl::StatusOr<UnixListener> adopted = UnixListener::Adopt(OwnedDescriptor(dup(first->fd())));
    ASSERT_TRUE(adopted.ok()) << adopted.status();
    EXPECT_EQ(adopted->path(), "");
    TestClient client(path_);
    const OwnedDescriptor accepted(adopted->Accept());
    EXPECT_GE(accepted.get(), 0);
  }
  EXPECT_TRUE(Exists());
}

TEST_F(UnixListenerTest, WhatDoesNotListenIsNotAdopted) {
  EXPECT_EQ(ErrnoOf(UnixListener::Adopt(OwnedDescriptor(socket(AF_UNIX, SOCK_STREAM, 0))).status()),
            EINVAL);
  EXPECT_EQ(ErrnoOf(UnixListener::Adopt(OwnedDescriptor(open("/dev/null", O_RDONLY))).status()),
            ENOTSOCK);
  EXPECT_EQ(ErrnoOf(UnixListener::Adopt(OwnedDescriptor()).status()), EBADF);
}

}  // namespace
}  // namespace platter
