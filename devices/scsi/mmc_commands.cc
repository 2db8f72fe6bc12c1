// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/mmc_commands.h"

#include <array>

#include "base/arith.h"
#include "devices/scsi/block_commands.h"
#include "devices/scsi/medium_read.h"
#include "devices/scsi/mmc_disc.h"
#include "devices/scsi/raw_read.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace {

using ReplyBytes = std::array<uint8_t, kMmcReplyBytes>;

// The table of a ScsiCd is the only one that these functions are in.
ScsiCd& Drive(ScsiLane& lane) { return static_cast<ScsiCd&>(lane.unit()); }

// `bytes` of `data`, or 5/24/00 when there are none.
Execution ReplyWith(ScsiLane& lane, ScsiTask& task, const ReplyBytes& data, size_t bytes,
                    uint64_t allocation) {
  if (bytes == 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  return lane.Reply(task, std::span(data).first(bytes), allocation);
}

}  // namespace

Execution MechanismStatus(ScsiLane& lane, ScsiTask& task) {
  ReplyBytes data{};
  data[1] = lane.unit().tray()->open() ? 0x10 : 0;
  return lane.Reply(task, std::span(data).first(8), task.cdb.Be16At(8));
}

Execution ReadToc(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kMsfBit = 1;
  const AddressForm form = task.cdb.Bit(1, kMsfBit) ? AddressForm::kMsf : AddressForm::kLba;
  const uint64_t blocks = lane.unit().blocks();
  // SFF-8020 had the format in the control byte; drivers of that time leave byte 2 zero.
  const uint8_t format = (task.cdb[2] & 0xf) != 0 ? task.cdb[2] & 0xf : task.cdb[9] >> 6;
  ReplyBytes data{};
  size_t bytes = 0;
  if (format == 0) bytes = WriteToc(blocks, task.cdb[6], form, data);
  if (format == 1) bytes = WriteSessions(form, data);
  if (format == 2) bytes = WriteFullToc(blocks, task.cdb[6], data);
  return ReplyWith(lane, task, data, bytes, task.cdb.Be16At(7));
}

Execution GetConfiguration(ScsiLane& lane, ScsiTask& task) {
  const uint8_t request = task.cdb[1] & 3;
  if (request > static_cast<uint8_t>(FeatureRequest::kOne)) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  ScsiCd& drive = Drive(lane);
  const uint64_t blocks = drive.Readiness().ok() ? drive.blocks() : 0;
  ReplyBytes data{};
  const size_t bytes =
      WriteConfiguration(blocks, drive.options().interface, static_cast<FeatureRequest>(request),
                         task.cdb.Be16At(2), data);
  return ReplyWith(lane, task, data, bytes, task.cdb.Be16At(7));
}

Execution ReadDiscInformation(ScsiLane& lane, ScsiTask& task) {
  if ((task.cdb[1] & 7) != 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  ReplyBytes data{};
  return ReplyWith(lane, task, data, WriteDiscInformation(data), task.cdb.Be16At(7));
}

Execution ReadTrackInformation(ScsiLane& lane, ScsiTask& task) {
  enum class By : uint8_t { kLba = 0, kTrack = 1, kSession = 2 };
  const uint64_t number = task.cdb.Be32At(2);
  const uint64_t blocks = lane.unit().blocks();
  bool found = false;
  switch (static_cast<By>(task.cdb[1] & 3)) {
    case By::kLba:
      found = number < blocks;
      break;
    case By::kTrack:
    case By::kSession:
      found = number == 1;
      break;
  }
  ReplyBytes data{};
  return ReplyWith(lane, task, data, found ? WriteTrackInformation(blocks, data) : 0,
                   task.cdb.Be16At(7));
}

Execution ReadSubChannel(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kSubQBit = 6;
  constexpr uint8_t kNoAudioStatus = 0x15;
  constexpr uint8_t kPosition = 1;
  constexpr uint8_t kCatalogue = 2;
  constexpr uint8_t kIsrc = 3;
  ReplyBytes data{};
  data[1] = kNoAudioStatus;
  if (!task.cdb.Bit(2, kSubQBit)) {
    return lane.Reply(task, std::span(data).first(4), task.cdb.Be16At(7));
  }
  // MMC-6, 6.25: nothing is played, so the position is the start; no catalogue number, no ISRC.
  const uint8_t format = task.cdb[3];
  const uint8_t track = task.cdb[6];
  const size_t bytes = format == kPosition ? 16 : format == kCatalogue || format == kIsrc ? 24 : 0;
  if (bytes == 0 || (format == kIsrc && track != 1)) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  data[3] = static_cast<uint8_t>(bytes - 4);
  data[4] = format;
  if (format != kCatalogue) {
    data[5] = 0x14;
    data[6] = 1;
  }
  if (format == kPosition) {
    data[7] = 1;
    if (task.cdb.Bit(1, 1)) data[10] = 2;  // 00:02:00; and 00:00:00 in the track.
  }
  return lane.Reply(task, std::span(data).first(bytes), task.cdb.Be16At(7));
}

Execution ReadDvdStructure(ScsiLane& lane, ScsiTask& task) {
  const uint64_t blocks = lane.unit().blocks();
  const uint8_t layer = task.cdb[6];
  const uint8_t format = task.cdb[7];
  // MMC-6, 6.22: a disc that is no DVD can be asked for its list only, which belongs to no layer.
  if (format != kDiscStructureList) {
    if (ProfileOf(blocks) != MmcProfile::kDvdRom) {
      return lane.Fail(task, SenseCode::kIncompatibleFormat);
    }
    if (layer != 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  ReplyBytes data{};
  return ReplyWith(lane, task, data, WriteDiscStructure(blocks, format, data), task.cdb.Be16At(8));
}

Execution SeekBlock(ScsiLane& lane, ScsiTask& task) {
  if (task.cdb.Be32At(2) >= lane.unit().blocks()) {
    return lane.Fail(task, SenseCode::kLbaOutOfRange);
  }
  return lane.Good(task);
}

namespace {

Execution ReadSectors(ScsiLane& lane, ScsiTask& task, const SectorRead& read) {
  if (read.wrong != SenseCode::kNone) return lane.Fail(task, read.wrong);
  if (!OnMedium(lane, read.range)) return lane.Refuse(task, IoOp::kRead, SenseCode::kLbaOutOfRange);
  if (read.range.blocks == 0 || read.sector_bytes == 0) return lane.Good(task);
  if (read.sector_bytes == kCdRawBytes) return StartRawRead(lane, task, read.range);
  const uint64_t bytes = read.range.blocks * kCdBlockBytes;
  if (bytes > task.data_in.bytes) return lane.Overrun(task);
  task.flags = IoFlags::kNone;
  return lane.Submit(task, ScsiStep::kTransfer, IoOp::kRead, read.range.lba * kCdBlockBytes, bytes,
                     Shorten(task.data_in, bytes));
}

}  // namespace

Execution ReadCd(ScsiLane& lane, ScsiTask& task) {
  return ReadSectors(lane, task, ParseReadCd(task.cdb));
}

Execution ReadCdMsf(ScsiLane& lane, ScsiTask& task) {
  return ReadSectors(lane, task, ParseReadCdMsf(task.cdb));
}

}  // namespace platter
