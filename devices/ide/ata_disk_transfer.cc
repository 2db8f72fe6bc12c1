// SPDX-License-Identifier: Apache-2.0
//
// The commands of an ATA disk that ask its backend for something, as steps: each says what comes
// next, and nothing of it is kept anywhere but in the disk's members.

#include <algorithm>
#include <cerrno>

#include "devices/ide/ata_disk.h"
#include "devices/ide/ata_trim.h"

namespace platter {
namespace {

static_assert(kAtaMaxTrimBlocks <= kAtaMaxMultiple, "the list is kept in the buffer for PIO");

bool IsRead(const AtaCommand& command) {
  return command.action != AtaAction::kWrite && command.action != AtaAction::kWriteMultiple;
}

}  // namespace

// --- Beginnings. ---

void AtaDisk::StartTransfer() {
  const AtaAction action = command_->action;
  const bool multiple = action == AtaAction::kReadMultiple || action == AtaAction::kWriteMultiple;
  if (multiple && settings_.multiple == 0) return Fail(ata::kErrorAbrt);  // 8.30.
  if (!TakeRange(IsRead(*command_) ? IoOp::kRead : IoOp::kWrite)) return;
  power_ = Power::kActive;
  if (action == AtaAction::kVerify) {
    block_ = kAtaMaxMultiple;
    step_ = Step::kVerify;
    return SubmitBlock(IoOp::kRead, NextBlock());
  }
  if (command_->protocol == AtaProtocol::kDmaIn || command_->protocol == AtaProtocol::kDmaOut) {
    step_ = Step::kDmaWait;
    return port().RequestDma();
  }
  StartPio(multiple ? settings_.multiple : 1);
}

bool AtaDisk::TakeRange(IoOp what) {
  const auto first = FirstLba(file_, command_->addressing, settings_.geometry);
  const uint32_t count = SectorCount(file_, command_->addressing);
  if (!first || !RangeFits(*first, count, sectors())) {
    channel().CountInvalid(what);
    Fail(ata::kErrorIdnf);
    return false;
  }
  lba_ = *first;
  left_ = count;
  return true;
}

void AtaDisk::StartPio(uint32_t sectors_per_block) {
  block_ = sectors_per_block;
  if (IsRead(*command_)) {
    step_ = Step::kRead;
    return SubmitBlock(IoOp::kRead, NextBlock());
  }
  step_ = Step::kWriteData;
  port().DataOut(std::span(buffer_).first(size_t{NextBlock()} * kSectorSize), IdeInterrupt::kNo);
}

void AtaDisk::StartFlush() {
  step_ = Step::kFlush;
  op = IoOp::kFlush;
  flags = IoFlags::kNone;
  offset = bytes = 0;
  iov = nullptr;
  iov_count = 0;
  channel().Submit(*this);
}

// ACS-2 7.10: `count` blocks of ranges come by DMA.
void AtaDisk::StartTrim() {
  const uint32_t blocks = SectorCount(file_, AtaAddressing::k48);
  const bool offered = options_.discard && backend().can_discard();
  if (!offered || file_.features.current != ata::kDsmTrim || blocks > kAtaMaxTrimBlocks) {
    return Fail(ata::kErrorAbrt);
  }
  left_ = blocks;
  step_ = Step::kTrimWait;
  port().RequestDma();
}

// --- Requests. ---

uint32_t AtaDisk::NextBlock() const { return std::min(block_, left_); }

void AtaDisk::SubmitBlock(IoOp what, uint32_t sectors) {
  op = what;
  flags = command_->durability == AtaDurability::kForced ? IoFlags::kFua : IoFlags::kNone;
  offset = lba_ * kSectorSize;
  bytes = uint64_t{sectors} * kSectorSize;
  piece_ = {.iov_base = buffer_.data(), .iov_len = bytes};
  iov = &piece_;
  iov_count = 1;
  channel().Submit(*this);
}

void AtaDisk::OnDmaReady(uint32_t prd_table) {
  prd_table_ = prd_table;
  const bool to_memory = command_->protocol == AtaProtocol::kDmaIn;
  const DmaEnd end = dma_.Prepare(port().memory(), prd_table, uint64_t{left_} * kSectorSize,
                                  to_memory ? DmaAccess::kDeviceWrites : DmaAccess::kDeviceReads);
  // Nothing has moved: the table is read before the first byte.
  if (end == DmaEnd::kTableShort || end == DmaEnd::kNoMemory) return FailDma(end);
  if (step_ == Step::kTrimWait) return ReadTrimRanges(end);
  dma_end_ = end;
  SubmitDma();
}

void AtaDisk::SubmitDma() {
  step_ = Step::kDma;
  op = IsRead(*command_) ? IoOp::kRead : IoOp::kWrite;
  flags = command_->durability == AtaDurability::kForced ? IoFlags::kFua : IoFlags::kNone;
  offset = lba_ * kSectorSize;
  bytes = uint64_t{left_} * kSectorSize;
  iov = dma_.pieces().data();
  iov_count = static_cast<uint32_t>(dma_.pieces().size());
  channel().Submit(*this);
}

// The guest learns it from the bus master (rev 1.0, 3.1): there is no interrupt.
void AtaDisk::FailDma(DmaEnd end) {
  step_ = Step::kIdle;
  port().Finish(file_, {.status = ata::kStatusGood | ata::kStatusErr,
                        .error = ata::kErrorAbrt,
                        .interrupt = IdeInterrupt::kNo,
                        .dma = end});
}

void AtaDisk::ReadTrimRanges(DmaEnd end) {
  const uint32_t list_bytes = left_ * kSectorSize;
  dma_.CopyTo(std::span(buffer_).first(list_bytes));
  dma_.Finish(port().memory(), DmaTransfer::Outcome::kDone);
  port().EndDma(end);
  trim_next_ = 0;
  trim_entries_ = list_bytes / ata::kTrimEntryBytes;
  // All of them before the first is discarded.
  for (uint32_t i = 0; i < trim_entries_; ++i) {
    const AtaTrimEntry entry = ReadTrimEntry(buffer_, i);
    if (entry.sectors != 0 && !RangeFits(entry.lba, entry.sectors, sectors())) {
      channel().CountInvalid(IoOp::kDiscard);
      return Fail(ata::kErrorAbrt);
    }
  }
  SubmitNextTrim();
}

void AtaDisk::SubmitNextTrim() {
  while (trim_next_ < trim_entries_) {
    const AtaTrimEntry entry = ReadTrimEntry(buffer_, trim_next_++);
    if (entry.sectors == 0) continue;  // Padding, wherever it stands (C-08).
    step_ = Step::kTrim;
    op = IoOp::kDiscard;
    flags = IoFlags::kNone;
    offset = entry.lba * kSectorSize;
    bytes = entry.sectors * kSectorSize;
    iov = nullptr;
    iov_count = 0;
    return channel().Submit(*this);
  }
  Succeed();
}

// --- What comes next. ---

void AtaDisk::OnDataDone() {
  if (step_ == Step::kReadData) {
    step_ = Step::kRead;
    SubmitBlock(IoOp::kRead, NextBlock());
  } else if (step_ == Step::kWriteData) {
    step_ = Step::kWrite;
    SubmitBlock(IoOp::kWrite, NextBlock());
  }
}

void AtaDisk::OnBlockDone(IoResult result) {
  if (resetting()) {
    // No step follows; but what went into the guest's memory is logged.
    if (step_ == Step::kDma) dma_.Finish(port().memory(), DmaTransfer::Outcome::kFailed);
    return;
  }
  if (step_ == Step::kDma) return OnDmaDone(result);
  if (result != 0) return FailIo(result);
  switch (step_) {
    case Step::kRead:
      return OnPioRead();
    case Step::kWrite:
      return OnPioWritten();
    case Step::kVerify:
      return OnVerified();
    case Step::kFlush:
      return OnFlushed();
    case Step::kTrim:
      return SubmitNextTrim();
    default:
      return;
  }
}

// Any errno ends the command (C-04).
void AtaDisk::FailIo(IoResult result) {
  const bool bad_read = op == IoOp::kRead && result != -ENOMEDIUM && result != -ECANCELED;
  if (IsDataTransfer(op)) SetLba(file_, command_->addressing, settings_.geometry, lba_);
  Fail(bad_read ? ata::kErrorUnc : ata::kErrorAbrt);
}

void AtaDisk::OnPioRead() {
  const uint32_t moved = NextBlock();
  lba_ += moved;
  left_ -= moved;
  const bool last = left_ == 0;
  step_ = last ? Step::kIdle : Step::kReadData;
  port().DataIn(std::span(buffer_).first(size_t{moved} * kSectorSize),
                last ? IdePort::Block::kLast : IdePort::Block::kMoreFollow);
}

void AtaDisk::OnPioWritten() {
  const uint32_t moved = NextBlock();
  lba_ += moved;
  left_ -= moved;
  if (left_ == 0) return Succeed();
  step_ = Step::kWriteData;
  port().DataOut(std::span(buffer_).first(size_t{NextBlock()} * kSectorSize), IdeInterrupt::kYes);
}

void AtaDisk::OnVerified() {
  const uint32_t moved = NextBlock();
  lba_ += moved;
  left_ -= moved;
  if (left_ == 0) return Succeed();
  SubmitBlock(IoOp::kRead, NextBlock());
}

void AtaDisk::OnFlushed() {
  if (command_->action == AtaAction::kStandby) power_ = Power::kStandby;
  if (command_->action == AtaAction::kSleep) power_ = Power::kSleep;
  Succeed();
}

void AtaDisk::OnDmaDone(IoResult result) {
  dma_.Finish(port().memory(),
              result == 0 ? DmaTransfer::Outcome::kDone : DmaTransfer::Outcome::kFailed);
  step_ = Step::kIdle;
  if (result == 0) return port().Finish(file_, {.dma = dma_end_});
  // The drive interrupts in the middle of the table (rev 1.0, 3.1).
  const bool bad_read = op == IoOp::kRead && result != -ENOMEDIUM && result != -ECANCELED;
  SetLba(file_, command_->addressing, settings_.geometry, lba_);
  port().Finish(file_, {.status = ata::kStatusGood | ata::kStatusErr,
                        .error = bad_read ? ata::kErrorUnc : ata::kErrorAbrt,
                        .dma = DmaEnd::kTableLonger});
}

}  // namespace platter
