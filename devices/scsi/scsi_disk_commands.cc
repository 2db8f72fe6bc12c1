// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_disk_commands.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "devices/scsi/block_commands.h"
#include "devices/scsi/primary_commands.h"
#include "devices/scsi/tray_commands.h"

namespace platter {

namespace {

using enum ScsiOpcode;

constexpr uint8_t kNone = ScsiCommand::kNoAction;
constexpr uint8_t kFree = kIgnoresAttention | kIgnoresReservation;

// clang-format off
constexpr ScsiCommand kRows[] = {
    {kTestUnitReady, kNone, kNeedsMedium, TestUnitReady, "TEST UNIT READY", "SPC-4 6.47", {0, 0, 0, 0, 0}},
    {kRequestSense, kNone, kFree | kTellsReport, RequestSense, "REQUEST SENSE", "SPC-4 6.39", {0x01, 0, 0, 0xff, 0}},
    {kRead6, kNone, kNeedsMedium, ReadBlocks, "READ(6)", "SBC-2 5.5", {0x1f, 0xff, 0xff, 0xff, 0}},
    {kWrite6, kNone, kNeedsMedium, WriteBlocks, "WRITE(6)", "SBC-2 5.24", {0x1f, 0xff, 0xff, 0xff, 0}},
    {kInquiry, kNone, kFree, Inquiry, "INQUIRY", "SPC-4 6.6", {0x01, 0xff, 0xff, 0xff, 0}},
    {kModeSelect6, kNone, 0, ModeSelect, "MODE SELECT(6)", "SPC-4 6.9", {0x11, 0, 0, 0xff, 0}},
    {kReserve6, kNone, 0, Reserve, "RESERVE(6)", "SPC-2 7.21", {0, 0, 0, 0, 0}},
    {kRelease6, kNone, kIgnoresReservation, Release, "RELEASE(6)", "SPC-2 7.17", {0, 0, 0, 0, 0}},
    {kModeSense6, kNone, 0, ModeSense, "MODE SENSE(6)", "SPC-4 6.11", {0x08, 0xff, 0xff, 0xff, 0}},
    {kStartStopUnit, kNone, 0, StartStopUnit, "START STOP UNIT", "SBC-3 5.25", {0x01, 0, 0x0f, 0xf7, 0}},
    {kReadCapacity10, kNone, kNeedsMedium, ReadCapacity10, "READ CAPACITY(10)", "SBC-3 5.15", {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {kRead10, kNone, kNeedsMedium, ReadBlocks, "READ(10)", "SBC-3 5.11", {0x18, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kWrite10, kNone, kNeedsMedium, WriteBlocks, "WRITE(10)", "SBC-3 5.33", {0x18, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kWriteAndVerify10, kNone, kNeedsMedium, WriteAndVerifyBlocks, "WRITE AND VERIFY(10)", "SBC-3 5.37", {0x12, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kVerify10, kNone, kNeedsMedium, VerifyBlocks, "VERIFY(10)", "SBC-3 5.29", {0x16, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kSynchronizeCache10, kNone, kNeedsMedium, SynchronizeCache, "SYNCHRONIZE CACHE(10)", "SBC-3 5.26", {0x02, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kWriteSame10, kNone, kNeedsMedium, WriteSame, "WRITE SAME(10)", "SBC-3 5.43", {0x08, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kUnmap, kNone, kNeedsMedium | kNeedsUnmap, UnmapBlocks, "UNMAP", "SBC-3 5.28", {0, 0, 0, 0, 0, 0, 0xff, 0xff, 0}},
    {kModeSelect10, kNone, 0, ModeSelect, "MODE SELECT(10)", "SPC-4 6.10", {0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0}},
    {kReserve10, kNone, 0, Reserve, "RESERVE(10)", "SPC-2 7.22", {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {kRelease10, kNone, kIgnoresReservation, Release, "RELEASE(10)", "SPC-2 7.18", {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {kModeSense10, kNone, 0, ModeSense, "MODE SENSE(10)", "SPC-4 6.12", {0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0}},
    {kRead16, kNone, kNeedsMedium, ReadBlocks, "READ(16)", "SBC-3 5.13", {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kWrite16, kNone, kNeedsMedium, WriteBlocks, "WRITE(16)", "SBC-3 5.35", {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kWriteAndVerify16, kNone, kNeedsMedium, WriteAndVerifyBlocks, "WRITE AND VERIFY(16)", "SBC-3 5.39", {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kVerify16, kNone, kNeedsMedium, VerifyBlocks, "VERIFY(16)", "SBC-3 5.31", {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kSynchronizeCache16, kNone, kNeedsMedium, SynchronizeCache, "SYNCHRONIZE CACHE(16)", "SBC-3 5.27", {0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kWriteSame16, kNone, kNeedsMedium, WriteSame, "WRITE SAME(16)", "SBC-3 5.44", {0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kServiceActionIn16, kReadCapacity16Action, kNeedsMedium, ReadCapacity16, "READ CAPACITY(16)", "SBC-3 5.16", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kReportLuns, kNone, kFree, ReportLuns, "REPORT LUNS", "SPC-4 6.33", {0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kMaintenanceIn, kReportSupportedOpcodes, 0, ReportSupportedOpcodes, "REPORT SUPPORTED OPERATION CODES", "SPC-4 6.35", {0, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kRead12, kNone, kNeedsMedium, ReadBlocks, "READ(12)", "SBC-3 5.12", {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kWrite12, kNone, kNeedsMedium, WriteBlocks, "WRITE(12)", "SBC-3 5.34", {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kWriteAndVerify12, kNone, kNeedsMedium, WriteAndVerifyBlocks, "WRITE AND VERIFY(12)", "SBC-3 5.38", {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kVerify12, kNone, kNeedsMedium, VerifyBlocks, "VERIFY(12)", "SBC-3 5.30", {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
};

// What a tray adds, and START STOP UNIT, which moves it. The event status is an MMC command that
// guests may ask any drive with a tray for.
constexpr ScsiCommand kTrayRows[] = {
    {kStartStopUnit, kNone, kInControl | kFlushesFirst, StartStopRemovable, "START STOP UNIT", "SBC-3 5.25", {0x01, 0, 0x0f, 0xf7, 0}},
    {kPreventAllow, kNone, kInControl, PreventAllowRemoval, "PREVENT ALLOW MEDIUM REMOVAL", "SBC-3 5.10", {0, 0, 0, 0x01, 0}},
    {kGetEventStatus, kNone, kFree | kInControl, GetEventStatus, "GET EVENT STATUS NOTIFICATION", "MMC-6 6.6", {0x01, 0, 0, 0xff, 0, 0, 0xff, 0xff, 0}},
};
// clang-format on

// The rows of a fixed disk but for START STOP UNIT, then those of the tray.
constexpr auto kRemovableRows = [] {
  std::array<ScsiCommand, std::size(kRows) - 1 + std::size(kTrayRows)> rows;
  auto* const tray_rows =
      std::copy_if(std::begin(kRows), std::end(kRows), rows.begin(),
                   [](const ScsiCommand& row) { return row.opcode != kStartStopUnit; });
  std::copy(std::begin(kTrayRows), std::end(kTrayRows), tray_rows);
  return rows;
}();

}  // namespace

const ScsiCommandTable& ScsiDiskCommands() {
  static const ScsiCommandTable table{kRows};
  return table;
}

const ScsiCommandTable& ScsiRemovableDiskCommands() {
  static const ScsiCommandTable table{kRemovableRows};
  return table;
}

}  // namespace platter
