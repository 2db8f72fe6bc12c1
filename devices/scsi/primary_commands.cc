// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/primary_commands.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "devices/scsi/inquiry.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace {

using ReplyBytes = std::array<uint8_t, ScsiUnit::kMaxReplyBytes>;

}  // namespace

Execution TestUnitReady(ScsiLane& lane, ScsiTask& task) {
  return lane.Good(task);  // Its row needs a medium.
}

Execution RequestSense(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kDescriptorBit = 0;
  const SenseFormat format =
      task.cdb.Bit(1, kDescriptorBit) ? SenseFormat::kDescriptor : SenseFormat::kFixed;
  // Before anything is taken: none of these senses has more.
  const size_t most = format == SenseFormat::kFixed ? kFixedSenseBytes : kDescriptorSenseBytes;
  if (std::min<uint64_t>(most, task.cdb[4]) > task.data_in.bytes) return lane.Overrun(task);
  // SPC-4, 6.39: sense comes with each status here, so what is left is an attention, or why the
  // unit is not ready; as data, with GOOD.
  Sense sense = lane.unit().Readiness();
  if (const auto code = lane.unit().attentions().Take(task.work.nexus)) {
    sense = UnitAttention(*code);
  } else if (ScsiTray* const tray = lane.unit().tray();
             tray != nullptr && tray->control().InContext()) {
    // It is in the control context when the tray has something to tell.
    sense = tray->TakeReport(task.work.nexus).value_or(sense);
  }
  uint8_t data[kMaxSenseBytes];
  const size_t bytes = EncodeSense(sense, format, data);
  return lane.Reply(task, std::span(data).first(bytes), task.cdb[4]);
}

