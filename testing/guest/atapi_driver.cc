// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/atapi_driver.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "base/check.h"

namespace platter {
namespace {

using namespace guest;  // NOLINT: the guest's numbers

constexpr uint64_t k4GiB = uint64_t{1} << 32;
constexpr uint32_t kIdentifyBytes = 512;
constexpr uint32_t kSenseBytes = 18;
constexpr uint32_t kEventBytes = 8;
constexpr uint32_t kCapacityBytes = 8;
constexpr uint32_t kPerformanceBytes = 28;
constexpr uint16_t kTocBytes = 804;  // Of 99 tracks and the lead-out.
// More than a drive has to tell at once.
constexpr int kMostNews = 8;

void Put(std::span<uint8_t> packet, unsigned at, unsigned bytes, uint64_t value) {
  for (unsigned i = 0; i < bytes; ++i) {
    packet[at + i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
  }
}
uint64_t Number(std::span<const uint8_t> data, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | data[at + i];
  return value;
}

}  // namespace

// --- Packets. ---

AtapiPacket AtapiDriver::MakeRead10(uint64_t lba, uint32_t blocks) {
  AtapiPacket packet = {0x28};
  Put(packet, 2, 4, lba);
  Put(packet, 7, 2, blocks);
  return packet;
}
AtapiPacket AtapiDriver::MakeRead12(uint64_t lba, uint32_t blocks) {
  AtapiPacket packet = {0xa8};
  Put(packet, 2, 4, lba);
  Put(packet, 6, 4, blocks);
  return packet;
}
AtapiPacket AtapiDriver::MakeReadCapacity() { return {0x25}; }
AtapiPacket AtapiDriver::MakeGetEventStatus() {
  return {0x4a, 1, 0, 0, 0x10, 0, 0, 0, kEventBytes};
}
AtapiPacket AtapiDriver::MakeRequestSense() { return {0x03, 0, 0, 0, kSenseBytes}; }
AtapiPacket AtapiDriver::MakeSetStreaming() {
  AtapiPacket packet = {0xb6};
  Put(packet, 9, 2, kPerformanceBytes);
  return packet;
}
AtapiPacket AtapiDriver::MakePreventAllow(AtapiLock lock) {
  return {0x1e, 0, 0, 0, static_cast<uint8_t>(lock == AtapiLock::kLocked ? 1 : 0)};
}
AtapiPacket AtapiDriver::MakeStartStop(AtapiTray tray) {
  return {0x1b, 0, 0, 0, static_cast<uint8_t>(tray == AtapiTray::kOpen ? 2 : 3)};
}

AtapiSense AtapiDriver::ParseSense(std::span<const uint8_t> data) {
  PLATTER_CHECK(data.size() >= kSenseBytes);
  return {.key = static_cast<uint8_t>(data[2] & 0x0f),
          .code = static_cast<uint16_t>(Number(data, 12, 2))};
}
AtapiDriver::Capacity AtapiDriver::ParseCapacity(std::span<const uint8_t> data) {
  PLATTER_CHECK(data.size() >= kCapacityBytes);
  return {.blocks = Number(data, 0, 4) + 1,
          .block_bytes = static_cast<uint32_t>(Number(data, 4, 4))};
}
AtapiDriver::Event AtapiDriver::ParseEvent(std::span<const uint8_t> data) {
  PLATTER_CHECK(data.size() >= kEventBytes);
  return {.code = static_cast<uint8_t>(data[4] & 0x0f),
          .tray_open = (data[5] & 1) != 0,
          .medium = (data[5] & 2) != 0};
}

bool AtapiDriver::IsNews(const AtapiSense& sense) {
  // 2/3A without a qualifier: it has gone just now; a qualifier says where the tray is.
  return sense.key == 6 || sense == AtapiSense{.key = 2, .code = 0x3a00};
}

// --- One step at a time. ---

bool AtapiDriver::uses_high_memory() const { return current_->buffer + current_->bytes > k4GiB; }

void AtapiDriver::Start(const PacketCommand& command) {
  PLATTER_CHECK(!current_.has_value());
  current_ = command;
  answer_ = {};
  sent_ = false;
  const bool dma = command.way == IdeWay::kDma;
  if (dma) {
    PLATTER_CHECK(!uses_high_memory() || command.bytes <= IdeDriver::kBounceBytes);
    const bool to_drive = command.data == PacketData::kToDrive;
    if (to_drive && uses_high_memory()) {
      std::vector<uint8_t> data(command.bytes);
      bus_.Read(command.buffer, data);
      bus_.Write(ide_.scratch(), data);
    }
    // Regions have even lengths.
    ide_.BuildTable(uses_high_memory() ? ide_.scratch() : command.buffer,
                    std::max(2u, (command.bytes + 1) & ~1u));
    ide_.PrepareBm(to_drive ? IdeProtocol::kDmaOut : IdeProtocol::kDmaIn);
  }
  ide_.Set(kIdeDevice, place_.unit != 0 ? kIdeDeviceOne : uint8_t{0});
  ide_.Set(kIdeFeatures, dma ? kPacketByDma : uint8_t{0});
  ide_.Set(kIdeLbaMid, static_cast<uint8_t>(command.limit));
  ide_.Set(kIdeLbaHigh, static_cast<uint8_t>(command.limit >> 8));
  ide_.Set(kIdeCommand, kIdePacket);
}

std::optional<PacketAnswer> AtapiDriver::Poll() {
  const bool interrupt = bus_.Interrupt(place_.line).high;
  if (!current_.has_value()) {
    if (interrupt && !ide_.Gone()) ++faults_;
    return std::nullopt;
  }
  const uint8_t status = ide_.AlternateStatus();
  if ((status & kIdeBusy) != 0) return std::nullopt;
  if (!sent_ && (status & kIdeDrq) != 0) {
    SendPacket();
    return std::nullopt;
  }
  if (!interrupt) return std::nullopt;
  if ((status & kIdeDrq) == 0) return Finish();
  ide_.Get(kIdeStatus);  // Acknowledges.
  if (current_->data == PacketData::kToDrive) {
    WriteBlock();
  } else {
    ReadBlock();
  }
  return std::nullopt;
}

void AtapiDriver::ExpectReason(uint8_t reason) {
  if ((ide_.Get(kIdeCount) & kPacketReasonMask) != reason) ++faults_;
}

void AtapiDriver::SendPacket() {
  ExpectReason(kPacketReasonCommand);
  sent_ = true;
  const AtapiPacket& packet = current_->packet;
  for (size_t i = 0; i < packet.size(); i += 2) {
    bus_.WriteRegister(RegisterSpace::kPort, place_.command, 2,
                       uint64_t{packet[i]} | uint64_t{packet[i + 1]} << 8);
  }
  if (current_->way == IdeWay::kDma) {
    ide_.SetBm(kBmCommand, static_cast<uint8_t>(ide_.GetBm(kBmCommand) | kBmStart));
  }
}

uint32_t AtapiDriver::Room() const {
  return current_->bytes - std::min(current_->bytes, answer_.moved);
}

uint32_t AtapiDriver::BlockBytes() {
  const uint32_t bytes = ide_.Get(kIdeLbaMid) | uint32_t{ide_.Get(kIdeLbaHigh)} << 8;
  const bool odd_before = !answer_.blocks.empty() && answer_.blocks.back() % 2 != 0;
  if (bytes == 0 || bytes > current_->limit || odd_before || bytes > Room()) ++faults_;
  return bytes;
}

// The drive says how much it has; what there is no room for is read all the same.
void AtapiDriver::ReadBlock() {
  ExpectReason(kPacketReasonIn);
  const uint32_t bytes = BlockBytes();
  const uint32_t room = Room();
  std::vector<uint8_t> data(bytes + 1);
  for (size_t i = 0; i < bytes; i += 2) {
    const uint64_t word = bus_.ReadRegister(RegisterSpace::kPort, place_.command, 2);
    data[i] = static_cast<uint8_t>(word);
    data[i + 1] = static_cast<uint8_t>(word >> 8);
  }
  data.resize(std::min(bytes, room));
  if (!data.empty()) bus_.Write(current_->buffer + answer_.moved, data);
  answer_.blocks.push_back(bytes);
  answer_.moved += bytes;
}

// The same the other way round: what there is not is sent as zeroes.
void AtapiDriver::WriteBlock() {
  ExpectReason(kPacketReasonOut);
  const uint32_t bytes = BlockBytes();
  std::vector<uint8_t> data(std::min(bytes, Room()));
  if (!data.empty()) bus_.Read(current_->buffer + answer_.moved, data);
  data.resize(bytes + 1);
  for (size_t i = 0; i < bytes; i += 2) {
    bus_.WriteRegister(RegisterSpace::kPort, place_.command, 2,
                       uint64_t{data[i]} | uint64_t{data[i + 1]} << 8);
  }
  answer_.blocks.push_back(bytes);
  answer_.moved += bytes;
}

PacketAnswer AtapiDriver::Finish() {
  const PacketCommand command = *current_;
  if (command.way == IdeWay::kDma) {
    answer_.bus_master = ide_.GetBm(kBmStatus);
    ide_.SetBm(kBmCommand, 0);
    ide_.SetBm(kBmStatus, kBmError | kBmInterrupt);
    if (uses_high_memory() && command.data == PacketData::kFromDrive) {
      std::vector<uint8_t> data(command.bytes);
      bus_.Read(ide_.scratch(), data);
      bus_.Write(command.buffer, data);
    }
  }
  answer_.reason = ide_.Get(kIdeCount);
  if (sent_) ExpectReason(kPacketReasonStatus);
  answer_.status = ide_.Get(kIdeStatus);
  answer_.error = ide_.Get(kIdeError);
  current_.reset();
  return std::exchange(answer_, {});
}

// --- Waiting. ---

std::optional<PacketAnswer> AtapiDriver::Run(const PacketCommand& command, Duration timeout) {
  Start(command);
  std::optional<PacketAnswer> answer;
  ide_.PollFor(
      [&] {
        answer = Poll();
        return answer.has_value();
      },
      timeout);
  // An engine that gave up doesn't interrupt: a driver's timeout finds it so.
  if (!answer.has_value() && command.way == IdeWay::kDma &&
      (ide_.AlternateStatus() & kIdeBusy) == 0 && (ide_.GetBm(kBmStatus) & kBmActive) == 0) {
    answer = Finish();
  }
  return answer;
}

absl::StatusOr<IdeIdentity> AtapiDriver::IdentifyPacket() {
  const auto answer = ide_.Run({.code = kIdeIdentifyPacket,
                                .protocol = IdeProtocol::kPioIn,
                                .buffer = ide_.scratch(),
                                .bytes = kIdentifyBytes});
  if (!answer.has_value() || !answer->ok()) {
    return absl::UnavailableError("IDENTIFY PACKET DEVICE was not answered");
  }
  std::array<uint8_t, kIdentifyBytes> sector;
  bus_.Read(ide_.scratch(), sector);
  return IdeDriver::Parse(sector);
}

void AtapiDriver::StartReset() {
  ide_.Set(kIdeDevice, place_.unit != 0 ? kIdeDeviceOne : uint8_t{0});
  ide_.Set(kIdeCommand, kIdeDeviceReset);
  Forget();
}

bool AtapiDriver::IsIdle() {
  ide_.Set(kIdeDevice, place_.unit != 0 ? kIdeDeviceOne : uint8_t{0});
  return (ide_.AlternateStatus() & kIdeBusy) == 0;
}

bool AtapiDriver::DeviceReset(Duration timeout) {
  StartReset();
  return ide_.PollFor([&] { return (ide_.AlternateStatus() & kIdeBusy) == 0; }, timeout);
}

AtapiResult AtapiDriver::Execute(const AtapiPacket& packet, uint32_t bytes, IdeWay way,
                                 uint16_t limit) {
  PLATTER_CHECK(bytes <= IdeDriver::kBounceBytes);
  AtapiResult result;
  result.answer =
      Run({.packet = packet, .way = way, .buffer = ide_.scratch(), .bytes = bytes, .limit = limit});
  if (!result.answer.has_value()) return result;
  result.data.resize(way == IdeWay::kDma ? bytes : std::min(bytes, result.answer->moved));
  if (!result.data.empty()) bus_.Read(ide_.scratch(), result.data);
  if (!result.ok()) result.sense = RequestSense().value_or(AtapiSense{});
  return result;
}

AtapiResult AtapiDriver::Send(const AtapiPacket& packet, std::span<const uint8_t> data, IdeWay way,
                              uint16_t limit) {
  PLATTER_CHECK(data.size() <= IdeDriver::kBounceBytes);
  bus_.Write(ide_.scratch(), data);
  AtapiResult result;
  result.answer = Run({.packet = packet,
                       .way = way,
                       .buffer = ide_.scratch(),
                       .bytes = static_cast<uint32_t>(data.size()),
                       .limit = limit,
                       .data = PacketData::kToDrive});
  if (result.answer.has_value() && !result.ok()) {
    result.sense = RequestSense().value_or(AtapiSense{});
  }
  return result;
}

std::optional<AtapiSense> AtapiDriver::RequestSense() {
  const auto answer =
      Run({.packet = MakeRequestSense(), .buffer = ide_.scratch(), .bytes = kSenseBytes});
  if (!answer.has_value() || !answer->ok() || answer->moved != kSenseBytes) return std::nullopt;
  std::array<uint8_t, kSenseBytes> data;
  bus_.Read(ide_.scratch(), data);
  return ParseSense(data);
}

std::optional<AtapiDriver::Capacity> AtapiDriver::ReadCapacity() {
  const AtapiResult result = Execute(MakeReadCapacity(), kCapacityBytes);
  if (!result.ok() || result.data.size() != kCapacityBytes) return std::nullopt;
  return ParseCapacity(result.data);
}

AtapiResult AtapiDriver::ReadBlocks(const AtapiPacket& packet, IdeWay way,
                                    std::span<uint8_t> data) {
  AtapiResult result = Execute(packet, static_cast<uint32_t>(data.size()), way);
  std::copy(result.data.begin(), result.data.end(), data.begin());
  return result;
}
AtapiResult AtapiDriver::Read10(IdeWay way, uint64_t lba, std::span<uint8_t> data) {
  return ReadBlocks(MakeRead10(lba, static_cast<uint32_t>(data.size() / kBlock)), way, data);
}
AtapiResult AtapiDriver::Read12(IdeWay way, uint64_t lba, std::span<uint8_t> data) {
  return ReadBlocks(MakeRead12(lba, static_cast<uint32_t>(data.size() / kBlock)), way, data);
}

AtapiResult AtapiDriver::Toc(uint8_t format, uint8_t track) {
  AtapiPacket packet = {0x43, 0, format, 0, 0, 0, track};
  Put(packet, 7, 2, kTocBytes);
  return Execute(packet, kTocBytes);
}

std::optional<AtapiDriver::Event> AtapiDriver::GetEventStatus() {
  const AtapiResult result = Execute(MakeGetEventStatus(), kEventBytes);
  if (!result.ok() || result.data.size() != kEventBytes) return std::nullopt;
  return ParseEvent(result.data);
}

AtapiResult AtapiDriver::PreventAllow(AtapiLock lock) { return Execute(MakePreventAllow(lock)); }
AtapiResult AtapiDriver::StartStop(AtapiTray tray) { return Execute(MakeStartStop(tray)); }

AtapiResult AtapiDriver::SetStreaming(IdeWay way, uint32_t first, uint32_t last, uint32_t rate) {
  constexpr uint32_t kMilliseconds = 1000;
  std::array<uint8_t, kPerformanceBytes> list{};
  Put(list, 4, 4, first);
  Put(list, 8, 4, last);
  for (const unsigned at : {12u, 20u}) {  // Reading, writing.
    Put(list, at, 4, rate);
    Put(list, at + 4, 4, kMilliseconds);
  }
  return Send(MakeSetStreaming(), list, way);
}

bool AtapiDriver::ClearNews() {
  for (int i = 0; i < kMostNews; ++i) {
    const AtapiResult result = TestUnitReady();
    if (!result.answer.has_value()) return false;
    if (result.ok() || !IsNews(result.sense)) return true;
  }
  return false;
}

}  // namespace platter
