// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/ide_driver.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "base/bytes.h"
#include "base/check.h"

namespace platter {
namespace {

using namespace guest;  // NOLINT: the guest's numbers

constexpr uint64_t k4GiB = uint64_t{1} << 32;
constexpr uint32_t kTableBytes = 4096;
constexpr uint32_t kSector = 512;

bool IsIn(IdeProtocol protocol) {
  return protocol == IdeProtocol::kPioIn || protocol == IdeProtocol::kDmaIn;
}

// Words 10 and so on: two characters each, the first in the high byte.
std::string TextOf(const std::array<uint16_t, 256>& words, unsigned first, unsigned last) {
  std::string text;
  for (unsigned word = first; word <= last; ++word) {
    text += static_cast<char>(words[word] >> 8);
    text += static_cast<char>(words[word] & 0xff);
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

IdeDriver::IdeDriver(GuestBus& bus, Place place) : bus_(bus), place_(place) {
  table_ = bus_.Allocate(kTableBytes, kTableBytes).value();
  scratch_ = bus_.Allocate(kBounceBytes, kTableBytes).value();
  PLATTER_CHECK(scratch_ + kBounceBytes <= k4GiB && table_ + kTableBytes <= k4GiB);
}

IdeDriver::~IdeDriver() {
  bus_.Free(table_);
  bus_.Free(scratch_);
}

// --- Registers. ---

uint8_t IdeDriver::Get(unsigned offset) {
  return static_cast<uint8_t>(bus_.ReadRegister(RegisterSpace::kPort, place_.command + offset, 1));
}
void IdeDriver::Set(unsigned offset, uint8_t value) {
  bus_.WriteRegister(RegisterSpace::kPort, place_.command + offset, 1, value);
}
uint8_t IdeDriver::AlternateStatus() {
  return static_cast<uint8_t>(bus_.ReadRegister(RegisterSpace::kPort, place_.control, 1));
}
void IdeDriver::SetControl(uint8_t value) {
  bus_.WriteRegister(RegisterSpace::kPort, place_.control, 1, value);
}
uint8_t IdeDriver::GetBm(unsigned offset) {
  return static_cast<uint8_t>(
      bus_.ReadRegister(RegisterSpace::kPort, place_.bus_master + offset, 1));
}
void IdeDriver::SetBm(unsigned offset, uint8_t value) {
  bus_.WriteRegister(RegisterSpace::kPort, place_.bus_master + offset, 1, value);
}

bool IdeDriver::Gone() { return AlternateStatus() == 0xff && Get(kIdeStatus) == 0xff; }

void IdeDriver::WritePrd(uint32_t index, uint64_t address, uint32_t count, uint16_t flags) {
  struct {
    Le32 address;
    Le16 count;
    Le16 flags;
  } prd = {static_cast<uint32_t>(address), static_cast<uint16_t>(count), flags};
  static_assert(sizeof(prd) == kPrdBytes);
  PLATTER_CHECK((index + 1) * kPrdBytes <= kTableBytes);
  bus_.Write(table_ + index * kPrdBytes, {reinterpret_cast<const uint8_t*>(&prd), sizeof(prd)});
}

void IdeDriver::PrepareBm(IdeProtocol protocol) {
  bus_.WriteRegister(RegisterSpace::kPort, place_.bus_master + kBmTable, 4, table_);
  SetBm(kBmStatus, kBmError | kBmInterrupt);
  SetBm(kBmCommand, IsIn(protocol) ? kBmToMemory : 0);
}

// No descriptor crosses a boundary of 64 KiB.
void IdeDriver::BuildTable(uint64_t address, uint32_t bytes) {
  uint32_t index = 0;
  while (bytes != 0) {
    const auto here =
        static_cast<uint32_t>(std::min<uint64_t>(bytes, kPrdMost - address % kPrdMost));
    WritePrd(index++, address, here, bytes == here ? kPrdLast : 0);
    address += here;
    bytes -= here;
  }
}

void IdeDriver::WriteRegisters(const IdeCommand& command) {
  const auto byte = [](uint64_t value, int index) {
    return static_cast<uint8_t>(value >> (8 * index));
  };
  uint8_t device = command.device;
  if (place_.unit != 0) device |= kIdeDeviceOne;
  if (command.form == IdeForm::k28) {
    device = static_cast<uint8_t>(device | ((command.lba >> 24) & 0x0f));
  }
  Set(kIdeDevice, device);
  if (command.form == IdeForm::k48) {
    Set(kIdeFeatures, byte(command.features, 1));
    Set(kIdeCount, byte(command.count, 1));
    Set(kIdeLbaLow, byte(command.lba, 3));
    Set(kIdeLbaMid, byte(command.lba, 4));
    Set(kIdeLbaHigh, byte(command.lba, 5));
  }
  Set(kIdeFeatures, byte(command.features, 0));
  Set(kIdeCount, byte(command.count, 0));
  Set(kIdeLbaLow, byte(command.lba, 0));
  Set(kIdeLbaMid, byte(command.lba, 1));
  Set(kIdeLbaHigh, byte(command.lba, 2));
}

// --- One step at a time. ---

void IdeDriver::Start(const IdeCommand& command) {
  PLATTER_CHECK(!current_.has_value());
  current_ = command;
  moved_ = 0;
  if (is_dma()) {
    uint64_t address = command.buffer;
    if (address + command.bytes > k4GiB) {
      PLATTER_CHECK(command.bytes <= kBounceBytes);
      address = scratch_;
      std::vector<uint8_t> data(command.bytes);
      bus_.Read(command.buffer, data);
      bus_.Write(scratch_, data);
    }
    BuildTable(address, command.bytes);
    PrepareBm(command.protocol);
  }
  WriteRegisters(command);
  Set(kIdeCommand, command.code);
  if (is_dma()) {
    SetBm(kBmCommand, static_cast<uint8_t>(GetBm(kBmCommand) | kBmStart));
  }
}

std::optional<IdeAnswer> IdeDriver::Poll() {
  const bool interrupt = bus_.Interrupt(place_.line).high;
  if (!current_.has_value()) {
    if (interrupt && !Gone()) ++faults_;
    return std::nullopt;
  }
  const uint8_t status = AlternateStatus();
  if ((status & kIdeBusy) != 0) return std::nullopt;
  if (current_->protocol == IdeProtocol::kNonData || is_dma() || (status & kIdeErr) != 0) {
    return interrupt ? std::optional(Finish()) : std::nullopt;
  }
  // The first block of a write is asked for without an interrupt.
  const bool first_out = current_->protocol == IdeProtocol::kPioOut && moved_ == 0;
  return interrupt || first_out ? PollData(status) : std::nullopt;
}

std::optional<IdeAnswer> IdeDriver::PollData(uint8_t status) {
  if ((status & kIdeDrq) == 0) {
    return moved_ == current_->bytes ? std::optional(Finish()) : std::nullopt;
  }
  Get(kIdeStatus);  // Acknowledges.
  if (current_->protocol == IdeProtocol::kPioOut) {
    WriteBlock();
    return std::nullopt;
  }
  ReadBlock();
  if (moved_ < current_->bytes) return std::nullopt;
  return Finish();
}

void IdeDriver::ReadBlock() {
  std::vector<uint8_t> data(std::min(current_->block, current_->bytes - moved_));
  for (size_t i = 0; i < data.size(); i += 4) {
    const auto value =
        static_cast<uint32_t>(bus_.ReadRegister(RegisterSpace::kPort, place_.command, 4));
    for (size_t j = 0; j < 4; ++j) data[i + j] = static_cast<uint8_t>(value >> (8 * j));
  }
  bus_.Write(current_->buffer + moved_, data);
  moved_ += static_cast<uint32_t>(data.size());
}

void IdeDriver::WriteBlock() {
  std::vector<uint8_t> data(std::min(current_->block, current_->bytes - moved_));
  bus_.Read(current_->buffer + moved_, data);
  for (size_t i = 0; i < data.size(); i += 2) {
    bus_.WriteRegister(RegisterSpace::kPort, place_.command, 2,
                       uint64_t{data[i]} | uint64_t{data[i + 1]} << 8);
  }
  moved_ += static_cast<uint32_t>(data.size());
}

IdeAnswer IdeDriver::Finish() {
  const IdeCommand command = *std::exchange(current_, std::nullopt);
  IdeAnswer answer;
  if (command.protocol == IdeProtocol::kDmaIn || command.protocol == IdeProtocol::kDmaOut) {
    answer.bus_master = GetBm(kBmStatus);
    SetBm(kBmCommand, 0);
    SetBm(kBmStatus, kBmError | kBmInterrupt);
    if (command.protocol == IdeProtocol::kDmaIn && command.buffer + command.bytes > k4GiB) {
      std::vector<uint8_t> data(command.bytes);
      bus_.Read(scratch_, data);
      bus_.Write(command.buffer, data);
    }
  }
  answer.status = Get(kIdeStatus);
  answer.error = Get(kIdeError);
  answer.count = Get(kIdeCount);
  const auto lba24 = [this] {
    return uint64_t{Get(kIdeLbaLow)} | uint64_t{Get(kIdeLbaMid)} << 8 |
           uint64_t{Get(kIdeLbaHigh)} << 16;
  };
  answer.lba = lba24();
  if (command.form == IdeForm::k28) {
    answer.lba |= uint64_t{Get(kIdeDevice)} % 16 << 24;
  } else {
    SetControl(kIdeHighOrder);
    answer.lba |= lba24() << 24;
    SetControl(0);
  }
  return answer;
}

// --- Waiting. ---

// No interrupt announces the first block of a write or the end of a reset: look again now and then.
bool IdeDriver::PollFor(absl::FunctionRef<bool()> done, Duration timeout) {
  const Instant end = bus_.Now() + timeout;
  do {
    if (bus_.WaitFor(done, std::min(kPollInterval, timeout))) return true;
  } while (bus_.Now() < end);
  return false;
}

std::optional<IdeAnswer> IdeDriver::Run(const IdeCommand& command, Duration timeout) {
  Start(command);
  std::optional<IdeAnswer> answer;
  PollFor(
      [&] {
        answer = Poll();
        return answer.has_value();
      },
      timeout);
  // An engine that gave up doesn't interrupt: a driver's timeout finds it so.
  if (!answer.has_value() && is_dma() && (AlternateStatus() & kIdeBusy) == 0 &&
      (GetBm(kBmStatus) & kBmActive) == 0) {
    answer = Finish();
  }
  return answer;
}

IdeIdentity IdeDriver::Parse(std::span<const uint8_t> sector) {
  PLATTER_CHECK(sector.size() == kSector);
  IdeIdentity identity;
  for (size_t i = 0; i < identity.words.size(); ++i) {
    identity.words[i] = static_cast<uint16_t>(sector[2 * i] | sector[2 * i + 1] << 8);
  }
  identity.serial = TextOf(identity.words, 10, 19);
  identity.firmware = TextOf(identity.words, 23, 26);
  identity.model = TextOf(identity.words, 27, 46);
  for (unsigned i = 0; i < 4; ++i) {
    identity.sectors |= uint64_t{identity.words[100 + i]} << (16 * i);
  }
  return identity;
}

absl::StatusOr<IdeIdentity> IdeDriver::Identify() {
  const auto answer = Run({.code = kIdeIdentify,
                           .protocol = IdeProtocol::kPioIn,
                           .buffer = scratch_,
                           .bytes = kSector});
  if (!answer) return absl::DeadlineExceededError("IDENTIFY DEVICE: no answer");
  if (!answer->ok()) return absl::NotFoundError("IDENTIFY DEVICE: no ATA disk");
  std::vector<uint8_t> sector(kSector);
  bus_.Read(scratch_, sector);
  return Parse(sector);
}

IdeCommand IdeDriver::Transfer(IdeWay way, bool write, uint64_t lba, uint32_t bytes) const {
  IdeCommand command = {.form = IdeForm::k48,
                        .count = static_cast<uint16_t>(bytes / kSector),
                        .lba = lba,
                        .bytes = bytes};
  switch (way) {
    case IdeWay::kPio:
      command.code = write ? kIdeWritePioExt : kIdeReadPioExt;
      break;
    case IdeWay::kMultiple:
      command.code = write ? kIdeWriteMultipleExt : kIdeReadMultipleExt;
      command.block = 16 * kSector;
      break;
    case IdeWay::kDma:
      command.code = write ? kIdeWriteDmaExt : kIdeReadDmaExt;
      command.protocol = write ? IdeProtocol::kDmaOut : IdeProtocol::kDmaIn;
      return command;
  }
  command.protocol = write ? IdeProtocol::kPioOut : IdeProtocol::kPioIn;
  return command;
}

std::optional<IdeAnswer> IdeDriver::Read(IdeWay way, uint64_t lba, std::span<uint8_t> data) {
  PLATTER_CHECK(data.size() <= kBounceBytes);
  IdeCommand command = Transfer(way, false, lba, static_cast<uint32_t>(data.size()));
  command.buffer = scratch_;
  const auto answer = Run(command);
  bus_.Read(scratch_, data);
  return answer;
}

std::optional<IdeAnswer> IdeDriver::Write(IdeWay way, uint64_t lba, std::span<const uint8_t> data) {
  PLATTER_CHECK(data.size() <= kBounceBytes);
  bus_.Write(scratch_, data);
  IdeCommand command = Transfer(way, true, lba, static_cast<uint32_t>(data.size()));
  command.buffer = scratch_;
  return Run(command);
}

std::optional<IdeAnswer> IdeDriver::Flush() { return Run({.code = kIdeFlushExt}); }

std::optional<IdeAnswer> IdeDriver::SetMultiple(uint8_t sectors) {
  return Run({.code = kIdeSetMultiple, .count = sectors});
}

std::optional<IdeAnswer> IdeDriver::Trim(std::span<const Range> ranges) {
  const uint64_t bytes = (ranges.size() * 8 + kSector - 1) / kSector * kSector;
  PLATTER_CHECK(bytes <= kBounceBytes);
  std::vector<uint8_t> list(bytes);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const uint64_t entry = ranges[i].lba | uint64_t{ranges[i].sectors} << 48;
    for (size_t j = 0; j < 8; ++j) list[8 * i + j] = static_cast<uint8_t>(entry >> (8 * j));
  }
  bus_.Write(scratch_, list);
  return Run({.code = kIdeTrim,
              .protocol = IdeProtocol::kDmaOut,
              .form = IdeForm::k48,
              .features = 1,
              .count = static_cast<uint16_t>(bytes / kSector),
              .buffer = scratch_,
              .bytes = static_cast<uint32_t>(bytes)});
}

bool IdeDriver::SoftReset(Duration timeout) {
  SetControl(kIdeSoftReset);
  SetControl(0);
  Forget();
  return PollFor([&] { return (AlternateStatus() & kIdeBusy) == 0; }, timeout);
}

}  // namespace platter
