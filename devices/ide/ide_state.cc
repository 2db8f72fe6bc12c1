// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ide_state.h"

#include <array>
#include <cstdint>
#include <string>

namespace platter {
namespace {

constexpr std::array kRegisters = {&TaskFile::features, &TaskFile::count, &TaskFile::lba_low,
                                   &TaskFile::lba_mid, &TaskFile::lba_high};

bool IsMode(uint32_t mode, uint8_t highest) { return mode <= highest || mode == kAtaNoMode; }

}  // namespace

void SaveTaskFile(const TaskFile& file, state::IdeTaskFile& to) {
  std::string current;
  std::string previous;
  for (const auto& reg : kRegisters) {
    current.push_back(static_cast<char>((file.*reg).current));
    previous.push_back(static_cast<char>((file.*reg).previous));
  }
  to.set_current(current);
  to.set_previous(previous);
  to.set_device(file.device);
  to.set_command(file.command);
}

bool RestoreTaskFile(const state::IdeTaskFile& from, TaskFile& file) {
  if (from.current().size() != kRegisters.size() || from.previous().size() != kRegisters.size() ||
      from.device() > UINT8_MAX || from.command() > UINT8_MAX) {
    return false;
  }
  for (size_t i = 0; i < kRegisters.size(); ++i) {
    file.*kRegisters[i] = {.current = static_cast<uint8_t>(from.current()[i]),
                           .previous = static_cast<uint8_t>(from.previous()[i])};
  }
  file.device = static_cast<uint8_t>(from.device());
  file.command = static_cast<uint8_t>(from.command());
  return true;
}

void SaveModes(const AtaTransferModes& modes, state::AtaTransferModes& to) {
  to.set_multiword(modes.multiword);
  to.set_ultra(modes.ultra);
}

bool RestoreModes(const state::AtaTransferModes& from, AtaTransferModes& modes) {
  if (!IsMode(from.multiword(), kAtaMaxMultiwordMode) || !IsMode(from.ultra(), kAtaMaxUltraMode)) {
    return false;
  }
  modes = {.multiword = static_cast<uint8_t>(from.multiword()),
           .ultra = static_cast<uint8_t>(from.ultra())};
  return true;
}

}  // namespace platter
