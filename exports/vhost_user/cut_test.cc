// SPDX-License-Identifier: Apache-2.0
//
// Things cut in two at every byte: a session by its front-end, and an indirect table by the end of
// a memory region.

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/virtio_spec.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

using R = VhostUserRequest;

struct Recorded {
  std::vector<uint8_t> bytes;
  std::vector<int> descriptors;
};

// What a front-end sends until its ring runs, and when it ends.
class Recording {
 public:
  explicit Recording(const VhostUserBus& bus) {
    std::array<int, 2> pipe = {-1, -1};
    EXPECT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
    reader_ = OwnedDescriptor(pipe[0]);
    writer_ = OwnedDescriptor(pipe[1]);
    Add(R::kGetFeatures, {});
    Add(R::kGetProtocolFeatures, {});
    Add(R::kSetProtocolFeatures, BytesOf(kServed));
    Add(R::kSetOwner, {});
    Add(R::kSetFeatures, BytesOf(kFeatures), {}, kVhostUserNeedReply);
    const auto table = bus.table();
    const VhostUserMemoryHeader header = {.regions = static_cast<uint32_t>(table.size()),
                                          .padding = 0};
    std::vector<uint8_t> memory(BytesOf(header).begin(), BytesOf(header).end());
    for (const auto& region : table) {
      memory.insert(memory.end(), BytesOf(region).begin(), BytesOf(region).end());
    }
    Add(R::kSetMemTable, memory, bus.descriptors(), kVhostUserNeedReply);
    const VhostUserInflight inflight = {
        .mmap_size = kFileBytes, .mmap_offset = 0, .queues = 1, .queue_size = 64};
    Add(R::kGetInflightFd, BytesOf(inflight));
    Add(R::kSetInflightFd, BytesOf(inflight), {file_.get()});
    const uint64_t at = table[0].user_address;
    const VhostUserVringState size = {.index = 0, .num = 64};
    const VhostUserVringState zero = {.index = 0, .num = 0};
    const VhostUserVringState one = {.index = 0, .num = 1};
    const VhostUserVringAddr addr = {.index = 0,
                                     .flags = 0,
                                     .descriptor = at,
                                     .used = at + 8192,
                                     .available = at + 4096,
                                     .log = 0};
    const uint64_t index = 0;
    Add(R::kSetVringNum, BytesOf(size));
    Add(R::kSetVringBase, BytesOf(zero));
    Add(R::kSetVringAddr, BytesOf(addr));
    Add(R::kSetVringErr, BytesOf(index), {event_.get()});
    Add(R::kSetVringCall, BytesOf(index), {event_.get()});
    Add(R::kSetVringKick, BytesOf(index), {event_.get()});
    Add(R::kSetVringEnable, BytesOf(one), {}, kVhostUserNeedReply);
    const VhostUserLog log = {.size = kFileBytes, .offset = 0};
    Add(R::kSetLogFd, {}, {event_.get()});
    Add(R::kSetLogBase, BytesOf(log), {log_.get()});
    Add(R::kSetFeatures, BytesOf(kLogging));
    VhostUserVringAddr logged = addr;
    logged.flags = kVhostVringFLog;
    logged.log = 4096;  // Elsewhere, so that the ring stops and goes on.
    Add(R::kSetVringAddr, BytesOf(logged));
    Add(R::kGetVringBase, BytesOf(zero));
    const VhostUserTransfer load = {.direction = kVhostUserTransferLoad,
                                    .phase = kVhostUserTransferStopped};
    const VhostUserTransfer save = {.direction = kVhostUserTransferSave,
                                    .phase = kVhostUserTransferStopped};
    Add(R::kSetDeviceStateFd, BytesOf(load), {reader_.get()});
    Add(R::kSetDeviceStateFd, BytesOf(save), {writer_.get()});
    Add(R::kCheckDeviceState, {});
  }

  size_t bytes() const {
    size_t sum = 0;
    for (const Recorded& message : messages_) sum += message.bytes.size();
    return sum;
  }
  // The first `bytes` of it.
  void Send(VhostUserFrontEnd& front, size_t bytes) const {
    for (const Recorded& message : messages_) {
      if (bytes == 0) return;
      const size_t part = std::min(bytes, message.bytes.size());
      ASSERT_TRUE(front.SendBytes(std::span(message.bytes).first(part), message.descriptors));
      bytes -= part;
    }
  }

 private:
  static constexpr uint64_t kServed = kVhostUserProtocolMq | kVhostUserProtocolReplyAck |
                                      kVhostUserProtocolConfig | kVhostUserProtocolInflightShmfd |
                                      kVhostUserProtocolLogShmfd | kVhostUserProtocolDeviceState;
  static constexpr uint64_t kFeatures = kVirtioFVersion1 | kVhostUserFProtocolFeatures;
  static constexpr uint64_t kLogging = kFeatures | kVhostFLogAll;
  static constexpr uint64_t kFileBytes = 4096;

