// SPDX-License-Identifier: Apache-2.0
//
// Requests in flight when a session ends: the next one does them again, each once, and the guest
// notices nothing.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

constexpr uint32_t kBlock = 4096;
constexpr uint32_t kSectors = kBlock / 512;

// A guest whose front-end loses its back-end's session, and finds another one.
class SessionInflightTest : public testing::Test, private BlkListener {
 protected:
  void SetUp() override {
    ASSERT_TRUE(guest_.disk.Probe().ok());
    guest_.disk.set_listener(this);
    ASSERT_GE(guest_.transport.inflight_file(), 0);
  }
  // Writes block `index`, a pattern of its own, as request `index`.
  void Write(uint32_t index) {
    const uint64_t address = *guest_.bus.Allocate(kBlock, kBlock);
    const std::vector<uint8_t> data(kBlock, Pattern(index));
    ASSERT_TRUE(guest_.bus.Write(address, data));
    const GuestSegment segment = {.address = address, .bytes = kBlock};
    ASSERT_TRUE(guest_.disk.Submit(
        0, {.type = guest::kBlkOut, .sector = uint64_t{index} * kSectors, .data = {&segment, 1}},
        index));
    ++submitted_;
  }
  static uint8_t Pattern(uint32_t index) { return static_cast<uint8_t>(index * 5 + 1); }
  void Disconnect() {
    guest_.front.reset();
    rig_.Turn();
  }
  absl::Status Reconnect() {
    guest_.front = rig_.Connect();
    return guest_.transport.Reconnect(*guest_.front);
  }
  void ExpectAllDoneOnce() {
    ASSERT_TRUE(guest_.disk.WaitUntil([&] { return done_.size() == submitted_; },
                                      std::chrono::seconds(10)));
    rig_.Turn();
    guest_.disk.HandleInterrupts();
    for (const auto& [token, times] : done_) EXPECT_EQ(times, 1) << token;
    EXPECT_EQ(guest_.disk.ring_faults(), 0u);
    for (uint32_t index = 0; index < submitted_; ++index) {
      for (uint32_t at : {0u, kBlock - 1}) {
        EXPECT_EQ(rig_.backend.data[uint64_t{index} * kBlock + at], Pattern(index)) << index;
      }
    }
  }
  // What the area is as the other process sees it.
  std::span<uint8_t> Area() {
    if (area_ == nullptr) {
      void* const map = mmap(nullptr, kAreaBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                             guest_.transport.inflight_file(), 0);
      EXPECT_NE(map, MAP_FAILED);
      area_ = static_cast<uint8_t*>(map);
    }
    return {area_, kAreaBytes};
  }
  void TearDown() override {
    if (area_ != nullptr) munmap(area_, kAreaBytes);
  }

  static constexpr size_t kAreaBytes = 128 * 16;

  SessionRig rig_;
  SessionGuest guest_{rig_};
  uint32_t submitted_ = 0;
  std::map<uint64_t, int> done_;
  uint8_t* area_ = nullptr;

 private:
  void OnBlkDone(uint64_t token, uint8_t status) override {
    EXPECT_EQ(status, guest::kBlkOk) << token;
    ++done_[token];
  }
};

TEST_F(SessionInflightTest, WhatWasCancelledIsDoneByTheNextSession) {
  constexpr uint32_t kWrites = 12;
  // All counts of requests that the first session still finishes.
  for (uint32_t finished = 0; finished <= kWrites; ++finished) {
    rig_.backend.hold = true;
    rig_.backend.let_through = finished;
    const uint32_t first = submitted_;
    for (uint32_t i = 0; i < kWrites; ++i) Write(first + i);
    guest_.disk.Kick(0);
    rig_.Turn();
    ASSERT_EQ(rig_.backend.held(), kWrites - finished);
    Disconnect();
    ASSERT_EQ(rig_.backend.held(), 0u);
    rig_.backend.hold = false;
    ASSERT_TRUE(Reconnect().ok()) << rig_.LastLine();
    ExpectAllDoneOnce();
  }
}

