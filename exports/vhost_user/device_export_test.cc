// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/device_export.h"

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/socket_folder.h"
#include "aio/task.h"
#include "base/arith.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "testing/guest/vhost_user_front_end.h"

namespace platter {
namespace {

// An adapter without units.
class BareExport final : public VhostUserExport {
 public:
  static absl::Status Check(const std::string& path, OwnedDescriptor listener, uint32_t queues) {
    return CheckCommon("bare export", {.path = path, .listener = std::move(listener)},
                       {.asked = queues, .most = 4});
  }
  static absl::Status CheckDrive(const BlockDeviceView& drive) {
    return CheckWritable("bare export", drive);
  }
  absl::Status Begin(const std::string& path, AioContext& control, LogSink& log) {
    adapter_ = *VirtioScsi::Create({.id = "e"}, control);
    return Serve("bare export", {.path = path}, {.name = "e"}, *adapter_, control, log);
  }

 private:
  std::unique_ptr<VirtioScsi> adapter_;
};

TEST(DeviceExportTest, OneSocketAndANumberOfQueues) {
  EXPECT_TRUE(BareExport::Check("x", {}, 1).ok());
  EXPECT_TRUE(BareExport::Check("", OwnedDescriptor(dup(0)), 4).ok());
  EXPECT_EQ(MessageOf(BareExport::Check("x", OwnedDescriptor(dup(0)), 1)),
            "bare export needs the path of a socket or one that listens");
  EXPECT_EQ(ErrnoOf(BareExport::Check("", {}, 1)), EINVAL);
  EXPECT_EQ(MessageOf(BareExport::Check("x", {}, 0)),
            "bare export: num-queues 0 is not between 1 and 4");
  EXPECT_EQ(MessageOf(BareExport::Check("x", {}, 5)),
            "bare export: num-queues 5 is not between 1 and 4");
}

TEST(DeviceExportTest, ADriveThatIsToBeWrittenTo) {
  FakeBlockDevice drive{kMiB};
  EXPECT_TRUE(BareExport::CheckDrive(drive).ok());
  drive.read_only = true;
  const absl::Status refused = BareExport::CheckDrive(drive);
  EXPECT_EQ(ErrnoOf(refused), EACCES);
  EXPECT_EQ(MessageOf(refused),
            "bare export is to be writable, but block backend 'fake' is read-only");
}

TEST(DeviceExportTest, ItIsServedUntilItIsClosed) {
  const SocketFolder folder;
  const auto control = *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  MemoryLog log;
  BareExport bare;
  const absl::Status refused = bare.Begin(folder / "no/e", *control, log);
  EXPECT_EQ(ErrnoOf(refused), ENOENT);
  EXPECT_TRUE(MessageOf(refused).starts_with("bare export: ")) << refused;
  ASSERT_TRUE(bare.Begin(folder / "e", *control, log).ok());
  EXPECT_EQ(bare.path(), folder / "e");
  EXPECT_FALSE(bare.serving());
  auto front = *VhostUserFrontEnd::Connect(folder / "e", {.turn = [&control] {
                                             for (int i = 0; i < 1000 && control->RunReady(); ++i) {
                                             }
                                           }});
  EXPECT_TRUE(front->Ask(VhostUserRequest::kGetFeatures).ok());
  EXPECT_TRUE(bare.serving());
  BlockOn(*control, bare.Close());
  EXPECT_FALSE(bare.serving());
  EXPECT_TRUE(front->WaitUntilClosed().ok());
}

}  // namespace
}  // namespace platter