  static OwnedDescriptor File() {
    OwnedDescriptor file(memfd_create("cut", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(file.get(), kFileBytes), 0);
    return file;
  }

  void Add(R request, std::span<const uint8_t> payload, std::vector<int> descriptors = {},
           uint32_t flags = 0) {
    const VhostUserHeader header = {.request = static_cast<uint32_t>(request),
                                    .flags = kVhostUserVersion | flags,
                                    .size = static_cast<uint32_t>(payload.size())};
    Recorded message = {.bytes = {BytesOf(header).begin(), BytesOf(header).end()},
                        .descriptors = std::move(descriptors)};
    message.bytes.insert(message.bytes.end(), payload.begin(), payload.end());
    messages_.push_back(std::move(message));
  }

  const OwnedDescriptor event_{eventfd(0, EFD_CLOEXEC)};
  const OwnedDescriptor file_ = File();
  const OwnedDescriptor log_ = File();
  OwnedDescriptor reader_;  // Of a pipe.
  OwnedDescriptor writer_;
  std::vector<Recorded> messages_;
};

TEST(CutTest, ASessionMayEndAtAnyByte) {
  SessionRig rig;
  const VhostUserBus bus(rig.BusOptions());
  const Recording recording(bus);
  // A ring's call descriptor keeps its number for good, from the first one on.
  {
    auto front = rig.Connect();
    recording.Send(*front, recording.bytes());
    rig.Turn();
  }
  rig.Turn();
  const size_t before = SessionRig::OpenDescriptors();
  for (size_t cut = 0; cut <= recording.bytes(); ++cut) {
    {
      auto front = rig.Connect();
      recording.Send(*front, cut);
      // Sometimes all is done when the end comes, sometimes nothing.
      if (cut % 2 == 0) rig.Turn();
    }
    rig.Turn();
    ASSERT_FALSE(rig.exported->serving()) << cut;
    ASSERT_EQ(SessionRig::OpenDescriptors(), before) << cut;
  }
  SessionGuest guest(rig);
  EXPECT_TRUE(guest.disk.Probe().ok());
}

// --- R-VU-01. ---

constexpr uint32_t kEntries = 3;

class IndirectTest : public testing::Test {
 protected:
  static constexpr uint64_t kBoundary = 5 * kMiB;  // Of the bus's two regions.

  void SetUp() override {
    for (size_t i = 0; i < rig_.backend.data.size(); ++i) {
      rig_.backend.data[i] = static_cast<uint8_t>(i / kSectorSize + i % 13);
    }
    ASSERT_TRUE(transport_.Discover(2).ok());
    ASSERT_TRUE(transport_.AcceptFeatures(kVirtioFVersion1 | kVirtioFIndirectDesc).ok());
    layout_ = {.size = 16,
               .descriptors = *bus_.Allocate(256, 16),
               .driver = *bus_.Allocate(64, 16),
               .device = *bus_.Allocate(256, 16)};
    ASSERT_TRUE(transport_.StartQueue(0, layout_).ok());
    header_ = *bus_.Allocate(16, 16);
    data_ = *bus_.Allocate(kSectorSize, 16);
    status_ = *bus_.Allocate(1, 1);
  }
  template <typename T>
  void Put(uint64_t address, const T& value) {
    // Byte by byte: it may lie in two regions.
    const std::span<const uint8_t> bytes = BytesOf(value);
    for (size_t i = 0; i < bytes.size(); ++i) {
      ASSERT_TRUE(bus_.Write(address + i, bytes.subspan(i, 1)));
    }
  }
  uint16_t UsedIndex() {
    Le16 index;
    std::array<uint8_t, 2> bytes = {};
    EXPECT_TRUE(bus_.Read(layout_.device + kVirtqUsedIdx, bytes));
    std::memcpy(&index, bytes.data(), sizeof(index));
    return index.get();
  }
  // Reads a sector by a request whose table lies at `table`.
  void ReadThrough(uint64_t table, uint16_t number) {
    struct {
      Le32 type;
      Le32 reserved;
      Le64 sector;
    } header = {.type = 0, .reserved = 0, .sector = number};
    Put(header_, header);
    const std::array<VirtqDesc, kEntries> entries = {
        VirtqDesc{.address = header_, .length = 16, .flags = kVirtqDescNext, .next = 1},
        VirtqDesc{.address = data_,
                  .length = kSectorSize,
                  .flags = static_cast<uint16_t>(kVirtqDescNext | kVirtqDescWrite),
                  .next = 2},
        VirtqDesc{.address = status_, .length = 1, .flags = kVirtqDescWrite, .next = 0}};
    Put(table, entries);
    Put(layout_.descriptors,
        VirtqDesc{
            .address = table, .length = sizeof(entries), .flags = kVirtqDescIndirect, .next = 0});
    Put(status_, uint8_t{0xee});
    Put(layout_.driver + kVirtqAvailRing + 2 * (number % layout_.size), Le16(0));
    Put(layout_.driver + kVirtqAvailIdx, Le16(static_cast<uint16_t>(number + 1)));
    transport_.Notify(0);
    ASSERT_TRUE(bus_.WaitFor([&] { return UsedIndex() == number + 1; }, std::chrono::seconds(10)));
  }

  SessionRig rig_;
  VhostUserBus bus_{rig_.BusOptions()};
  std::unique_ptr<VhostUserFrontEnd> front_ = rig_.Connect();
  VirtioVhostUserDriver transport_{bus_, *front_, {}};
  RingLayout layout_;
  uint64_t header_ = 0;
  uint64_t data_ = 0;
  uint64_t status_ = 0;
};

TEST_F(IndirectTest, ATableMayLieInTwoRegionsCutAnywhere) {
  constexpr uint64_t kTableBytes = kEntries * sizeof(VirtqDesc);
  for (uint16_t cut = 0; cut <= kTableBytes; ++cut) {
    ReadThrough(kBoundary - cut, cut);
    std::vector<uint8_t> data(kSectorSize);
    std::array<uint8_t, 1> status = {};
    ASSERT_TRUE(bus_.Read(data_, data));
    ASSERT_TRUE(bus_.Read(status_, status));
    EXPECT_EQ(status[0], 0) << cut;
    EXPECT_TRUE(std::equal(data.begin(), data.end(), rig_.backend.data.begin() + cut * kSectorSize))
        << cut;
  }
}

}  // namespace
}  // namespace platter