TEST_F(SessionInflightTest, ASessionMayEndAfterAnyTurnOfTheLoop) {
  constexpr uint32_t kWrites = 5;
  uint32_t in_flight = 0;
  for (int turns = 0; turns < 12; ++turns) {
    rig_.backend.hold = turns % 3 != 0;
    rig_.backend.let_through = 2;
    const uint32_t first = submitted_;
    for (uint32_t i = 0; i < kWrites; ++i) Write(first + i);
    guest_.disk.Kick(0);
    guest_.front.reset();
    for (int i = 0; i < turns; ++i) rig_.control->RunReady();
    rig_.Turn();
    guest_.disk.HandleInterrupts();
    in_flight += submitted_ - static_cast<uint32_t>(done_.size());
    rig_.backend.hold = false;
    ASSERT_TRUE(Reconnect().ok()) << turns << rig_.LastLine();
    ExpectAllDoneOnce();
  }
  EXPECT_GT(in_flight, 0u);
}

TEST_F(SessionInflightTest, TheyComeInOrderAndBeforeAnythingNew) {
  rig_.backend.hold = true;
  for (uint32_t i = 0; i < 6; ++i) Write(i);
  guest_.disk.Kick(0);
  rig_.Turn();
  Disconnect();
  // The driver goes on meanwhile.
  for (uint32_t i = 6; i < 9; ++i) Write(i);
  guest_.disk.Kick(0);
  rig_.backend.record = true;
  rig_.backend.asked.clear();
  rig_.backend.hold = false;
  ASSERT_TRUE(Reconnect().ok());
  ExpectAllDoneOnce();
  ASSERT_EQ(rig_.backend.asked.size(), 9u);
  for (uint64_t i = 0; i < 9; ++i) EXPECT_EQ(rig_.backend.asked[i].offset, i * kBlock);
}

// The guest may wait for an interrupt that its first back-end had no time to send.
TEST_F(SessionInflightTest, ARingThatIsTakenOverIsCalledOnce) {
  Write(0);
  guest_.disk.Kick(0);
  ExpectAllDoneOnce();
  static_cast<void>(guest_.transport.TakeInterrupts());
  Disconnect();
  ASSERT_TRUE(Reconnect().ok());
  rig_.Turn();
  EXPECT_TRUE(guest_.transport.TakeInterrupts().used);
  rig_.Turn();
  EXPECT_FALSE(guest_.transport.TakeInterrupts().used);
}

TEST_F(SessionInflightTest, ANewAreaUnderARunningRing) {
  rig_.backend.hold = true;
  Write(0);
  guest_.disk.Kick(0);
  rig_.Turn();
  VhostUserInflight size = {.queues = 1, .queue_size = 128};
  auto file = guest_.front->GetInflight(&size);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::array<int, 1> files = {file->get()};
  // It waits for what the old one has.
  ASSERT_TRUE(guest_.front->Send(static_cast<uint32_t>(R::kSetInflightFd),
                                 kVhostUserVersion | kVhostUserNeedReply, BytesOf(size), files));
  rig_.Turn();
  std::array<uint8_t, 1> byte = {};
  EXPECT_LT(recv(guest_.front->socket(), byte.data(), 1, MSG_PEEK | MSG_DONTWAIT), 0);
  rig_.backend.hold = false;
  rig_.backend.Release();
  ASSERT_TRUE(guest_.front->Receive().ok());
  Write(1);
  guest_.disk.Kick(0);
  ExpectAllDoneOnce();
}

