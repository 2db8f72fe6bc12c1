// SPDX-License-Identifier: Apache-2.0

#include "examples/own_device/toy_register_file.h"

#include <utility>

namespace platter {
namespace {

using toy::Register;

uint64_t WithHalf(uint64_t field, bool high, uint64_t value) {
  const int shift = high ? 32 : 0;
  return (field & ~(uint64_t{UINT32_MAX} << shift)) | (value & UINT32_MAX) << shift;
}

}  // namespace

ToyRegisterFile::ToyRegisterFile(InterruptLine& line, BottomHalf& on_command,
                                 absl::AnyInvocable<uint64_t() const> medium_bytes)
    : line_(line), on_command_(on_command), medium_bytes_(std::move(medium_bytes)) {}

ToyCommand ToyRegisterFile::command() {
  SerialiserLock lock(serialiser_);
  return values_.command;
}

void ToyRegisterFile::Finish(toy::Error error) {
  SerialiserLock lock(serialiser_);
  values_.status &= ~uint32_t{toy::kBusy};
  values_.error = error;
  values_.events |= toy::kDone;
  UpdateLine();
}

bool ToyRegisterFile::Has(toy::StatusBit bit) {
  SerialiserLock lock(serialiser_);
  return (values_.status & bit) != 0;
}

bool ToyRegisterFile::Set(toy::StatusBit bit, bool on) {
  SerialiserLock lock(serialiser_);
  const uint32_t before = values_.status;
  values_.status = on ? before | bit : before & ~uint32_t{bit};
  return values_.status != before;
}

void ToyRegisterFile::Raise(toy::Event event) {
  SerialiserLock lock(serialiser_);
  values_.events |= event;
  UpdateLine();
}

void ToyRegisterFile::Clear() {
  SerialiserLock lock(serialiser_);
  values_ = {};
  UpdateLine();
}

void ToyRegisterFile::Disconnect() {
  SerialiserLock lock(serialiser_);
  connected_ = false;
  values_ = {};
  UpdateLine();
}

void ToyRegisterFile::UpdateLine() {
  const bool high = values_.events != 0 && connected_;
  line_.Set(high ? LineLevel::kHigh : LineLevel::kLow);
}

uint64_t ToyRegisterFile::ReadRegister(uint64_t offset, unsigned width) {
  const uint64_t medium_bytes = medium_bytes_();
  SerialiserLock lock(serialiser_);
  if (!connected_) return UINT64_MAX;
  if (width != 4 || offset % 4 != 0) return 0;
  return Read(static_cast<Register>(offset), medium_bytes);
}

uint32_t ToyRegisterFile::Read(Register at, uint64_t medium_bytes) const {
  const ToyCommand& command = values_.command;
  const bool present = medium_bytes != 0 && (values_.status & toy::kTrayOpen) == 0;
  switch (at) {
    case Register::kId:
      return toy::kIdValue;
    case Register::kStatus:
      return values_.status | (present ? toy::kMediumPresent : 0u);
    case Register::kError:
      return static_cast<uint32_t>(values_.error);
    case Register::kLbaLow:
      return static_cast<uint32_t>(command.lba);
    case Register::kLbaHigh:
      return static_cast<uint32_t>(command.lba >> 32);
    case Register::kCount:
      return command.count;
    case Register::kBufferLow:
      return static_cast<uint32_t>(command.buffer);
    case Register::kBufferHigh:
      return static_cast<uint32_t>(command.buffer >> 32);
    case Register::kCapacityLow:
      return static_cast<uint32_t>(medium_bytes / toy::kBlockBytes);
    case Register::kCapacityHigh:
      return static_cast<uint32_t>(medium_bytes / toy::kBlockBytes >> 32);
    case Register::kEvents:
      return values_.events;
    case Register::kCommand:
      break;
  }
  return 0;
}

void ToyRegisterFile::WriteRegister(uint64_t offset, unsigned width, uint64_t value) {
  SerialiserLock lock(serialiser_);
  if (!connected_ || width != 4 || offset % 4 != 0) return;
  const auto at = static_cast<Register>(offset);
  if (at == Register::kEvents) {
    values_.events &= ~static_cast<uint32_t>(value);
    return UpdateLine();
  }
  if ((values_.status & toy::kBusy) != 0) return;
  ToyCommand& command = values_.command;
  switch (at) {
    case Register::kCommand:
      command.code = static_cast<toy::Command>(value);
      values_.status |= toy::kBusy;
      on_command_.Schedule();
      break;
    case Register::kLbaLow:
    case Register::kLbaHigh:
      command.lba = WithHalf(command.lba, at == Register::kLbaHigh, value);
      break;
    case Register::kCount:
      command.count = static_cast<uint32_t>(value);
      break;
    case Register::kBufferLow:
    case Register::kBufferHigh:
      command.buffer = WithHalf(command.buffer, at == Register::kBufferHigh, value);
      break;
    default:
      break;
  }
}

}  // namespace platter
