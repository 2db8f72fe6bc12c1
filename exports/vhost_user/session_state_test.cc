// SPDX-License-Identifier: Apache-2.0
//
// A device's state goes from one export to another through the front-end, and its guest goes on
// there.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "exports/vhost_user/session_fixture.h"
#include "exports/vhost_user/state_transfer.h"

namespace platter {
namespace {

using R = VhostUserRequest;

struct Pipe {
  Pipe() {
    std::array<int, 2> pair = {-1, -1};
    PLATTER_CHECK(pipe2(pair.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    reader = OwnedDescriptor(pair[0]);
    writer = OwnedDescriptor(pair[1]);
  }
  OwnedDescriptor reader;
  OwnedDescriptor writer;
};

// A guest on the source; its front-end moves it to the target.
class SessionStateTest : public testing::Test {
 protected:
  SessionStateTest() {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    bus_ = std::make_unique<VhostUserBus>(options);
    source_front_ = source_.Connect();
    transport_ = std::make_unique<VirtioVhostUserDriver>(*bus_, *source_front_,
                                                         VirtioVhostUserDriver::Options{});
    disk_ = std::make_unique<VirtioBlkDriver>(*bus_, *transport_,
                                              VirtioBlkDriver::Options{.queue_size = 64});
  }
  void Turn() {
    source_.Turn();
    target_.Turn();
  }
  void SetUp() override { ASSERT_TRUE(disk_->Probe().ok()); }

  // The state of a device whose rings are stopped.
  std::string Save() {
    Pipe pipe;
    const absl::Status asked =
        source_front_->SetDeviceState(kVhostUserTransferSave, pipe.writer.get());
    EXPECT_TRUE(asked.ok()) << asked << source_.LastLine();
    pipe.writer = OwnedDescriptor();
    source_.Turn();
    std::string state(4096, '\0');
    const ssize_t got = read(pipe.reader.get(), state.data(), state.size());
    EXPECT_GE(got, 0);
    state.resize(got < 0 ? 0 : static_cast<size_t>(got));
    EXPECT_EQ(read(pipe.reader.get(), state.data(), 0), 0);
    EXPECT_EQ(source_front_->Ask(R::kCheckDeviceState).value_or(99), 0u);
    return state;
  }
  // A front-end for the target, which has nothing to do with the guest yet.
  void ConnectTarget() {
    target_front_ = target_.Connect();
    ASSERT_TRUE(target_front_->NegotiateProtocol(UINT64_MAX).ok());
  }
  // What CHECK_DEVICE_STATE says of it.
  uint64_t Load(const std::string& state) {
    Pipe pipe;
    EXPECT_TRUE(target_front_->SetDeviceState(kVhostUserTransferLoad, pipe.reader.get()).ok());
    pipe.reader = OwnedDescriptor();
    EXPECT_EQ(write(pipe.writer.get(), state.data(), state.size()),
              static_cast<ssize_t>(state.size()));
    pipe.writer = OwnedDescriptor();
    return target_front_->Ask(R::kCheckDeviceState).value_or(99);
  }
  // To the target, with the medium as it is.
  void Move() {
    ASSERT_TRUE(transport_->StopQueues().ok());
    const std::string state = Save();
    source_front_.reset();
    source_.Turn();
    std::copy(source_.backend.data.begin(), source_.backend.data.end(),
              target_.backend.data.begin());
    ConnectTarget();
    ASSERT_EQ(Load(state), 0u) << target_.LastLine();
    transport_->ForgetInflight();
    ASSERT_TRUE(transport_->Reconnect(*target_front_).ok()) << target_.LastLine();
  }

  SessionRig source_;
  SessionRig target_;
  std::unique_ptr<VhostUserBus> bus_;
  std::unique_ptr<VhostUserFrontEnd> source_front_;
  std::unique_ptr<VhostUserFrontEnd> target_front_;
  std::unique_ptr<VirtioVhostUserDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> disk_;
};

TEST_F(SessionStateTest, AGuestGoesOnAtTheOther) {
  std::vector<uint8_t> data(8192, 0x3c);
  ASSERT_EQ(disk_->Write(5, data).value_or(255), guest::kBlkOk);
  disk_->SetWriteBack(false);
  ASSERT_FALSE(source_.backend.write_cache);
  ASSERT_TRUE(target_.backend.write_cache);
  ASSERT_NO_FATAL_FAILURE(Move());
  EXPECT_FALSE(target_.backend.write_cache);
  EXPECT_FALSE(disk_->WriteBack());
  std::vector<uint8_t> back(data.size());
  ASSERT_EQ(disk_->Read(5, back).value_or(255), guest::kBlkOk);
  EXPECT_EQ(back, data);
  ASSERT_EQ(disk_->Write(50, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(target_.backend.data[50 * kSectorSize], 0x3c);
  EXPECT_NE(source_.backend.data[50 * kSectorSize], 0x3c);
  EXPECT_EQ(disk_->ring_faults(), 0u);
}

// A medium that grew on its way: the guest is told, as of any resize.
TEST_F(SessionStateTest, AnotherSizeIsTold) {
  target_.backend.Resize(2 * kMiB);
  ASSERT_EQ(disk_->info().capacity_sectors, kMiB / kSectorSize);
  ASSERT_NO_FATAL_FAILURE(Move());
  EXPECT_TRUE(
      disk_->WaitUntil([&] { return disk_->config_changes() == 1; }, std::chrono::seconds(10)));
  EXPECT_EQ(disk_->info().capacity_sectors, 2 * kMiB / kSectorSize);
}

TEST_F(SessionStateTest, AFailedMigrationLeavesTheSourceAsItWas) {
  ASSERT_TRUE(transport_->StopQueues().ok());
  EXPECT_NE(Save(), "");
  EXPECT_NE(Save(), "");
  ASSERT_TRUE(transport_->ResumeQueues().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(disk_->Read(0, data).value_or(255), guest::kBlkOk);
}

TEST_F(SessionStateTest, ADeviceThatRunsHasNoStateToMove) {
  const Pipe pipe;
  EXPECT_EQ(source_front_->SetDeviceState(kVhostUserTransferSave, pipe.writer.get()).code(),
            absl::StatusCode::kAborted);
  EXPECT_NE(source_.LastLine().find("only while all of its queues are stopped"), std::string::npos);
  EXPECT_EQ(source_front_->SetDeviceState(kVhostUserTransferLoad, pipe.reader.get()).code(),
            absl::StatusCode::kAborted);
  EXPECT_NE(source_front_->Ask(R::kCheckDeviceState).value_or(0), 0u);
  std::vector<uint8_t> data(512);
  EXPECT_EQ(disk_->Read(0, data).value_or(255), guest::kBlkOk);
}

TEST_F(SessionStateTest, OneThatIsStartedMeanwhileIsNotOverwritten) {
  ASSERT_TRUE(transport_->StopQueues().ok());
  const std::string state = Save();
  Pipe pipe;
  ASSERT_TRUE(source_front_->SetDeviceState(kVhostUserTransferLoad, pipe.reader.get()).ok());
  ASSERT_TRUE(transport_->ResumeQueues().ok());
  ASSERT_EQ(write(pipe.writer.get(), state.data(), state.size()),
            static_cast<ssize_t>(state.size()));
  pipe.writer = OwnedDescriptor();
  EXPECT_EQ(source_front_->Ask(R::kCheckDeviceState).value_or(0), 1u);
  std::vector<uint8_t> data(512);
  EXPECT_EQ(disk_->Read(0, data).value_or(255), guest::kBlkOk);
}

// The answer comes when it is known; nobody else waits for it.
TEST_F(SessionStateTest, ACheckWaitsForTheEndOfTheTransfer) {
  ConnectTarget();
  Pipe pipe;
  ASSERT_TRUE(target_front_->SetDeviceState(kVhostUserTransferLoad, pipe.reader.get()).ok());
  pipe.reader = OwnedDescriptor();
  ASSERT_TRUE(
      target_front_->Send(static_cast<uint32_t>(R::kCheckDeviceState), kVhostUserVersion, {}));
  target_.Turn();
  std::array<uint8_t, 1> byte = {};
  EXPECT_LT(recv(target_front_->socket(), byte.data(), 1, MSG_PEEK | MSG_DONTWAIT), 0);
  pipe.writer = OwnedDescriptor();
  const auto answer = target_front_->Receive();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->payload[0], 1) << "an empty state";
  EXPECT_EQ(target_front_->Ask(R::kGetQueueNum).value_or(0), 1u);
}

TEST_F(SessionStateTest, AFrontEndMayGoAmidATransfer) {
  const size_t before = SessionRig::OpenDescriptors();
  for (const uint32_t direction : {kVhostUserTransferSave, kVhostUserTransferLoad}) {
    ConnectTarget();
    const Pipe pipe;
    const int ours = direction == kVhostUserTransferSave ? pipe.writer.get() : pipe.reader.get();
    ASSERT_TRUE(target_front_->SetDeviceState(direction, ours).ok());
    ASSERT_TRUE(
        target_front_->Send(static_cast<uint32_t>(R::kCheckDeviceState), kVhostUserVersion, {}));
    target_front_.reset();
    target_.Turn();
    EXPECT_FALSE(target_.exported->serving());
  }
  EXPECT_EQ(SessionRig::OpenDescriptors(), before);
}

// --- Lies. ---

TEST_F(SessionStateTest, ParametersThatAreNotKnownAreRefused) {
  ConnectTarget();
  const Pipe pipe;
  const std::array<int, 1> files = {pipe.reader.get()};
  for (const auto& [direction, phase] :
       {std::pair<uint32_t, uint32_t>{2, 0}, {1, 1}, {UINT32_MAX, UINT32_MAX}}) {
    const VhostUserTransfer asked = {.direction = direction, .phase = phase};
    const auto answer = target_front_->AskFor(R::kSetDeviceStateFd, BytesOf(asked), files);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ((*answer)[0], 1);
    EXPECT_EQ((*answer)[1], 1);
  }
  EXPECT_NE(target_front_->Ask(R::kCheckDeviceState).value_or(0), 0u);
  const OwnedDescriptor file(memfd_create("state", MFD_CLOEXEC));
  EXPECT_FALSE(target_front_->SetDeviceState(kVhostUserTransferLoad, file.get()).ok());
  EXPECT_NE(target_.LastLine().find("SET_DEVICE_STATE_FD: its descriptor is no pipe"),
            std::string::npos)
      << target_.LastLine();
}

TEST_F(SessionStateTest, AStateThatIsNoneChangesNothing) {
  disk_->SetWriteBack(false);
  ASSERT_TRUE(transport_->StopQueues().ok());
  const std::string state = Save();
  ConnectTarget();
  EXPECT_EQ(Load(""), 1u);
  EXPECT_EQ(Load("no message at all"), 1u);
  EXPECT_EQ(Load(state.substr(0, state.size() - 1)), 1u);
  EXPECT_TRUE(target_.backend.write_cache);
  EXPECT_EQ(Load(state), 0u);
  EXPECT_FALSE(target_.backend.write_cache);
}

TEST_F(SessionStateTest, EveryByteOfAStateMayBeDamaged) {
  ASSERT_TRUE(transport_->StopQueues().ok());
  const std::string state = Save();
  ASSERT_GT(state.size(), 10u);
  ConnectTarget();
  for (size_t at = 0; at < state.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string damaged = state;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      EXPECT_LE(Load(damaged), 1u) << at;
    }
  }
  EXPECT_EQ(Load(state), 0u);
  transport_->ForgetInflight();
  ASSERT_TRUE(transport_->Reconnect(*target_front_).ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(disk_->Read(0, data).value_or(255), guest::kBlkOk);
}

}  // namespace
}  // namespace platter
