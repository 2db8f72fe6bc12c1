// SPDX-License-Identifier: Apache-2.0
//
// The saved state of an ATAPI drive. A packet that its unit is at is saved as that; restored, the
// unit is told again.

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/ide/atapi_cd.h"
#include "devices/ide/ide_channel.h"
#include "devices/ide/ide_state.h"
#include "devices/scsi/cd_sector.h"
#include "devices/scsi/mmc_streaming.h"
#include "devices/scsi/scsi_unit_state.h"

namespace platter {
namespace {

constexpr uint32_t kVersion = 1;

std::span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Whether registers in that phase go with a drive at that step.
bool Agree(const state::IdePort& port, state::AtapiCd::Step step) {
  switch (port.phase()) {
    case state::IdePort::WORKING:
      return step == state::AtapiCd::EXECUTE || step == state::AtapiCd::READ_DMA;
    case state::IdePort::DATA:
      return port.window().to_guest()
                 ? step == state::AtapiCd::IDLE || step == state::AtapiCd::DATA
                 : step == state::AtapiCd::PACKET || step == state::AtapiCd::DATA_OUT;
    case state::IdePort::DATA_DONE:
      return step == state::AtapiCd::PACKET || step == state::AtapiCd::DATA ||
             step == state::AtapiCd::DATA_OUT;
    case state::IdePort::DMA_WAIT:
    case state::IdePort::DMA_READY:
      return step == state::AtapiCd::REPLY_WAIT || step == state::AtapiCd::READ_WAIT ||
             step == state::AtapiCd::DATA_OUT_WAIT;
    default:
      return step == state::AtapiCd::IDLE;
  }
}

bool KeepsData(state::AtapiCd::Step step) {
  return step == state::AtapiCd::DATA || step == state::AtapiCd::REPLY_WAIT ||
         step == state::AtapiCd::DATA_OUT;
}

// Of a command that takes data: it is one, and they are as long as it says. nullptr: nothing.
const char* CheckDataOut(const state::AtapiCd& from) {
  const uint32_t length = MmcDataOutBytes(Cdb(BytesOf(from.cdb())));
  if (length == 0) return "its packet";
  const bool waits_for_dma = from.step() == state::AtapiCd::DATA_OUT_WAIT;
  if (from.by_dma() != waits_for_dma) return "its way to the guest";
  if (from.to_read_blocks() != 0) return "the range that it has yet to read";
  if (from.buffer().size() != (waits_for_dma ? 0 : length)) return "its buffer";
  if (from.offered() > length || (from.offered() == 0) != waits_for_dma) {
    return "what it has asked for";
  }
  if (from.to_move() != length - from.offered()) return "what is left to move";
  if (!waits_for_dma && from.to_move() != 0 && AtapiBlockBytes(from.limit(), from.to_move()) == 0) {
    return "its byte count limit";
  }
  return nullptr;
}

}  // namespace

std::string AtapiCd::Save() {
  static_assert(static_cast<int>(Step::kDataOutWait) == state::AtapiCd::DATA_OUT_WAIT,
                "Step, in its order");
  state::AtapiCd to;
  to.set_version(kVersion);
  port().Save(PioBuffer(step_), *to.mutable_channel(), *to.mutable_port());
  SaveUnit(*unit_, *to.mutable_unit());
  SaveModes(modes_, *to.mutable_modes());
  to.set_power(static_cast<uint32_t>(power_));
  SaveSense(sense_, *to.mutable_sense());
  SaveTaskFile(file_, *to.mutable_command());
  if (step_ == Step::kIdle && to.port().phase() == state::IdePort::DATA) {
    to.set_buffer(buffer_.data(), kSectorSize);  // IDENTIFY PACKET DEVICE.
  }
  // A reset that has yet to be taken ends the command: nothing of it is needed.
  if (step_ == Step::kIdle || to.port().phase() == state::IdePort::RESET) {
    return to.SerializeAsString();
  }
  to.set_step(static_cast<state::AtapiCd::Step>(step_));
  to.set_by_dma(by_dma_);
  to.set_limit(limit_);
  to.set_to_read_lba(to_read_.lba);
  to.set_to_read_blocks(to_read_.blocks);
  to.set_sector_bytes(sector_bytes_);
  to.set_to_move(to_move_);
  to.set_offered(offered_);
  to.set_prd_table(prd_table_);
  to.set_packet(packet_.data(), packet_.size());
  for (size_t i = 0; i < kAtapiPacketBytes; ++i) {
    to.mutable_cdb()->push_back(static_cast<char>(cdb[i]));
  }
  if (KeepsData(to.step())) to.set_buffer(buffer_.data(), filled_);
  return to.SerializeAsString();
}

const char* AtapiCd::CheckCommand(const state::AtapiCd& from) const {
  using State = state::AtapiCd;
  const State::Step step = from.step();
  if (!State::Step_IsValid(step) || !Agree(from.port(), step)) return "the step of its command";
  if (from.buffer().size() > buffer_.size()) return "its buffer";
  if (from.port().phase() == state::IdePort::DATA) {
    const uint64_t end = uint64_t{from.port().window().begin()} + from.port().window().bytes();
    const uint64_t block_end = step == State::PACKET ? kAtapiPacketBytes
                               : step == State::IDLE ? kSectorSize
                                                     : from.offered();
    if (end != block_end) return "its data block";
  }
  if (step == State::IDLE) return nullptr;
  if (from.packet().size() != kAtapiPacketBytes || from.cdb().size() != kAtapiPacketBytes) {
    return "its packet";
  }
  if (from.limit() > UINT16_MAX) return "its byte count limit";
  if (step == State::DATA_OUT || step == State::DATA_OUT_WAIT) return CheckDataOut(from);
  const uint32_t sector = from.sector_bytes();
  const uint64_t to_read = from.to_read_blocks();
  const bool reads = to_read != 0 || step == State::READ_WAIT || step == State::READ_DMA;
  if (from.to_read_lba() > UINT32_MAX || to_read > UINT32_MAX ||
      (reads && sector != kCdUserBytes && sector != kCdRawBytes)) {
    return "the range that it has yet to read";
  }
  const bool waits_for_dma = step == State::REPLY_WAIT || step == State::READ_WAIT;
  if (waits_for_dma && !from.by_dma()) return "its way to the guest";
  if (step == State::REPLY_WAIT && from.buffer().empty()) return "its buffer";
  if ((step == State::READ_WAIT || step == State::READ_DMA) && to_read == 0) {
    return "the range that it has yet to read";
  }
  uint64_t at_hand = from.buffer().size();  // Of to_move, but for what was offered.
  if (step == State::EXECUTE) {
    const auto part = MediumReadOf(Cdb(BytesOf(from.cdb())));
    at_hand = part ? part->range.blocks * part->sector_bytes : 0;
    if (at_hand > buffer_.size()) return "the part that it reads";
  }
  if (step == State::DATA || step == State::EXECUTE) {
    const uint64_t rest = reads ? to_read * sector : 0;
    if (from.offered() > at_hand && step == State::DATA) return "what it has offered";
    if (step == State::DATA) at_hand -= from.offered();
    if (from.to_move() != at_hand + rest) return "what is left to move";
    if (from.to_move() != 0 && AtapiBlockBytes(from.limit(), from.to_move()) == 0) {
      return "its byte count limit";
    }
  }
  return nullptr;
}

absl::Status AtapiCd::Restore(const std::string& state) {
  state::AtapiCd from;
  PLATTER_RETURN_IF_ERROR(ParseState(state, kVersion, from));
  TaskFile file;
  Sense pending;
  AtaTransferModes modes;
  const bool packet_due = from.step() == state::AtapiCd::PACKET;
  const size_t pio_bytes = packet_due ? packet_.size() : buffer_.size();
  if (!port().CanRestore(from.channel(), from.port(), pio_bytes,
                         from.step() == state::AtapiCd::READ_DMA) ||
      !RestoreTaskFile(from.command(), file)) {
    return absl::InvalidArgumentError("its registers can't be so");
  }
  if (!RestoreModes(from.modes(), modes) || !RestoreSense(from.sense(), pending) ||
      from.power() > static_cast<uint32_t>(Power::kSleep)) {
    return absl::InvalidArgumentError("its settings can't be so");
  }
  PLATTER_RETURN_IF_ERROR(CheckUnit(from.unit(), *unit_));
  if (const char* const wrong = CheckCommand(from); wrong != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(wrong, " can't be so"));
  }
  const bool identifies =
      from.step() == state::AtapiCd::IDLE && from.port().phase() == state::IdePort::DATA;
  if (!KeepsData(from.step()) && from.buffer().size() != (identifies ? kSectorSize : 0)) {
    return absl::InvalidArgumentError("its buffer can't be so");
  }
  RestoreUnit(from.unit(), *unit_);
  modes_ = modes;
  sense_ = pending;
  power_ = static_cast<Power>(from.power());
  file_ = file;
  step_ = static_cast<Step>(from.step());
  by_dma_ = from.by_dma();
  limit_ = from.limit();
  to_read_ = {.lba = from.to_read_lba(), .blocks = from.to_read_blocks()};
  sector_bytes_ = from.sector_bytes();
  to_move_ = from.to_move();
  filled_ = KeepsData(from.step())        ? static_cast<uint32_t>(from.buffer().size())
            : step_ == Step::kDataOutWait ? static_cast<uint32_t>(to_move_)
                                          : 0;
  offered_ = from.offered();
  prd_table_ = from.prd_table();
  packet_.fill(0);
  std::copy(from.packet().begin(), from.packet().end(), packet_.begin());
  cdb = Cdb(BytesOf(from.cdb()));
  buffer_.fill(0);
  std::copy(from.buffer().begin(), from.buffer().end(), buffer_.begin());
  // A block that is the last of its command leaves the drive with nothing to do.
  port().Restore(from.port(), PioBuffer(step_),
                 step_ == Step::kIdle ? IdePort::Block::kLast : IdePort::Block::kMoreFollow,
                 from.channel());
  return absl::OkStatus();
}

void AtapiCd::TakeUpAgain() {
  if (step_ == Step::kExecute) {
    const std::optional<SectorRead> part = MediumReadOf(cdb);
    const uint64_t length = part ? part->range.blocks * part->sector_bytes : buffer_.size();
    piece_ = {.iov_base = buffer_.data(), .iov_len = length};
    return ExecuteAgain({&piece_, 1}, length);
  }
  if (step_ != Step::kReadDma) return;  // It waits for the guest.
  const uint64_t length = to_read_.blocks * sector_bytes_;
  const DmaEnd end = dma_.Prepare(port().memory(), prd_table_, length, DmaAccess::kDeviceWrites);
  if (end == DmaEnd::kTableShort || end == DmaEnd::kNoMemory) return FailDma(end);
  dma_end_ = end;
  ExecuteAgain(dma_.pieces(), length);
}

}  // namespace platter
