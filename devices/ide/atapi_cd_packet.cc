// SPDX-License-Identifier: Apache-2.0
//
// Packet commands as steps (ATA/ATAPI-6, 8.23, 9.8 and 9.9): the packet comes, the logical unit
// does what it says, its data go to the guest or come from it, the status ends it. All reading
// commands of the medium are READ(12) or READ CD to the unit when their data go by PIO, a part at a
// time.

#include <algorithm>

#include "base/bytes.h"
#include "devices/ide/atapi_cd.h"
#include "devices/scsi/cd_sector.h"
#include "devices/scsi/medium_read.h"
#include "devices/scsi/mmc_streaming.h"
#include "devices/scsi/raw_read.h"

namespace platter {
namespace {

// The drive has one initiator: the guest's driver.
constexpr uint8_t kNexus = 0;

constexpr uint64_t kEventBytes = 8;  // MMC-6, 6.6.3: header and media event descriptor.

static_assert(AtapiCd::kBufferBytes >= kCdRawBytes);
// Every reply that isn't data of the medium.
static_assert(AtapiCd::kBufferBytes >= UINT16_MAX, "allocation lengths have 16 bits");
static_assert(AtapiCd::kBufferBytes >= kMaxMmcDataOut);

Cdb MakeRead12(const BlockRange& range) {
  struct {
    uint8_t opcode = static_cast<uint8_t>(ScsiOpcode::kRead12);
    uint8_t flags = 0;
    Be32 lba;
    Be32 blocks;
    uint8_t rest[2] = {};
  } cdb;
  static_assert(sizeof(cdb) == kAtapiPacketBytes);
  cdb.lba = static_cast<uint32_t>(range.lba);
  cdb.blocks = static_cast<uint32_t>(range.blocks);
  return Cdb(std::span(reinterpret_cast<const uint8_t*>(&cdb), sizeof(cdb)));
}

// The data of a command that forgets what it tells, so that it must not be done in vain: the event
// of GET EVENT STATUS NOTIFICATION, the attention that REQUEST SENSE tells. 0 of others.
uint64_t BytesToldOnce(const Cdb& cdb) {
  switch (static_cast<ScsiOpcode>(cdb.opcode())) {
    case ScsiOpcode::kGetEventStatus:
      return std::min<uint64_t>(cdb.Be16At(7), kEventBytes);
    case ScsiOpcode::kRequestSense:
      return std::min<uint64_t>(cdb[4], kFixedSenseBytes);
    default:
      return 0;
  }
}

// READ CD of whole sectors; `range` has at most 2^24 - 1.
Cdb MakeReadRaw(const BlockRange& range) {
  struct {
    uint8_t opcode = static_cast<uint8_t>(ScsiOpcode::kReadCd);
    uint8_t type = 0;
    Be32 lba;
    uint8_t blocks[3] = {};
    uint8_t parts = kReadCdEverything;
    uint8_t rest[2] = {};
  } cdb;
  static_assert(sizeof(cdb) == kAtapiPacketBytes);
  cdb.lba = static_cast<uint32_t>(range.lba);
  cdb.blocks[0] = static_cast<uint8_t>(range.blocks >> 16);
  cdb.blocks[1] = static_cast<uint8_t>(range.blocks >> 8);
  cdb.blocks[2] = static_cast<uint8_t>(range.blocks);
  return Cdb(std::span(reinterpret_cast<const uint8_t*>(&cdb), sizeof(cdb)));
}

// Why a task did not do what it was asked. ATAPI has no status but CHECK CONDITION: what has one of
// its own in SCSI, and no sense, is an aborted command.
Sense SenseOf(const ScsiTask& task) {
  if (task.status == ScsiStatus::kGood && !task.overrun) return {};
  if (!task.sense.ok()) return task.sense;
  return {.key = SenseKey::kAbortedCommand};
}

// 8.23.6: the sense key, and that the command or a field of it was invalid.
uint8_t ErrorOf(const Sense& sense) {
  const bool invalid =
      sense.key == SenseKey::kIllegalRequest || sense.key == SenseKey::kAbortedCommand;
  return static_cast<uint8_t>(static_cast<unsigned>(sense.key) << 4 |
                              (invalid ? ata::kErrorAbrt : 0u));
}

}  // namespace

// --- The packet. ---

void AtapiCd::AskForPacket() {
  power_ = Power::kActive;
  by_dma_ = (file_.features.current & kAtapiFeatureDma) != 0;
  limit_ = uint32_t{file_.lba_high.current} << 8 | file_.lba_mid.current;
  to_read_ = {};
  to_move_ = filled_ = offered_ = 0;
  step_ = Step::kPacket;
  file_.count.current = kAtapiReasonCommand;
  port().ShowRegisters(file_);
  port().DataOut(packet_, IdeInterrupt::kNo);
}

void AtapiCd::RunPacket() {
  cdb = Cdb(packet_);
  const bool asks_for_sense = cdb.opcode() == static_cast<uint8_t>(ScsiOpcode::kRequestSense);
  if (asks_for_sense && !sense_.ok()) return AnswerWithSense();
  if (!CanMove(BytesToldOnce(cdb))) return AbortPacket();
  sense_ = {};  // SPC-2, 7.20: kept until it is asked for, or another command comes.
  const std::optional<SectorRead> read = MediumReadOf(cdb);
  // What is not all on the medium, or not so, the unit refuses, after what comes before that.
  if (read && RangeFits(read->range.lba, read->range.blocks, unit_->blocks()) &&
      (read->sector_bytes == kCdUserBytes || HasRawSectors(unit_->blocks()))) {
    return StartRead(*read);
  }
  step_ = Step::kExecute;
  piece_ = {.iov_base = buffer_.data(), .iov_len = buffer_.size()};
  Execute({&piece_, 1}, buffer_.size());
}

void AtapiCd::AnswerWithSense() {
  constexpr unsigned kDescriptorBit = 0;
  const SenseFormat format =
      cdb.Bit(1, kDescriptorBit) ? SenseFormat::kDescriptor : SenseFormat::kFixed;
  const size_t length = EncodeSense(sense_, format, std::span(buffer_).first(kMaxSenseBytes));
  const auto wanted = static_cast<uint32_t>(std::min<size_t>(length, cdb[4]));
  if (!CanMove(wanted)) return AbortPacket();
  sense_ = {};
  Deliver(wanted);
}

// --- Reads of the medium. ---

void AtapiCd::StartRead(const SectorRead& read) {
  to_read_ = read.range;
  sector_bytes_ = read.sector_bytes;
  if (by_dma_) {
    step_ = Step::kReadWait;
    return port().RequestDma();
  }
  // On the medium, so the product fits.
  to_move_ = to_read_.blocks * sector_bytes_;
  if (!CanMove(to_move_)) return AbortPacket();
  ReadNextPart();
}

void AtapiCd::ReadNextPart() {
  const uint64_t room = kBufferBytes / sector_bytes_;
  const BlockRange part = {.lba = to_read_.lba, .blocks = std::min(to_read_.blocks, room)};
  to_read_ = {.lba = part.lba + part.blocks, .blocks = to_read_.blocks - part.blocks};
  cdb = sector_bytes_ == kCdRawBytes ? MakeReadRaw(part) : MakeRead12(part);
  step_ = Step::kExecute;
  const uint64_t length = part.blocks * sector_bytes_;
  piece_ = {.iov_base = buffer_.data(), .iov_len = length};
  Execute({&piece_, 1}, length);
}

void AtapiCd::OnDmaReady(uint32_t prd_table) {
  if (step_ == Step::kDataOutWait) return TakeDataByDma(prd_table);
  const bool reply = step_ == Step::kReplyWait;
  const uint64_t length = reply ? filled_ : to_read_.blocks * sector_bytes_;
  const DmaEnd end = dma_.Prepare(port().memory(), prd_table, length, DmaAccess::kDeviceWrites);
  // Nothing has moved: the table is read before the first byte.
  if (end == DmaEnd::kTableShort || end == DmaEnd::kNoMemory) return FailDma(end);
  if (reply) {
    dma_.CopyFrom(std::span(buffer_).first(filled_));
    dma_.Finish(port().memory(), DmaTransfer::Outcome::kDone);
    return Complete(end);
  }
  dma_end_ = end;
  prd_table_ = prd_table;
  step_ = Step::kReadDma;
  Execute(dma_.pieces(), length);
}

// The guest learns it from the bus master ("Bus Master IDE" rev 1.0, 3.1): there is no interrupt.
void AtapiCd::FailDma(DmaEnd end) {
  sense_ = {.key = SenseKey::kAbortedCommand, .code = SenseCode::kDataPhaseError};
  Complete(end, IdeInterrupt::kNo);
}

// --- The logical unit. ---

void AtapiCd::Execute(std::span<iovec> pieces, uint64_t length) {
  data_in = {.pieces = pieces, .bytes = length};
  data_out = {};
  if (lane_->Execute(*this, kNexus) == Execution::kDone) OnExecuted();
}

void AtapiCd::ExecuteAgain(std::span<iovec> pieces, uint64_t length) {
  data_in = {.pieces = pieces, .bytes = length};
  data_out = {};
  if (lane_->ExecuteAgain(*this, kNexus) == Execution::kDone) OnExecuted();
}

void AtapiCd::OnTaskDone() {
  if (!resetting()) return OnExecuted();
  // No step follows; but what went into the guest's memory is logged.
  if (step_ == Step::kReadDma) dma_.Finish(port().memory(), DmaTransfer::Outcome::kFailed);
}

void AtapiCd::OnExecuted() {
  const bool had_data = data_out.bytes != 0;
  // A command that takes data is told first without them: what refuses it before it looks at them,
  // news and the lack of a medium included, is answered without a data phase.
  if (overrun && !had_data) {
    if (const uint32_t length = MmcDataOutBytes(cdb); length != 0) return AskForData(length);
  }
  sense_ = SenseOf(*this);
  if (step_ == Step::kReadDma) return OnReadDmaDone();
  if (!sense_.ok() || had_data) return Complete();
  Deliver(static_cast<uint32_t>(transferred));
}

void AtapiCd::OnReadDmaDone() {
  const bool good = sense_.ok();
  dma_.Finish(port().memory(), good ? DmaTransfer::Outcome::kDone : DmaTransfer::Outcome::kFailed);
  // With an error the drive interrupts in the middle of the table (rev 1.0, 3.1).
  Complete(good ? dma_end_ : DmaEnd::kTableLonger);
}

// --- Data to the guest. ---

void AtapiCd::AbortPacket() {
  file_.count.current = kAtapiReasonStatus;
  Abort();
}

bool AtapiCd::CanMove(uint64_t length) const {
  return by_dma_ || length == 0 || AtapiBlockBytes(limit_, length) != 0;
}

void AtapiCd::Deliver(uint32_t length) {
  filled_ = length;
  offered_ = 0;
  if (to_move_ == 0) to_move_ = length;  // Of the medium, StartRead has said it.
  if (length == 0) return Complete();
  if (by_dma_) {
    step_ = Step::kReplyWait;
    return port().RequestDma();
  }
  if (!CanMove(to_move_)) return AbortPacket();
  OfferNextBlock();
}

void AtapiCd::OnDataDone() {
  if (step_ == Step::kPacket) return RunPacket();
  if (step_ == Step::kData) return OfferNextBlock();
  if (step_ == Step::kDataOut) return to_move_ != 0 ? AskForNextBlock() : ExecuteWithData();
}

void AtapiCd::OfferNextBlock() {
  if (to_move_ == 0) return Complete();
  if (offered_ == filled_) return ReadNextPart();
  const uint32_t block = std::min(AtapiBlockBytes(limit_, to_move_), filled_ - offered_);
  step_ = Step::kData;
  // The status follows.
  port().DataIn(NextBlock(kAtapiReasonDataIn, block), IdePort::Block::kMoreFollow);
}

std::span<uint8_t> AtapiCd::NextBlock(uint8_t reason, uint32_t block) {
  file_.count.current = reason;
  file_.lba_mid.current = static_cast<uint8_t>(block);
  file_.lba_high.current = static_cast<uint8_t>(block >> 8);
  const auto at = std::span(buffer_).subspan(offered_, block);
  offered_ += block;
  to_move_ -= block;
  port().ShowRegisters(file_);
  return at;
}

// --- Data from the guest. ---

void AtapiCd::AskForData(uint32_t length) {
  if (!CanMove(length)) return AbortPacket();
  to_move_ = filled_ = length;
  offered_ = 0;
  if (by_dma_) {
    step_ = Step::kDataOutWait;
    return port().RequestDma();
  }
  AskForNextBlock();
}

void AtapiCd::AskForNextBlock() {
  step_ = Step::kDataOut;
  const uint32_t block = AtapiBlockBytes(limit_, to_move_);
  port().DataOut(NextBlock(kAtapiReasonDataOut, block), IdeInterrupt::kYes);
}

void AtapiCd::TakeDataByDma(uint32_t prd_table) {
  const DmaEnd end = dma_.Prepare(port().memory(), prd_table, filled_, DmaAccess::kDeviceReads);
  if (end == DmaEnd::kTableShort || end == DmaEnd::kNoMemory) return FailDma(end);
  dma_.CopyTo(std::span(buffer_).first(filled_));
  dma_.Finish(port().memory(), DmaTransfer::Outcome::kDone);
  port().EndDma(end);
  ExecuteWithData();
}

// Done when the unit returns: no step with data in hand is ever saved.
void AtapiCd::ExecuteWithData() {
  step_ = Step::kExecute;
  piece_ = {.iov_base = buffer_.data(), .iov_len = filled_};
  data_in = {};
  data_out = {.pieces = {&piece_, 1}, .bytes = filled_};
  if (lane_->ExecuteAgain(*this, kNexus) == Execution::kDone) OnExecuted();
}

void AtapiCd::Complete(std::optional<DmaEnd> dma, IdeInterrupt interrupt) {
  step_ = Step::kIdle;
  file_.count.current = kAtapiReasonStatus;
  IdeOutcome outcome = {.interrupt = interrupt, .dma = dma};
  if (!sense_.ok()) {
    outcome.status |= ata::kStatusErr;  // CHK.
    outcome.error = ErrorOf(sense_);
  }
  port().Finish(file_, outcome);
}

}  // namespace platter
