// SPDX-License-Identifier: Apache-2.0
//
// The log of dirty pages: what the device changes in guest memory is marked, whatever it is, from
// the moment that it is asked for until it is no more.

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;
using Pages = std::set<uint64_t>;

class SessionLogTest : public testing::Test {
 protected:
  // A bit more than the guest's memory, which ends at 9 MiB.
  static constexpr uint64_t kLogBytes = 320;

  SessionLogTest() : file_(memfd_create("log", MFD_CLOEXEC)) {
    EXPECT_EQ(ftruncate(file_.get(), kLogBytes), 0);
    void* const map = mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    EXPECT_NE(map, MAP_FAILED);
    log_ = static_cast<uint8_t*>(map);
  }
  ~SessionLogTest() override { munmap(log_, kLogBytes); }
  void SetUp() override { ASSERT_TRUE(guest_.disk.Probe().ok()); }

  absl::Status SetLog(uint64_t bytes = kLogBytes) {
    const VhostUserLog description = {.size = bytes, .offset = 0};
    const std::array<int, 1> files = {file_.get()};
    const auto answer = front().AskFor(R::kSetLogBase, BytesOf(description), files);
    if (!answer.ok()) return answer.status();
    EXPECT_EQ(*answer, std::vector<uint8_t>(8));
    return absl::OkStatus();
  }
  // Those marked since the last look.
  Pages TakeMarks() {
    Pages pages;
    for (uint64_t i = 0; i < kLogBytes; ++i) {
      const uint8_t bits = __atomic_exchange_n(log_ + i, 0, __ATOMIC_SEQ_CST);
      for (unsigned bit = 0; bit < 8; ++bit) {
        if ((bits >> bit & 1) != 0) pages.insert(i * 8 + bit);
      }
    }
    return pages;
  }
  // All of the guest's memory.
  std::vector<uint8_t> Snapshot() {
    std::vector<uint8_t> all;
    for (const VhostUserMemoryRegion& region : guest_.bus.table()) {
      const uint8_t* const from = guest_.bus.TryMap(region.guest_address, region.size);
      all.insert(all.end(), from, from + region.size);
    }
    return all;
  }
  static Pages Changed(const std::vector<uint8_t>& before, const std::vector<uint8_t>& after) {
    Pages pages;
    for (size_t at = 0; at < before.size(); at += kVhostUserLogPage) {
      if (std::memcmp(before.data() + at, after.data() + at, kVhostUserLogPage) != 0) {
        pages.insert((kMemory + at) / kVhostUserLogPage);
      }
    }
    return pages;
  }
  uint64_t Buffer(uint64_t bytes) { return *guest_.bus.Allocate(bytes, kVhostUserLogPage); }
  // Submits without waiting.
  void Submit(const BlkCommand& command) {
    ASSERT_TRUE(guest_.disk.Submit(0, command, 1));
    guest_.disk.Kick(0);
    rig_.Turn();
  }
  void ExpectEnds(const std::string& text) {
    EXPECT_TRUE(front().WaitUntilClosed().ok());
    EXPECT_NE(rig_.LastLine().find(text), std::string::npos) << rig_.LastLine();
  }
  VhostUserFrontEnd& front() { return *guest_.front; }
  uint64_t UsedPage() { return guest_.transport.layout(0).device / kVhostUserLogPage; }

  static constexpr uint64_t kMemory = kMiB;

  SessionRig rig_;
  SessionGuest guest_{rig_};
  const OwnedDescriptor file_;
  uint8_t* log_ = nullptr;
};

