// SPDX-License-Identifier: Apache-2.0
//
// The saved state of an ATA disk. A command that waits for the backend is saved as its task file
// and how far it has come; restored, it asks again.

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/ide/ata_disk.h"
#include "devices/ide/ata_trim.h"
#include "devices/ide/ide_channel.h"
#include "devices/ide/ide_state.h"

namespace platter {
namespace {

constexpr uint32_t kVersion = 1;

bool HasRange(state::AtaDisk::Step step) {
  switch (step) {
    case state::AtaDisk::READ:
    case state::AtaDisk::READ_DATA:
    case state::AtaDisk::WRITE_DATA:
    case state::AtaDisk::WRITE:
    case state::AtaDisk::VERIFY:
    case state::AtaDisk::DMA_WAIT:
    case state::AtaDisk::DMA:
      return true;
    default:
      return false;
  }
}

bool ByPio(const AtaCommand& command, AtaProtocol protocol) {
  const bool transfers =
      command.action == AtaAction::kRead || command.action == AtaAction::kWrite ||
      command.action == AtaAction::kReadMultiple || command.action == AtaAction::kWriteMultiple;
  return transfers && command.protocol == protocol;
}

// Whether a command comes to that step.
bool HasStep(const AtaCommand& command, state::AtaDisk::Step step) {
  switch (step) {
    case state::AtaDisk::READ:
    case state::AtaDisk::READ_DATA:
      return ByPio(command, AtaProtocol::kPioIn);
    case state::AtaDisk::WRITE_DATA:
    case state::AtaDisk::WRITE:
      return ByPio(command, AtaProtocol::kPioOut);
    case state::AtaDisk::VERIFY:
      return command.action == AtaAction::kVerify;
    case state::AtaDisk::FLUSH:
      return command.action == AtaAction::kFlush || command.action == AtaAction::kStandby ||
             command.action == AtaAction::kSleep || command.action == AtaAction::kSetFeatures;
    case state::AtaDisk::DMA_WAIT:
    case state::AtaDisk::DMA:
      return (command.action == AtaAction::kRead && command.protocol == AtaProtocol::kDmaIn) ||
             (command.action == AtaAction::kWrite && command.protocol == AtaProtocol::kDmaOut);
    case state::AtaDisk::TRIM_WAIT:
    case state::AtaDisk::TRIM:
      return command.action == AtaAction::kTrim;
    default:
      return true;
  }
}

// Whether registers in that phase go with a drive at that step.
bool Agree(const state::IdePort& port, state::AtaDisk::Step step) {
  switch (port.phase()) {
    case state::IdePort::WORKING:
      return step == state::AtaDisk::READ || step == state::AtaDisk::WRITE ||
             step == state::AtaDisk::VERIFY || step == state::AtaDisk::FLUSH ||
             step == state::AtaDisk::DMA || step == state::AtaDisk::TRIM;
    case state::IdePort::DATA:
      return port.window().to_guest()
                 ? step == state::AtaDisk::IDLE || step == state::AtaDisk::READ_DATA
                 : step == state::AtaDisk::WRITE_DATA;
    case state::IdePort::DATA_DONE:
      return step == state::AtaDisk::READ_DATA || step == state::AtaDisk::WRITE_DATA;
    case state::IdePort::DMA_WAIT:
    case state::IdePort::DMA_READY:
      return step == state::AtaDisk::DMA_WAIT || step == state::AtaDisk::TRIM_WAIT;
    default:
      return step == state::AtaDisk::IDLE;
  }
}

bool RestoreSettings(const state::AtaDisk& from, AtaSettings& settings) {
  const auto in = [](uint32_t value, uint32_t last) { return value >= 1 && value <= last; };
  const uint32_t multiple = from.multiple();
  if (!in(from.cylinders(), UINT16_MAX) || !in(from.heads(), 16) ||
      !in(from.sectors(), UINT8_MAX) ||
      (multiple != 0 && (!IsPowerOfTwo(multiple) || multiple > kAtaMaxMultiple))) {
    return false;
  }
  settings.geometry = {
      .cylinders = from.cylinders(), .heads = from.heads(), .sectors = from.sectors()};
  settings.multiple = multiple;
  settings.look_ahead = from.look_ahead();
  settings.smart = from.smart();
  return RestoreModes(from.modes(), settings.modes);
}

}  // namespace

std::string AtaDisk::Save() {
  static_assert(static_cast<int>(Step::kTrim) == state::AtaDisk::TRIM, "Step, in its order");
  state::AtaDisk to;
  to.set_version(kVersion);
  port().Save(buffer_, *to.mutable_channel(), *to.mutable_port());
  to.set_cylinders(settings_.geometry.cylinders);
  to.set_heads(settings_.geometry.heads);
  to.set_sectors(settings_.geometry.sectors);
  to.set_multiple(settings_.multiple);
  SaveModes(settings_.modes, *to.mutable_modes());
  to.set_look_ahead(settings_.look_ahead);
  to.set_smart(settings_.smart);
  to.set_write_cache(backend().write_cache_enabled());
  to.set_power(static_cast<uint32_t>(power_));
  SaveTaskFile(file_, *to.mutable_command());
  // A reset that has yet to be taken ends the command: nothing of it is needed.
  const bool ends = to.port().phase() == state::IdePort::RESET;
  if (!ends && step_ != Step::kIdle) {
    to.set_step(static_cast<state::AtaDisk::Step>(step_));
    to.set_lba(lba_);
    to.set_left(left_);
    to.set_block(block_);
    to.set_trim_next(trim_next_);
    to.set_trim_entries(trim_entries_);
    to.set_prd_table(prd_table_);
  }
  if (to.step() != state::AtaDisk::IDLE || to.port().phase() == state::IdePort::DATA) {
    to.set_buffer(buffer_.data(), buffer_.size());
  }
  return to.SerializeAsString();
}

const char* AtaDisk::CheckTrim(const state::AtaDisk& from) const {
  if (from.left() == 0 || from.left() > kAtaMaxTrimBlocks) return "the length of its TRIM list";
  if (from.step() != state::AtaDisk::TRIM) return nullptr;
  const uint32_t entries = from.left() * kSectorSize / ata::kTrimEntryBytes;
  const bool fits = from.trim_entries() == entries && from.trim_next() >= 1 &&
                    from.trim_next() <= entries && from.buffer().size() == buffer_.size();
  if (!fits) return "its place in the TRIM list";
  for (uint32_t i = 0; i < entries; ++i) {
    const auto list =
        std::span(reinterpret_cast<const uint8_t*>(from.buffer().data()), from.buffer().size());
    const AtaTrimEntry entry = ReadTrimEntry(list, i);
    if (entry.sectors != 0 && !RangeFits(entry.lba, entry.sectors, sectors())) {
      return "a range of its TRIM list, which is not on the disk";
    }
  }
  return nullptr;
}

const char* AtaDisk::CheckCommand(const state::AtaDisk& from) const {
  if (!state::AtaDisk::Step_IsValid(from.step()) || !Agree(from.port(), from.step())) {
    return "the step of its command";
  }
  const bool has_data = from.port().phase() == state::IdePort::DATA;
  const state::IdeWindow& window = from.port().window();
  if (from.step() == state::AtaDisk::IDLE) {
    // The last block of a command, of whole sectors.
    const bool fits = !has_data || (window.begin() + window.bytes()) % kSectorSize == 0;
    return fits ? nullptr : "its data block";
  }
  const AtaCommand* const command = FindAtaCommand(static_cast<uint8_t>(from.command().command()));
  if (command == nullptr || !HasStep(*command, from.step())) return "its command";
  if (command->action == AtaAction::kTrim) return CheckTrim(from);
  if (!HasRange(from.step())) return nullptr;
  return CheckTransfer(from, *command);
}

const char* AtaDisk::CheckTransfer(const state::AtaDisk& from, const AtaCommand& command) const {
  TaskFile file;
  RestoreTaskFile(from.command(), file);
  const ChsGeometry geometry = {
      .cylinders = from.cylinders(), .heads = from.heads(), .sectors = from.sectors()};
  const auto first = FirstLba(file, command.addressing, geometry);
  const uint32_t count = SectorCount(file, command.addressing);
  if (!first || !RangeFits(*first, count, sectors()) || from.left() == 0 || from.left() > count ||
      from.lba() != *first + count - from.left()) {
    return "its range, which is not the command's";
  }
  const bool by_dma = from.step() == state::AtaDisk::DMA || from.step() == state::AtaDisk::DMA_WAIT;
  if (by_dma) return from.left() == count ? nullptr : "its range, which is not the command's";
  const bool multiple =
      command.action == AtaAction::kReadMultiple || command.action == AtaAction::kWriteMultiple;
  const uint32_t block = command.action == AtaAction::kVerify ? kAtaMaxMultiple
                         : multiple                           ? from.multiple()
                                                              : 1;
  if (from.block() != block || block == 0) return "the length of its data block";
  if (from.port().phase() != state::IdePort::DATA) return nullptr;
  // A block that was read is a whole one, since more follow.
  const uint32_t sectors_in_block =
      from.step() == state::AtaDisk::READ_DATA ? block : std::min(block, from.left());
  const state::IdeWindow& window = from.port().window();
  const bool at_its_end = window.begin() + window.bytes() == sectors_in_block * kSectorSize;
  return at_its_end ? nullptr : "its data block";
}

absl::Status AtaDisk::Restore(const std::string& state) {
  state::AtaDisk from;
  PLATTER_RETURN_IF_ERROR(ParseState(state, kVersion, from));
  AtaSettings settings;
  TaskFile file;
  if (!port().CanRestore(from.channel(), from.port(), buffer_.size(),
                         from.step() == state::AtaDisk::DMA) ||
      !RestoreTaskFile(from.command(), file)) {
    return absl::InvalidArgumentError("its registers can't be so");
  }
  if (!RestoreSettings(from, settings) || from.power() > static_cast<uint32_t>(Power::kSleep)) {
    return absl::InvalidArgumentError("its settings can't be so");
  }
  if (const char* const wrong = CheckCommand(from); wrong != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(wrong, " can't be so"));
  }
  const bool keeps_data =
      from.step() != state::AtaDisk::IDLE || from.port().phase() == state::IdePort::DATA;
  if (from.buffer().size() != (keeps_data ? buffer_.size() : 0)) {
    return absl::InvalidArgumentError("its buffer can't be so");
  }
  settings_ = settings;
  power_ = static_cast<Power>(from.power());
  backend().set_write_cache_enabled(from.write_cache());
  file_ = file;
  step_ = static_cast<Step>(from.step());
  command_ = FindAtaCommand(file.command);
  lba_ = from.lba();
  left_ = from.left();
  block_ = std::max<uint32_t>(from.block(), 1);
  trim_next_ = from.trim_next();
  trim_entries_ = from.trim_entries();
  prd_table_ = from.prd_table();
  buffer_.fill(0);
  std::copy(from.buffer().begin(), from.buffer().end(), buffer_.begin());
  // A block that is the last of its command leaves the disk with nothing to do.
  port().Restore(from.port(), buffer_,
                 step_ == Step::kIdle ? IdePort::Block::kLast : IdePort::Block::kMoreFollow,
                 from.channel());
  return absl::OkStatus();
}

void AtaDisk::TakeUpAgain() {
  switch (step_) {
    case Step::kRead:
    case Step::kVerify:
      return SubmitBlock(IoOp::kRead, NextBlock());
    case Step::kWrite:
      return SubmitBlock(IoOp::kWrite, NextBlock());
    case Step::kFlush:
      return StartFlush();
    case Step::kDma:
      step_ = Step::kDmaWait;
      return OnDmaReady(prd_table_);
    case Step::kTrim:
      --trim_next_;
      return SubmitNextTrim();
    default:
      return;  // It waits for the guest.
  }
}

}  // namespace platter
