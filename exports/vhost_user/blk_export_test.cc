// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/blk_export.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "aio/socket_folder.h"
#include "aio/unix_listener.h"
#include "base/status.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

class BlkExportTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<VhostUserBlkExport>> Create(VhostUserBlkOptions options) {
    options.id = "e";
    if (options.path.empty() && options.listener.get() < 0) options.path = folder_ / "sock";
    return VhostUserBlkExport::Create(std::move(options), backend_, *control_, log_);
  }
  void Turn() {
    for (int i = 0; i < 1000 && control_->RunReady(); ++i) {
    }
  }
  std::unique_ptr<VhostUserFrontEnd> Connect(const std::string& path) {
    return *VhostUserFrontEnd::Connect(path, {.turn = [this] { Turn(); }});
  }
  void ExpectError(VhostUserBlkOptions options, int error_number, const std::string& text) {
    const absl::Status status = Create(std::move(options)).status();
    EXPECT_EQ(ErrnoOf(status), error_number) << status;
    EXPECT_NE(MessageOf(status).find("vhost-user-blk export 'e'"), std::string::npos) << status;
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status;
    EXPECT_FALSE(backend_.attached);
  }

  SocketFolder folder_;
  std::unique_ptr<AioContext> control_ =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  FakeBlockDevice backend_{kMiB};
  MemoryLog log_;
};

TEST_F(BlkExportTest, WithoutWritableTheGuestReadsOnly) {
  auto made = Create({});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(backend_.attachment.needs_write);
  {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    VhostUserBus bus(options);
    auto front = Connect((*made)->path());
    VirtioVhostUserDriver transport(bus, *front, {});
    VirtioBlkDriver disk(bus, transport, {});
    ASSERT_TRUE(disk.Probe().ok());
    EXPECT_TRUE(disk.info().read_only);
    std::vector<uint8_t> data(512, 1);
    EXPECT_EQ(disk.Read(0, data).value_or(255), guest::kBlkOk);
    EXPECT_EQ(disk.Write(0, data).value_or(255), guest::kBlkIoError);
    EXPECT_EQ((*made)->stats().requests, 2u);
  }
  BlockOn(*control_, (*made)->Close());
  EXPECT_FALSE(backend_.attached);
}

// What a request may hold is read before the rings are made: it doesn't depend on their size.
TEST_F(BlkExportTest, AFrontEndChoosesTheSizeOfItsRings) {
  auto made = Create({.writable = true});
  ASSERT_TRUE(made.ok()) << made.status();
  VhostUserBus::Options options;
  options.turn = [this] { Turn(); };
  // QEMU's, User-mode Linux's, the largest; and one that is refused.
  for (const uint16_t size : {4, 128, 256, 1024, 2048}) {
    VhostUserBus bus(options);
    auto front = Connect((*made)->path());
    VirtioVhostUserDriver transport(bus, *front, {.queue_size = size});
    VirtioBlkDriver disk(bus, transport, {.queue_size = size});
    const absl::Status probed = disk.Probe();
    EXPECT_EQ(probed.ok(), size <= 1024) << size << ": " << probed;
    if (!probed.ok()) continue;
    EXPECT_EQ(transport.layout(0).size, size);
    EXPECT_EQ(disk.info().max_segments, 126u);
    std::vector<uint8_t> data(512, static_cast<uint8_t>(size / 4));
    EXPECT_EQ(disk.Write(0, data).value_or(255), guest::kBlkOk);
    std::vector<uint8_t> read(512);
    EXPECT_EQ(disk.Read(0, read).value_or(255), guest::kBlkOk);
    EXPECT_EQ(read, data);
  }
  BlockOn(*control_, (*made)->Close());
}

TEST_F(BlkExportTest, WithSmallRingsRequestsAreSmall) {
  auto made = Create({.queue_size = 64});
  ASSERT_TRUE(made.ok()) << made.status();
  {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    VhostUserBus bus(options);
    auto front = Connect((*made)->path());
    VirtioVhostUserDriver transport(bus, *front, {});
    VirtioBlkDriver disk(bus, transport, {.queue_size = 64});
    ASSERT_TRUE(disk.Probe().ok());
    EXPECT_EQ(disk.info().max_segments, 62u);
  }
  BlockOn(*control_, (*made)->Close());
}

TEST_F(BlkExportTest, OptionsThatCannotBeAreRefused) {
  ExpectError({.num_queues = 0}, EINVAL, "num-queues 0 is not between 1 and 256");
  ExpectError({.num_queues = 257}, EINVAL, "num-queues 257");
  ExpectError({.logical_block_size = 513}, EINVAL, "logical_block_size 513");
  ExpectError({.queue_size = 100}, EINVAL, "queue-size 100");
  ExpectError({.serial = std::string(21, 's')}, EINVAL, "longer than 20 bytes");
  backend_.read_only = true;
  ExpectError({.writable = true}, EACCES, "is to be writable");
}

TEST_F(BlkExportTest, PathsThatCannotBeAreRefused) {
  ExpectError({.path = folder_ / "missing/sock"}, ENOENT, "missing/sock");
  std::ofstream(folder_ / "file") << "x";
  ExpectError({.path = folder_ / "file"}, EEXIST, "no socket");
  ExpectError({.path = folder_ / std::string(200, 'x')}, ENAMETOOLONG, "1 to 107 bytes");
  ExpectError({.listener = OwnedDescriptor(dup(0))}, ENOTSOCK, "descriptor");
}

TEST_F(BlkExportTest, ABackendInUseIsRefused) {
  auto made = Create({});
  ASSERT_TRUE(made.ok());
  VhostUserBlkOptions second;
  second.id = "e2";
  second.path = folder_ / "sock2";
  EXPECT_EQ(
      ErrnoOf(VhostUserBlkExport::Create(std::move(second), backend_, *control_, log_).status()),
      EBUSY);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "sock2"));
  BlockOn(*control_, (*made)->Close());
  made->reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "sock"));
}

TEST_F(BlkExportTest, ASocketThatListensAlreadyIsServed) {
  const std::string path = folder_ / "theirs";
  absl::StatusOr<UnixListener> listener = UnixListener::Listen(path);
  ASSERT_TRUE(listener.ok());
  auto made = Create({.listener = OwnedDescriptor(dup(listener->fd()))});
  ASSERT_TRUE(made.ok()) << made.status();
  {
    auto front = Connect(path);
    EXPECT_TRUE(front->Ask(VhostUserRequest::kGetFeatures).ok());
  }
  BlockOn(*control_, (*made)->Close());
}

}  // namespace
}  // namespace platter