TEST_F(SessionLogTest, EveryPageThatChangesIsMarked) {
  const auto seed = static_cast<uint32_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937 random(seed);
  for (uint8_t& byte : rig_.backend.data) byte = static_cast<uint8_t>(random());
  ASSERT_TRUE(SetLog().ok());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  TakeMarks();
  std::vector<uint8_t> before = Snapshot();
  for (int round = 0; round < 60; ++round) {
    // What the driver itself writes changes pages as well, so it is set up before the look, and
    // only the device runs between that and the next.
    std::vector<GuestSegment> segments;
    std::vector<uint64_t> buffers;
    for (uint32_t i = 0; i <= random() % 5; ++i) {
      const auto bytes = static_cast<uint32_t>(512 * (1 + random() % 20));
      buffers.push_back(Buffer(bytes + 8192));
      segments.push_back({buffers.back() + 512 * (random() % 16), bytes});
    }
    const uint32_t types[] = {guest::kBlkIn, guest::kBlkIn, guest::kBlkOut, guest::kBlkGetId};
    const uint32_t type = types[random() % 4];
    if (type == guest::kBlkGetId) segments = {{buffers[0], 20}};
    ASSERT_TRUE(
        guest_.disk.Submit(0, {.type = type, .sector = random() % 1000, .data = segments}, 1));
    static_cast<void>(guest_.disk.queue(0).Publish());
    before = Snapshot();
    guest_.transport.Notify(0);
    rig_.Turn();
    const std::vector<uint8_t> after = Snapshot();
    const Pages marked = TakeMarks();
    const Pages changed = Changed(before, after);
    EXPECT_GE(changed.size(), 1u) << "seed " << seed;
    for (const uint64_t page : changed) {
      ASSERT_TRUE(marked.contains(page)) << "page " << page << " seed " << seed;
    }
    // Not everything, either: data, status and ring of one request.
    EXPECT_LE(marked.size(), 40u);
    EXPECT_TRUE(marked.contains(UsedPage()));
    guest_.disk.HandleInterrupts();
    ASSERT_EQ(guest_.disk.in_flight(), 0u);
    for (const uint64_t buffer : buffers) guest_.bus.Free(buffer);
  }
}