Execution Inquiry(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kEvpdBit = 0;
  constexpr unsigned kCmdDtBit = 1;  // Obsolete since SPC-3.
  const uint8_t page = task.cdb[2];
  ReplyBytes data{};
  size_t bytes = 0;
  if (task.cdb.Bit(1, kCmdDtBit)) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  if (task.cdb.Bit(1, kEvpdBit)) {
    bytes = lane.unit().WriteVpdPage(static_cast<VpdPage>(page), data);
  } else if (page == 0) {
    bytes = WriteInquiry(lane.unit().identity(), data);
  }
  if (bytes == 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  return lane.Reply(task, std::span(data).first(bytes), task.cdb.Be16At(3));
}

Execution ReportLuns(ScsiLane& lane, ScsiTask& task) {
  // SELECT REPORT (SPC-4, table 247): all that are not well-known, the well-known ones, all.
  constexpr uint8_t kWellKnownOnly = 1;
  constexpr uint8_t kAll = 2;
  const uint8_t select = task.cdb[2];
  if (select > kAll) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  uint8_t data[16] = {};
  const size_t bytes = select == kWellKnownOnly ? 8 : 16;
  data[3] = static_cast<uint8_t>(bytes - 8);
  lane.unit().attentions().Forget(SenseCode::kReportedLunsDataChanged, task.work.nexus);
  return lane.Reply(task, std::span(data).first(bytes), task.cdb.Be32At(6));
}

Execution Reserve(ScsiLane& lane, ScsiTask& task) {
  // SPC-2, 7.21: third parties, extents and long identifiers are obsolete.
  if ((task.cdb[1] & 0x1f) != 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  if (!lane.unit().Reserve(task.work.nexus)) {
    task.status = ScsiStatus::kReservationConflict;
    return Execution::kDone;
  }
  return lane.Good(task);
}

Execution Release(ScsiLane& lane, ScsiTask& task) {
  if ((task.cdb[1] & 0x1f) != 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  lane.unit().Release(task.work.nexus);
  return lane.Good(task);
}

Execution AcceptCommand(ScsiLane& lane, ScsiTask& task) { return lane.Good(task); }

namespace {

// SPC-4, 6.35: REPORTING OPTIONS.
enum class Report : uint8_t { kAll = 0, kOpcode = 1, kOpcodeWithAction = 2, kEither = 3 };

// RCTD: whether each command comes with a timeouts descriptor.
constexpr unsigned kTimeoutsBit = 7;

// SPC-4, table 281: nothing is indicated of how long a command takes.
struct TimeoutsDescriptor {
  Be16 length = 10;
  uint8_t reserved = 0;
  uint8_t command_specific = 0;
  Be32 nominal;
  Be32 recommended;
};
static_assert(sizeof(TimeoutsDescriptor) == 12);

Execution ReportAllOpcodes(ScsiLane& lane, ScsiTask& task) {
  struct Descriptor {  // Table 277.
    uint8_t opcode;
    uint8_t reserved;
    Be16 action;
    uint8_t reserved2;
    uint8_t flags;
    Be16 cdb_bytes;
  };
  static_assert(sizeof(Descriptor) == 8);
  constexpr uint8_t kServiceAction = 1 << 0;
  constexpr uint8_t kTimeouts = 1 << 1;
  constexpr size_t kMostCommands = 64;
  std::array<uint8_t, 4 + kMostCommands * (sizeof(Descriptor) + sizeof(TimeoutsDescriptor))> data{};
  const bool timeouts = task.cdb.Bit(2, kTimeoutsBit);
  const size_t each = sizeof(Descriptor) + (timeouts ? sizeof(TimeoutsDescriptor) : 0);
  size_t at = 4;
  for (const ScsiCommand& command : lane.unit().commands().rows()) {
    if (!lane.unit().Has(command)) continue;
    if (at + each > data.size()) break;
    const bool has_action = command.action != ScsiCommand::kNoAction;
    const uint8_t opcode = static_cast<uint8_t>(command.opcode);
    const uint8_t cdb[1] = {opcode};
    const Descriptor descriptor = {.opcode = opcode,
                                   .reserved = 0,
                                   .action = has_action ? command.action : uint8_t{0},
                                   .reserved2 = 0,
                                   .flags = static_cast<uint8_t>((has_action ? kServiceAction : 0) |
                                                                 (timeouts ? kTimeouts : 0)),
                                   .cdb_bytes = static_cast<uint16_t>(Cdb(cdb).ExpectedBytes())};
    std::memcpy(&data[at], &descriptor, sizeof(descriptor));
    if (timeouts) {
      const TimeoutsDescriptor none;
      std::memcpy(&data[at + sizeof(descriptor)], &none, sizeof(none));
    }
    at += each;
  }
  const Be32 length = static_cast<uint32_t>(at - 4);
  std::memcpy(data.data(), &length, sizeof(length));
  return lane.Reply(task, std::span(data).first(at), task.cdb.Be32At(6));
}

Execution ReportOneOpcode(ScsiLane& lane, ScsiTask& task, const ScsiCommand* command) {
  constexpr uint8_t kNotSupported = 1;
  constexpr uint8_t kSupported = 3;  // As the standard has it.
  constexpr uint8_t kTimeouts = 0x80;
  ReplyBytes data{};
  size_t bytes = 4;
  data[1] = kNotSupported;
  if (command != nullptr && lane.unit().Has(*command)) {
    data[1] = kSupported;
    const uint8_t cdb[1] = {static_cast<uint8_t>(command->opcode)};
    const size_t size = Cdb(cdb).ExpectedBytes();
    data[3] = static_cast<uint8_t>(size);
    data[4] = cdb[0];
    std::memcpy(&data[5], command->usage.data(), size - 1);
    if (command->action != ScsiCommand::kNoAction) data[5] |= command->action;
    bytes += size;
    if (task.cdb.Bit(2, kTimeoutsBit)) {
      data[1] |= kTimeouts;
      const TimeoutsDescriptor none;
      std::memcpy(&data[bytes], &none, sizeof(none));
      bytes += sizeof(none);
    }
  }
  return lane.Reply(task, std::span(data).first(bytes), task.cdb.Be32At(6));
}

}  // namespace

Execution ReportSupportedOpcodes(ScsiLane& lane, ScsiTask& task) {
  const ScsiCommandTable& table = lane.unit().commands();
  const uint8_t opcode = task.cdb[3];
  const uint16_t action = task.cdb.Be16At(4);
  const ScsiCommand* command =
      action <= 0x1f ? table.Find(opcode, static_cast<uint8_t>(action)) : nullptr;
  const ScsiCommand* first = table.FirstOf(opcode);
  const bool has_actions = first != nullptr && first->action != ScsiCommand::kNoAction;
  switch (static_cast<Report>(task.cdb[2] & 7)) {
    case Report::kAll:
      return ReportAllOpcodes(lane, task);
    case Report::kOpcode:
      if (has_actions) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
      return ReportOneOpcode(lane, task, first);
    case Report::kOpcodeWithAction:
      if (first != nullptr && !has_actions) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
      return ReportOneOpcode(lane, task, command);
    case Report::kEither:
      if (!has_actions && action != 0) return ReportOneOpcode(lane, task, nullptr);
      return ReportOneOpcode(lane, task, command);
  }
  return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
}

}  // namespace platter
