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

ToyRegisterFile::ToyRegisterFile(InterruptLine& line,
                                 absl::AnyInvocable<std::optional<uint64_t>()> medium_blocks,
                                 absl::AnyInvocable<void()> on_command)
    : line_(line), medium_blocks_(std::move(medium_blocks)), on_command_(std::move(on_command)) {}

void ToyRegisterFile::UpdateLine() {
  const bool high = values_.events != 0 && !values_.unplugged;
  line_.Set(high ? LineLevel::kHigh : LineLevel::kLow);
}

uint64_t ToyRegisterFile::ReadRegister(uint64_t offset, unsigned width) {
  const std::optional<uint64_t> blocks = medium_blocks_();
  SerialiserLock lock(serialiser_);
  if (values_.unplugged) return UINT64_MAX;
  if (width != 4 || offset % 4 != 0) return 0;
  return Read(static_cast<Register>(offset), blocks) & UINT32_MAX;
}

uint64_t ToyRegisterFile::Read(Register at, std::optional<uint64_t> blocks) const {
  const Values& v = values_;
  switch (at) {
    case Register::kId:
      return toy::kIdValue;
    case Register::kStatus:
      return (v.busy ? toy::kBusy : 0u) |
             (blocks.has_value() && !v.tray_open ? toy::kMediumPresent : 0u) |
             (v.tray_open ? toy::kTrayOpen : 0u) | (v.locked ? toy::kLocked : 0u);
    case Register::kError:
      return static_cast<uint32_t>(v.error);
    case Register::kLbaLow:
      return v.lba;
    case Register::kLbaHigh:
      return v.lba >> 32;
    case Register::kCount:
      return v.count;
    case Register::kBufferLow:
      return v.buffer;
    case Register::kBufferHigh:
      return v.buffer >> 32;
    case Register::kCapacityLow:
      return blocks.value_or(0);
    case Register::kCapacityHigh:
      return blocks.value_or(0) >> 32;
    case Register::kEvents:
      return v.events;
    case Register::kCommand:
      break;
  }
  return 0;
}

void ToyRegisterFile::WriteRegister(uint64_t offset, unsigned width, uint64_t value) {
  SerialiserLock lock(serialiser_);
  Values& v = values_;
  if (v.unplugged || width != 4 || offset % 4 != 0) return;
  const auto at = static_cast<Register>(offset);
  if (at == Register::kEvents) {
    v.events &= ~static_cast<uint32_t>(value);
    return UpdateLine();
  }
  if (v.busy) return;
  switch (at) {
    case Register::kCommand:
      v.command = static_cast<toy::Command>(value);
      v.busy = true;
      on_command_();
      break;
    case Register::kLbaLow:
    case Register::kLbaHigh:
      v.lba = WithHalf(v.lba, at == Register::kLbaHigh, value);
      break;
    case Register::kCount:
      v.count = static_cast<uint32_t>(value);
      break;
    case Register::kBufferLow:
    case Register::kBufferHigh:
      v.buffer = WithHalf(v.buffer, at == Register::kBufferHigh, value);
      break;
    default:
      break;
  }
}

}  // namespace platter
