// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/target_commands.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace platter {

namespace {

// SPC-4, table 148: what there is of standard INQUIRY data without a unit.
constexpr size_t kInquiryBytes = 36;
constexpr uint8_t kNoUnitHere = 0x7f;  // Qualifier 011b, type 1Fh.
constexpr uint8_t kSpc4 = 6;
constexpr uint8_t kResponseFormat = 2;

void Fail(ScsiTask& task, SenseCode code) {
  task.status = ScsiStatus::kCheckCondition;
  task.sense = IllegalRequest(code);
}

void AnswerInquiry(ScsiTask& task, uint8_t peripheral) {
  // Neither pages nor CMDDT.
  if ((task.cdb[1] & 3) != 0 || task.cdb[2] != 0) return Fail(task, SenseCode::kInvalidFieldInCdb);
  std::array<uint8_t, kInquiryBytes> data{};
  data[0] = peripheral;
  data[2] = kSpc4;
  data[3] = kResponseFormat;
  data[4] = kInquiryBytes - 5;
  std::fill(data.begin() + 8, data.end(), ' ');
  std::memcpy(&data[8], "PLATTER", 7);
  ReplyTo(task, data, task.cdb.Be16At(3));
}

void AnswerRequestSense(ScsiTask& task, const Sense& sense) {
  constexpr unsigned kDescriptorBit = 0;
  uint8_t data[kMaxSenseBytes];
  const SenseFormat format =
      task.cdb.Bit(1, kDescriptorBit) ? SenseFormat::kDescriptor : SenseFormat::kFixed;
  const size_t bytes = EncodeSense(sense, format, data);
  ReplyTo(task, std::span(data).first(bytes), task.cdb[4]);
}

}  // namespace

LunBytes SingleLevelLun(uint16_t lun) {
  constexpr uint8_t kFlat = 0x40;
  LunBytes bytes{};
  if (lun >= 256) bytes[0] = static_cast<uint8_t>(kFlat | lun >> 8);
  bytes[1] = static_cast<uint8_t>(lun);
  return bytes;
}

LunList::LunList(ScsiTask& task, uint64_t luns) : task_(task) {
  // SELECT REPORT (table 247): those that are not well-known, the well-known ones, all.
  constexpr uint8_t kWellKnownOnly = 1;
  constexpr uint8_t kAll = 2;
  struct {
    Be32 bytes;
    Be32 reserved;
  } header;
  const uint8_t select = task.cdb[2];
  if (select > kAll) {
    Fail(task, SenseCode::kInvalidFieldInCdb);
    return;
  }
  if (select == kWellKnownOnly) luns = 0;
  const uint64_t bytes = luns * sizeof(LunBytes);
  const uint64_t wanted = std::min<uint64_t>(sizeof(header) + bytes, task.cdb.Be32At(6));
  if (wanted > task.data_in.bytes) {
    task.overrun = true;
    return;
  }
  left_ = wanted;
  task.transferred = wanted;
  header.bytes = static_cast<uint32_t>(bytes);
  Append({reinterpret_cast<const uint8_t*>(&header), sizeof(header)});
}

void LunList::Add(const LunBytes& lun) { Append(lun); }

void LunList::Append(std::span<const uint8_t> bytes) {
  while (left_ > 0 && !bytes.empty()) {
    const iovec& piece = task_.data_in.pieces[piece_];
    const uint64_t here = std::min({left_, uint64_t{bytes.size()}, uint64_t{piece.iov_len - at_}});
    std::memcpy(static_cast<uint8_t*>(piece.iov_base) + at_, bytes.data(), here);
    bytes = bytes.subspan(here);
    left_ -= here;
    at_ += here;
    if (at_ == piece.iov_len) {
      ++piece_;
      at_ = 0;
    }
  }
}

void AnswerForAbsentUnit(ScsiTask& task) {
  switch (static_cast<ScsiOpcode>(task.cdb.opcode())) {
    case ScsiOpcode::kInquiry:
      return AnswerInquiry(task, kNoUnitHere);
    case ScsiOpcode::kRequestSense:
      return AnswerRequestSense(task, IllegalRequest(SenseCode::kLunNotSupported));
    default:
      return Fail(task, SenseCode::kLunNotSupported);
  }
}

void AnswerForWellKnownUnit(ScsiTask& task) {
  switch (static_cast<ScsiOpcode>(task.cdb.opcode())) {
    case ScsiOpcode::kInquiry:
      return AnswerInquiry(task, static_cast<uint8_t>(ScsiDeviceType::kWellKnown));
    case ScsiOpcode::kRequestSense:
      return AnswerRequestSense(task, {});
    case ScsiOpcode::kTestUnitReady:
      return;
    default:
      return Fail(task, SenseCode::kInvalidOpcode);
  }
}

}  // namespace platter
