// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/landlock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "base/status.h"
#include "daemon/sandbox/captive_fixture.h"

namespace platter {
namespace {

int ErrnoOfOpen(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

int ErrnoOfBind(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

class LandlockTest : public testing::Test {
 protected:
  LandlockTest() {
    for (const char* name : {"read", "write", "other"}) {
      std::ofstream(folder_ / name) << "text";
      std::filesystem::create_directory(folder_ / (std::string(name) + "-folder"));
      std::ofstream(folder_ / (std::string(name) + "-folder/file")) << "text";
    }
    std::filesystem::create_directory(folder_ / "sockets");
  }

  using Rules = std::vector<std::pair<std::string, FileRights>>;

  // The errno that `work` returns once the rules hold.
  template <typename Work>
  int Under(const Rules& rules, Work work) {
    return ResultOfCaptive([&] {
      absl::StatusOr<Landlock> made = Landlock::Create();
      if (!made.ok()) return 255;
      for (const auto& [path, rights] : rules) {
        if (!made->Allow(path, rights).ok()) return 254;
      }
      return made->Enforce().ok() ? work() : 253;
    });
  }
  Rules Usual() const {
    return {{folder_ / "read", FileRights::kRead},
            {folder_ / "write", FileRights::kReadWrite},
            {folder_ / "read-folder", FileRights::kRead},
            {folder_ / "write-folder", FileRights::kReadWrite},
            {folder_ / "sockets", FileRights::kSockets},
            {folder_ / "nosuch", FileRights::kReadWrite}};
  }

  const SocketFolder folder_;
};

TEST_F(LandlockTest, FilesAreReadOrWrittenAsAllowed) {
  const struct {
    const char* path;
    int flags;
    int wanted;
  } cases[] = {
      {"read", O_RDONLY, 0},
      {"read", O_RDWR, EACCES},
      {"read", O_RDONLY | O_TRUNC, EACCES},
      {"write", O_RDWR, 0},
      {"write", O_RDWR | O_TRUNC, 0},
      {"other", O_RDONLY, EACCES},
      {"other-folder/file", O_RDONLY, EACCES},
      {"new", O_RDWR | O_CREAT, EACCES},
      {"nosuch", O_RDONLY, ENOENT},
      {"read-folder/file", O_RDONLY, 0},
      {"read-folder/file", O_WRONLY, EACCES},
      {"read-folder/new", O_RDWR | O_CREAT, EACCES},
      {"read-folder", O_RDONLY | O_DIRECTORY, 0},
      {"other-folder", O_RDONLY | O_DIRECTORY, EACCES},
      {"write-folder/new", O_RDWR | O_CREAT, 0},
      {"sockets/file", O_RDWR | O_CREAT, EACCES},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(Under(Usual(), [&] { return ErrnoOfOpen(folder_ / each.path, each.flags); }),
              each.wanted)
        << each.path << ", flags " << each.flags;
  }
}

TEST_F(LandlockTest, WaysAroundItAreClosed) {
  // A link to what is not allowed, a name in what is, and a descriptor's name.
  std::filesystem::create_symlink(folder_ / "other", folder_ / "write-folder/link");
  EXPECT_EQ(Under(Usual(), [&] { return ErrnoOfOpen(folder_ / "write-folder/link", O_RDONLY); }),
            EACCES);
  EXPECT_EQ(Under(Usual(),
                  [&] {
                    return link((folder_ / "other").c_str(),
                                (folder_ / "write-folder/mine").c_str()) == 0
                               ? 0
                               : errno;
                  }),
            EXDEV);
  EXPECT_EQ(Under(Usual(),
                  [&] {
                    return rename((folder_ / "other").c_str(),
                                  (folder_ / "write-folder/mine").c_str()) == 0
                               ? 0
                               : errno;
                  }),
            EACCES)
      << "a file's way into a folder with more rights";
  EXPECT_EQ(Under(Usual(), [&] { return ErrnoOfOpen("/proc/self/mem", O_RDWR); }), EACCES);
  EXPECT_EQ(Under(Usual(), [] { return ErrnoOfOpen("/etc/passwd", O_RDONLY); }), EACCES);
  EXPECT_EQ(Under(Usual(), [] { return execl("/bin/true", "true", nullptr) == 0 ? 0 : errno; }),
            EACCES);
}

TEST_F(LandlockTest, SocketsAreMadeAndRemovedWhereAllowed) {
  EXPECT_EQ(Under(Usual(),
                  [&] {
                    const int made = ErrnoOfBind(folder_ / "sockets/s");
                    if (made != 0) return made;
                    return unlink((folder_ / "sockets/s").c_str()) == 0 ? 0 : errno;
                  }),
            0);
  EXPECT_EQ(Under(Usual(), [&] { return ErrnoOfBind(folder_ / "other-folder/s"); }), EACCES);
  EXPECT_EQ(Under(Usual(), [&] { return unlink((folder_ / "other").c_str()) == 0 ? 0 : errno; }),
            EACCES);
}

TEST_F(LandlockTest, TheNetworkAndOtherProcessesAreOutOfReach) {
  EXPECT_EQ(Under(Usual(),
                  [] {
                    sockaddr_in address = {};
                    address.sin_family = AF_INET;
                    address.sin_port = htons(9);
                    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                    const int fd = socket(AF_INET, SOCK_STREAM, 0);
                    const auto* at = reinterpret_cast<const sockaddr*>(&address);
                    return connect(fd, at, sizeof(address)) == 0 ? 0 : errno;
                  }),
            EACCES);
  const pid_t outside = getpid();
  EXPECT_EQ(Under(Usual(), [&] { return kill(outside, 0) == 0 ? 0 : errno; }), EPERM);
}

TEST_F(LandlockTest, RulesThatCannotBeAreNamed) {
  absl::StatusOr<Landlock> made = Landlock::Create();
  ASSERT_TRUE(made.ok()) << made.status();
  const absl::Status status = made->Allow(folder_ / "read/below", FileRights::kRead);
  EXPECT_EQ(ErrnoOf(status), ENOTDIR);
  EXPECT_NE(MessageOf(status).find(folder_ / "read/below"), std::string::npos) << status;
}

}  // namespace
}  // namespace platter
