// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ide_channel.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace platter {

namespace {

constexpr uint8_t kNobody = 0xff;
constexpr unsigned kMaxWidth = 8;

unsigned Bounded(unsigned width) { return std::min(width, kMaxWidth); }

}  // namespace

IdeChannel::IdeChannel(Setup setup)
    : memory_(std::move(setup.memory)), line_(setup.line), serialiser_(setup.serialise) {
  for (unsigned unit = 0; unit < kUnits; ++unit) {
    ports_[unit] = std::make_unique<IdePort>(*this, unit);
  }
}

IdeChannel::~IdeChannel() {
  for (const auto& port : ports_) PLATTER_CHECK(!port->present());
}

// --- Accesses. ---

uint64_t IdeChannel::ByteBlock::ReadRegister(uint64_t offset, unsigned width) {
  SerialiserLock lock(channel_.serialiser_);
  uint64_t value = 0;
  for (unsigned i = 0; i < Bounded(width); ++i) value |= uint64_t{ReadByte(offset + i)} << (8 * i);
  return value;
}

void IdeChannel::ByteBlock::WriteRegister(uint64_t offset, unsigned width, uint64_t value) {
  SerialiserLock lock(channel_.serialiser_);
  for (unsigned i = 0; i < Bounded(width); ++i) {
    WriteByte(offset + i, static_cast<uint8_t>(value >> (8 * i)));
  }
}