TEST_F(SessionInflightTest, AResetForgetsThem) {
  rig_.backend.hold = true;
  Write(0);
  guest_.disk.Kick(0);
  rig_.Turn();
  SplitInflight::Header header;
  std::memcpy(&header, Area().data(), sizeof(header));
  EXPECT_EQ(header.version, SplitInflight::kVersion);
  ASSERT_TRUE(guest_.front->Tell(R::kResetDevice, {}).ok());
  std::memcpy(&header, Area().data(), sizeof(header));
  EXPECT_EQ(header.version, 0);
  // A driver that begins anew.
  guest_.disk.set_listener(nullptr);
  rig_.backend.hold = false;
  ASSERT_TRUE(guest_.disk.Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(guest_.disk.Read(0, data).value_or(255), guest::kBlkOk);
}

TEST_F(SessionInflightTest, WithoutTheAreaNobodyKnowsThem) {
  rig_.backend.hold = true;
  Write(0);
  guest_.disk.Kick(0);
  rig_.Turn();
  Disconnect();
  rig_.backend.hold = false;
  guest_.transport.ForgetInflight();
  ASSERT_TRUE(Reconnect().ok()) << "it is as if the request had not been taken";
  ExpectAllDoneOnce();
}

// --- Lies. ---

TEST_F(SessionInflightTest, AnAreaOfAnotherFormatEndsTheSession) {
  Area()[8] = 2;  // The version.
  Disconnect();
  EXPECT_FALSE(Reconnect().ok());
  EXPECT_NE(rig_.LastLine().find("ring 0: its requests in flight are recorded as version 2"),
            std::string::npos)
      << rig_.LastLine();
}

TEST_F(SessionInflightTest, HeadsThatTheDriverDidNotGiveBreakTheRing) {
  // Each descriptor by itself is no request.
  for (size_t head = 0; head < 64; ++head) {
    Area()[sizeof(SplitInflight::Header) + head * sizeof(SplitInflight::Entry)] = 1;
  }
  Disconnect();
  static_cast<void>(Reconnect());
  rig_.Turn();
  EXPECT_TRUE(guest_.transport.NeedsReset());
  // Nothing that a reset does not mend.
  ASSERT_TRUE(guest_.disk.Probe().ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(guest_.disk.Read(0, data).value_or(255), guest::kBlkOk);
}

TEST_F(SessionInflightTest, AnyBytesInTheAreaEndNothingButTheSession) {
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    for (uint8_t& byte : Area()) {
      if (random() % 3 == 0) byte = random() % 2 == 0 ? 0 : static_cast<uint8_t>(random());
    }
    if (random() % 2 == 0) {
      const SplitInflight::Header header = {
          .features = 0,
          .version = 1,
          .desc_num = 128,
          .last_batch_head = static_cast<uint16_t>(random() % 130),
          .used_idx = static_cast<uint16_t>(random() % 4)};
      std::memcpy(Area().data(), &header, sizeof(header));
    }
    Disconnect();
    static_cast<void>(Reconnect());
    rig_.Turn();
  }
  guest_.transport.ForgetInflight();
  Disconnect();
  guest_.front = rig_.Connect();
  EXPECT_TRUE(guest_.front->Ask(R::kGetFeatures).ok()) << "seed " << seed;
}

// --- The messages. ---

TEST_F(SessionInflightTest, TheAnswerIsAsLongAsTheQuestion) {
  const VhostUserInflight asked = {.queues = 1, .queue_size = 64};
  OwnedDescriptor file;
  const auto answer = guest_.front->AskFor(
      R::kGetInflightFd, BytesOf(asked).first(kVhostUserInflightBytes), {}, &file);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->size(), kVhostUserInflightBytes);
  EXPECT_GE(file.get(), 0);
}

TEST_F(SessionInflightTest, MoreQueuesThanThereAreEndTheSession) {
  const VhostUserInflight asked = {.queues = 2, .queue_size = 64};
  EXPECT_FALSE(guest_.front->AskFor(R::kGetInflightFd, BytesOf(asked)).ok());
  EXPECT_NE(rig_.LastLine().find("GET_INFLIGHT_FD: 2 queues of 64 entries"), std::string::npos);
}

TEST_F(SessionInflightTest, AFileThatIsTooShortIsRefused) {
  const OwnedDescriptor file(memfd_create("short", MFD_CLOEXEC));
  const std::array<int, 1> files = {file.get()};
  const VhostUserInflight size = {
      .mmap_size = 1 << 20, .mmap_offset = 0, .queues = 1, .queue_size = 64};
  EXPECT_EQ(guest_.front->Tell(R::kSetInflightFd, BytesOf(size), files).code(),
            absl::StatusCode::kAborted);
  EXPECT_NE(rig_.LastLine().find("SET_INFLIGHT_FD: the area: its file is shorter"),
            std::string::npos);
  Write(0);
  guest_.disk.Kick(0);
  ExpectAllDoneOnce();
}

}  // namespace
}  // namespace platter
