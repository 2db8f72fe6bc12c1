// SPDX-License-Identifier: Apache-2.0
//
// Image locks against those of QEMU's tools: each side refuses what the other does not allow, and
// both share what both allow. Two machines that write: //testing/scenarios:qemu_share_rw_test.

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/file_rig.h"
#include "testing/peers/peer_process.h"

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

class QemuIo final : public PeerProcess {
 public:
  explicit QemuIo(std::vector<std::string> options) : PeerProcess(Words(std::move(options))) {}

  // Waits until the image is open: qemu-io answers a command only then. False when it is not.
  bool WaitUntilOpen() {
    return Send("length") && WaitFor({"\n"}) == "\n" && output().find("lock") == std::string::npos;
  }

 private:
  static std::vector<std::string> Words(std::vector<std::string> options) {
    options.insert(options.begin(), kQemuIo);
    return options;
  }
};

// On a qcow2 image, which both sides take seriously: QEMU's driver for raw images shares more.
class QemuInteropTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPeer({kQemuIo, kQemuImg}); !why.empty()) GTEST_SKIP() << why;
    rig_ = std::make_unique<FileRig>(
        RigOptions{.kind = RigKind::kThreads, .place = RigPlace::kPageCache});
    PeerProcess create({kQemuImg, "create", "-q", "-f", "qcow2", rig_->path(), "1M"});
    create.Finish();
    ASSERT_TRUE(create.succeeded()) << create.output();
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