uint64_t IdeChannel::CommandBlock::ReadRegister(uint64_t offset, unsigned width) {
  if (offset != ata::kRegData) return ByteBlock::ReadRegister(offset, width);
  std::array<uint8_t, kMaxWidth> bytes{};
  channel_.ReadData({bytes.data(), Bounded(width)});
  uint64_t value = 0;
  for (unsigned i = 0; i < kMaxWidth; ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

void IdeChannel::CommandBlock::WriteRegister(uint64_t offset, unsigned width, uint64_t value) {
  if (offset != ata::kRegData) return ByteBlock::WriteRegister(offset, width, value);
  std::array<uint8_t, kMaxWidth> bytes;
  for (unsigned i = 0; i < kMaxWidth; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
  channel_.WriteData({bytes.data(), Bounded(width)});
}

uint8_t IdeChannel::CommandBlock::ReadByte(uint64_t offset) {
  if (offset >= ata::kCommandBlockBytes) return kNobody;
  return channel_.ReadCommandBlock(static_cast<unsigned>(offset));
}
void IdeChannel::CommandBlock::WriteByte(uint64_t offset, uint8_t value) {
  if (offset >= ata::kCommandBlockBytes) return;
  channel_.WriteCommandBlock(static_cast<unsigned>(offset), value);
}

uint8_t IdeChannel::ControlBlock::ReadByte(uint64_t offset) {
  return offset == 0 ? channel_.ReadStatus() : kNobody;
}
void IdeChannel::ControlBlock::WriteByte(uint64_t offset, uint8_t value) {
  if (offset == 0) channel_.WriteControl(value);
}

uint8_t IdeChannel::BusMasterBlock::ReadByte(uint64_t offset) {
  if (offset >= kBusMasterBytes) return kNobody;
  return channel_.engine_.Read(static_cast<unsigned>(offset));
}
void IdeChannel::BusMasterBlock::WriteByte(uint64_t offset, uint8_t value) {
  if (offset >= kBusMasterBytes) return;
  const BusMaster::Effect effect = channel_.engine_.Write(static_cast<unsigned>(offset), value);
  for (const auto& port : channel_.ports_) {
    if (effect == BusMaster::Effect::kArmed) port->OnArmed();
    if (effect == BusMaster::Effect::kDisarmed) port->OnDisarmed();
  }
}

void IdeChannel::ReadData(std::span<uint8_t> to) {
  SerialiserLock lock(serialiser_);
  MoveDataIn(to);
}

void IdeChannel::WriteData(std::span<const uint8_t> from) {
  SerialiserLock lock(serialiser_);
  MoveDataOut(from);
}

// --- What they do. ---

IdePort* IdeChannel::Responder() {
  if (selected().present()) return &selected();
  return selected_ == 1 && ports_[0]->present() ? ports_[0].get() : nullptr;
}

void IdeChannel::MoveDataIn(std::span<uint8_t> to) { selected().ReadData(to); }
void IdeChannel::MoveDataOut(std::span<const uint8_t> from) { selected().WriteData(from); }

// 7.8 alternate status and 7.15 status; only the latter acknowledges the interrupt.
uint8_t IdeChannel::ReadStatus() {
  if (Responder() == nullptr) return kNobody;
  return selected().status();  // 9.16.1: 0 of a device 1 that isn't there.
}

uint8_t IdeChannel::ReadCommandBlock(unsigned offset) {
  if (offset == ata::kRegData) {
    uint8_t byte = 0;
    MoveDataIn({&byte, 1});
    return byte;
  }
  const IdePort* responder = Responder();
  if (responder == nullptr) return kNobody;
  if (offset == ata::kRegStatus) {
    const uint8_t status = ReadStatus();
    selected().interrupt_ = false;
    UpdateLine();
    return status;
  }
  if (offset == ata::kRegError) return responder->error_;
  if (offset == ata::kRegDevice) {
    const uint8_t rest = responder->file_.device & static_cast<uint8_t>(~ata::kDeviceDev);
    return static_cast<uint8_t>(rest | (selected_ != 0 ? ata::kDeviceDev : 0));
  }
  const bool high = (control_ & ata::kControlHob) != 0;
  return ReadTaskFile(responder->file_, offset,
                      high ? TaskFileHalf::kPrevious : TaskFileHalf::kCurrent);
}

void IdeChannel::WriteCommandBlock(unsigned offset, uint8_t value) {
  if (offset == ata::kRegData) return MoveDataOut({&value, 1});
  control_ &= static_cast<uint8_t>(~ata::kControlHob);  // 7.8: by any write to the command block.
  if (offset == ata::kRegCommand) return WriteCommand(value);
  if (selected().busy()) return;
  // Both drives see the write, as on the cable.
  for (const auto& port : ports_) {
    if (port->present() && !port->busy()) WriteTaskFile(port->file_, offset, value);
  }
  if (offset == ata::kRegDevice) {
    selected_ = (value & ata::kDeviceDev) != 0 ? 1 : 0;
    UpdateLine();
  }
}

void IdeChannel::WriteCommand(uint8_t value) {
  IdePort& port = selected();
  const bool own_reset =
      value == ata::kDeviceReset && port.present() && port.device_->takes_device_reset();
  if (srst()) return;  // 9.2: drives are in reset while it is set.
  if (port.busy() && !own_reset) return;
  if (value == ata::kExecuteDeviceDiagnostic) {
    // 8.11: for both, whichever is selected; device 0 is selected afterwards.
    for (const auto& each : ports_) each->StartReset(IdeReset::kDiagnostic);
    selected_ = 0;
  } else if (own_reset) {
    port.StartReset(IdeReset::kDevice);
  } else if (port.present()) {
    port.StartCommand(value);
  }
  UpdateLine();
}

void IdeChannel::WriteControl(uint8_t value) {
  const bool was_set = srst();
  control_ = value & (ata::kControlNien | ata::kControlSrst | ata::kControlHob);
  if (srst() && !was_set) {
    for (const auto& port : ports_) port->StartReset(IdeReset::kSoftware);
    selected_ = 0;
  }
  if (!srst() && was_set) {
    for (const auto& port : ports_) port->ReleaseReset();
  }
  UpdateLine();
}

void IdeChannel::UpdateLine() {
  const bool high = selected().interrupt_ && (control_ & ata::kControlNien) == 0;
  const LineLevel level = high ? LineLevel::kHigh : LineLevel::kLow;
  if (level == level_) return;
  level_ = level;
  if (high) engine_.OnInterrupt();
  line_.Set(level);
}

void IdeChannel::OnDriveReset(IdeReset kind, const IdePort& other) {
  if (!other.HoldsEngine()) engine_.OnDriveReset();
  if (kind != IdeReset::kPower) return;
  if (!other.uses_dma_) engine_.Reset();
  selected_ = 0;
  control_ = 0;
}

}  // namespace platter