TEST_F(SessionLogTest, NothingIsMarkedWhenNobodyAsks) {
  std::vector<uint8_t> data(8192);
  ASSERT_TRUE(SetLog().ok());
  EXPECT_EQ(guest_.disk.Read(0, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(TakeMarks(), Pages());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  EXPECT_EQ(guest_.disk.Read(0, data).value_or(255), guest::kBlkOk);
  EXPECT_NE(TakeMarks(), Pages());
  ASSERT_TRUE(guest_.transport.SetLogging(false).ok());
  EXPECT_EQ(guest_.disk.Read(0, data).value_or(255), guest::kBlkOk);
  EXPECT_EQ(TakeMarks(), Pages());
}

// A slow disk does not hold a migration up, and what it has is marked when it comes.
TEST_F(SessionLogTest, ItIsTurnedOnAndOffWithRequestsInFlight) {
  ASSERT_TRUE(SetLog().ok());
  rig_.backend.hold = true;
  const GuestSegment segment = {.address = Buffer(4096), .bytes = 4096};
  Submit({.type = guest::kBlkIn, .data = {&segment, 1}});
  ASSERT_EQ(rig_.backend.held(), 1u);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(guest_.transport.SetLogging(false).ok());
    ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  }
  ASSERT_EQ(rig_.backend.held(), 1u);
  TakeMarks();
  rig_.backend.Release();
  rig_.Turn();
  EXPECT_TRUE(TakeMarks().contains(segment.address / kVhostUserLogPage));
}

TEST_F(SessionLogTest, AUsedRingMayBeLoggedElsewhere) {
  ASSERT_TRUE(SetLog().ok());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  const RingLayout& layout = guest_.transport.layout(0);
  // No memory of the guest is there.
  constexpr uint64_t kElsewhere = 2500 * kVhostUserLogPage;
  const VhostUserVringAddr addr = {.index = 0,
                                   .flags = kVhostVringFLog,
                                   .descriptor = VhostUserBus::kUserBase + layout.descriptors,
                                   .used = VhostUserBus::kUserBase + layout.device,
                                   .available = VhostUserBus::kUserBase + layout.driver,
                                   .log = kElsewhere};
  ASSERT_TRUE(front().Tell(R::kSetVringAddr, BytesOf(addr)).ok());
  TakeMarks();
  EXPECT_EQ(guest_.disk.Flush().value_or(255), guest::kBlkOk);
  EXPECT_TRUE(TakeMarks().contains(2500));
}

// A ring's flag by itself is a wish for a log, too.
TEST_F(SessionLogTest, ARingMayBeLoggedAlone) {
  ASSERT_TRUE(SetLog().ok());
  const RingLayout& layout = guest_.transport.layout(0);
  const VhostUserVringAddr addr = {.index = 0,
                                   .flags = kVhostVringFLog,
                                   .descriptor = VhostUserBus::kUserBase + layout.descriptors,
                                   .used = VhostUserBus::kUserBase + layout.device,
                                   .available = VhostUserBus::kUserBase + layout.driver,
                                   .log = layout.device};
  ASSERT_TRUE(front().Tell(R::kSetVringAddr, BytesOf(addr)).ok());
  EXPECT_EQ(guest_.disk.Flush().value_or(255), guest::kBlkOk);
  EXPECT_TRUE(TakeMarks().contains(UsedPage()));
}

TEST_F(SessionLogTest, ALogMayBeReplaced) {
  ASSERT_TRUE(SetLog().ok());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  const OwnedDescriptor other(memfd_create("other", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(other.get(), kLogBytes), 0);
  const VhostUserLog description = {.size = kLogBytes, .offset = 0};
  const std::array<int, 1> files = {other.get()};
  ASSERT_TRUE(front().AskFor(R::kSetLogBase, BytesOf(description), files).ok());
  TakeMarks();
  EXPECT_EQ(guest_.disk.Flush().value_or(255), guest::kBlkOk);
  EXPECT_EQ(TakeMarks(), Pages());
  uint8_t bits = 0;
  ASSERT_EQ(pread(other.get(), &bits, 1, static_cast<off_t>(UsedPage() / 8)), 1);
  EXPECT_NE(bits & 1 << UsedPage() % 8, 0);
}

TEST_F(SessionLogTest, MemoryThatIsAddedIsLogged) {
  ASSERT_TRUE(SetLog().ok());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  const OwnedDescriptor file(memfd_create("more", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), 8192), 0);
  const std::array<int, 1> files = {file.get()};
  const VhostUserSingleRegion more = {
      .padding = 0,
      .region = {
          .guest_address = 9 * kMiB, .size = 8192, .user_address = 0x6000000000, .mmap_offset = 0}};
  ASSERT_TRUE(front().Tell(R::kAddMemReg, BytesOf(more), files).ok());
  TakeMarks();
  const GuestSegment segment = {.address = 9 * kMiB + 4096, .bytes = 512};
  Submit({.type = guest::kBlkIn, .data = {&segment, 1}});
  EXPECT_TRUE(TakeMarks().contains(9 * kMiB / kVhostUserLogPage + 1));
}

TEST_F(SessionLogTest, ChangesAreToldIfWanted) {
  const OwnedDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::array<int, 1> files = {event.get()};
  ASSERT_TRUE(front().Tell(R::kSetLogFd, {}, files).ok());
  ASSERT_TRUE(SetLog().ok());
  ASSERT_TRUE(guest_.transport.SetLogging(true).ok());
  EXPECT_EQ(guest_.disk.Flush().value_or(255), guest::kBlkOk);
  uint64_t value = 0;
  EXPECT_EQ(read(event.get(), &value, sizeof(value)), ssize_t{sizeof(value)});
}

// --- Lies. ---

TEST_F(SessionLogTest, ALogThatIsShorterThanMemoryEndsTheSession) {
  // One byte is eight pages: of 9 MiB, 288 bytes are needed.
  ASSERT_TRUE(SetLog(288).ok());
  EXPECT_FALSE(SetLog(287).ok());
  ExpectEnds("SET_LOG_BASE: the log has no bit for memory at 0x8fffff");
}

TEST_F(SessionLogTest, ALogThatIsShorterIsRefusedWhereAnAnswerIsWanted) {
  const VhostUserLog description = {.size = 287, .offset = 0};
  const std::array<int, 1> files = {file_.get()};
  EXPECT_EQ(front().Tell(R::kSetLogBase, BytesOf(description), files).code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(guest_.disk.Flush().value_or(255), guest::kBlkOk);
}

TEST_F(SessionLogTest, ALogOutsideItsFileEndsTheSession) {
  EXPECT_FALSE(SetLog(kLogBytes + 1).ok());
  ExpectEnds("SET_LOG_BASE: the log: its file is shorter");
}

TEST_F(SessionLogTest, OnlyAnEventIsSignalled) {
  const std::array<int, 1> files = {file_.get()};
  EXPECT_EQ(front().Tell(R::kSetLogFd, {}, files).code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace platter
