// SPDX-License-Identifier: Apache-2.0
//
// Image locks against those of QEMU's tools: each side refuses what the other does not allow, and
// both share what both allow.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/file_rig.h"

extern char** environ;

namespace platter {
namespace {

using ::testing::HasSubstr;

constexpr const char* kQemuIo = "/usr/bin/qemu-io";
constexpr const char* kQemuImg = "/usr/bin/qemu-img";

constexpr Permissions Writer() {
  return {.used = Permission::kConsistentRead | Permission::kWrite,
          .shared = Permission::kConsistentRead | Permission::kWriteUnchanged};
}
constexpr Permissions Reader() {
  return {.used = Permission::kConsistentRead,
          .shared = Permission::kConsistentRead | Permission::kWriteUnchanged};
}

// qemu-io in a process of its own, its commands by pipe; what it prints is kept.
class QemuIo {
 public:
  explicit QemuIo(const std::vector<std::string>& options) {
    std::array<int, 2> in;
    std::array<int, 2> out;
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    std::vector<std::string> words = {kQemuIo};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, kQemuIo, &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    commands_ = in[1];
    output_ = out[0];
  }
  ~QemuIo() { Finish(); }
  QemuIo(const QemuIo&) = delete;
  QemuIo& operator=(const QemuIo&) = delete;

  // Waits until the image is open: qemu-io answers a command only then. False when it ended.
  bool WaitUntilOpen() {
    const std::string command = "length\n";
    if (::write(commands_, command.data(), command.size()) < 0) return false;
    while (text_.find('\n') == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return text_.find("lock") == std::string::npos;
  }
  // Lets it end; everything that it printed.
  std::string Finish() {
    if (pid_ <= 0) return text_;
    ::close(commands_);
    while (ReadSome()) {
    }
    ::close(output_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return text_;
  }

 private:
  bool ReadSome() {
    std::array<char, 4096> chunk;
    const ssize_t got = ::read(output_, chunk.data(), chunk.size());
    if (got <= 0) return false;
    text_.append(chunk.data(), static_cast<size_t>(got));
    return true;
  }

  pid_t pid_ = 0;
  int commands_ = -1;
  int output_ = -1;
  std::string text_;
};

// Runs a program to its end; true when it succeeded.
bool Succeeds(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  return error == 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

// On a qcow2 image, which both sides take seriously: QEMU's driver for raw images shares more.
class QemuInteropTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {kQemuIo, kQemuImg}) {
      if (::access(program, X_OK) != 0) GTEST_SKIP() << "no-peer: qemu-utils isn't installed";
    }
    ::signal(SIGPIPE, SIG_IGN);
    rig_ = std::make_unique<FileRig>(
        RigOptions{.kind = RigKind::kThreads, .place = RigPlace::kPageCache});
    ASSERT_TRUE(Succeeds({kQemuImg, "create", "-q", "-f", "qcow2", rig_->path(), "1M"}));
  }

  std::unique_ptr<FileRig> rig_;
};

TEST_F(QemuInteropTest, QemuRefusesWhatWeWriteTo) {
  ASSERT_TRUE(rig_->node().SetPermissions(Writer()).ok());
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{rig_->path()}, {"-r", rig_->path()}}) {
    QemuIo qemu(options);
    EXPECT_FALSE(qemu.WaitUntilOpen());
    EXPECT_THAT(qemu.Finish(), HasSubstr("lock"));
  }
  // A reader that shares everything comes in.
  QemuIo forced({"-r", "-U", rig_->path()});
  EXPECT_TRUE(forced.WaitUntilOpen()) << forced.Finish();
}

TEST_F(QemuInteropTest, QemuSharesWhatWeShareToo) {
  const Permissions sharing = {.used = Permission::kConsistentRead | Permission::kWrite,
                               .shared = PermissionSet::All()};
  ASSERT_TRUE(rig_->node().SetPermissions(sharing).ok());
  QemuIo raw({"-r", "-f", "raw", rig_->path()});
  EXPECT_TRUE(raw.WaitUntilOpen()) << raw.Finish();
}

TEST_F(QemuInteropTest, WeRefuseWhatQemuWritesTo) {
  QemuIo qemu({rig_->path()});
  ASSERT_TRUE(qemu.WaitUntilOpen()) << qemu.Finish();
  for (const Permissions& permissions : {Writer(), Reader()}) {
    const absl::Status refused = rig_->node().SetPermissions(permissions);
    EXPECT_EQ(ErrnoOf(refused), EBUSY);
    EXPECT_THAT(MessageOf(refused), HasSubstr("'" + rig_->path() + "' is in use"));
  }
  const Permissions forced = {.used = Permission::kConsistentRead, .shared = PermissionSet::All()};
  EXPECT_TRUE(rig_->node().SetPermissions(forced).ok());
  ASSERT_TRUE(rig_->node().SetPermissions({}).ok());
  qemu.Finish();
  EXPECT_TRUE(rig_->node().SetPermissions(Writer()).ok()) << "it has gone";
}

TEST_F(QemuInteropTest, ReadersShare) {
  ASSERT_TRUE(rig_->node().SetPermissions(Reader()).ok());
  QemuIo reader({"-r", rig_->path()});
  EXPECT_TRUE(reader.WaitUntilOpen()) << reader.Finish();
  EXPECT_EQ(ErrnoOf(rig_->node().SetPermissions(Writer())), EBUSY);
  reader.Finish();
  QemuIo writer({rig_->path()});
  EXPECT_FALSE(writer.WaitUntilOpen());
}

TEST_F(QemuInteropTest, QemuComesInWhenWeLetGo) {
  ASSERT_TRUE(rig_->node().SetPermissions(Writer()).ok());
  ASSERT_TRUE(rig_->node().SetPermissions({}).ok());
  QemuIo qemu({rig_->path()});
  EXPECT_TRUE(qemu.WaitUntilOpen()) << qemu.Finish();
}

}  // namespace
}  // namespace platter
