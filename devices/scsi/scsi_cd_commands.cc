// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_cd_commands.h"

#include "devices/scsi/block_commands.h"
#include "devices/scsi/mmc_commands.h"
#include "devices/scsi/mmc_streaming.h"
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
    {kInquiry, kNone, kFree, Inquiry, "INQUIRY", "SPC-4 6.6", {0x01, 0xff, 0xff, 0xff, 0}},
    {kReserve6, kNone, 0, Reserve, "RESERVE(6)", "SPC-2 7.21", {0, 0, 0, 0, 0}},
    {kRelease6, kNone, kIgnoresReservation, Release, "RELEASE(6)", "SPC-2 7.17", {0, 0, 0, 0, 0}},
    {kModeSense6, kNone, kInControl, ModeSense, "MODE SENSE(6)", "SPC-4 6.11", {0x08, 0xff, 0xff, 0xff, 0}},
    {kStartStopUnit, kNone, kInControl, StartStopTray, "START STOP UNIT", "MMC-6 6.42", {0x01, 0, 0x0f, 0xf3, 0}},
    {kPreventAllow, kNone, kInControl, PreventAllowRemoval, "PREVENT ALLOW MEDIUM REMOVAL", "MMC-6 6.16", {0, 0, 0, 0x01, 0}},
    {kReadCapacity10, kNone, kNeedsMedium, ReadCapacity10, "READ CAPACITY", "MMC-6 6.19", {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {kRead10, kNone, kNeedsMedium, ReadBlocks, "READ(10)", "MMC-6 6.17", {0x18, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kSeek10, kNone, kNeedsMedium, SeekBlock, "SEEK(10)", "MMC-6 6.35", {0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}},
    {kReadSubChannel, kNone, kNeedsMedium, ReadSubChannel, "READ SUB-CHANNEL", "MMC-6 6.25", {0x02, 0x40, 0xff, 0, 0, 0xff, 0xff, 0xff, 0}},
    {kReadToc, kNone, kNeedsMedium, ReadToc, "READ TOC/PMA/ATIP", "MMC-6 6.26", {0x02, 0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xc0}},
    {kGetConfiguration, kNone, kFree, GetConfiguration, "GET CONFIGURATION", "MMC-6 6.5", {0x03, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0}},
    {kGetEventStatus, kNone, kFree | kInControl, GetEventStatus, "GET EVENT STATUS NOTIFICATION", "MMC-6 6.6", {0x01, 0, 0, 0xff, 0, 0, 0xff, 0xff, 0}},
    {kReadDiscInformation, kNone, kNeedsMedium, ReadDiscInformation, "READ DISC INFORMATION", "MMC-6 6.21", {0x07, 0, 0, 0, 0, 0, 0xff, 0xff, 0}},
    {kReadTrackInformation, kNone, kNeedsMedium, ReadTrackInformation, "READ TRACK INFORMATION", "MMC-6 6.27", {0x03, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0}},
    {kModeSense10, kNone, kInControl, ModeSense, "MODE SENSE(10)", "SPC-4 6.12", {0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0}},
    {kReportLuns, kNone, kFree, ReportLuns, "REPORT LUNS", "SPC-4 6.33", {0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kMaintenanceIn, kReportSupportedOpcodes, 0, ReportSupportedOpcodes, "REPORT SUPPORTED OPERATION CODES", "SPC-4 6.35", {0, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kSetReadAhead, kNone, kNeedsMedium, SetReadAhead, "SET READ AHEAD", "MMC-6 6.38", {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kRead12, kNone, kNeedsMedium, ReadBlocks, "READ(12)", "MMC-6 6.18", {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kGetPerformance, kNone, kNeedsMedium, GetPerformance, "GET PERFORMANCE", "MMC-6 6.8", {0x1f, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0}},
    {kReadDvdStructure, kNone, kNeedsMedium, ReadDvdStructure, "READ DISC STRUCTURE", "MMC-6 6.22", {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0}},
    {kSetStreaming, kNone, kNeedsMedium, SetStreaming, "SET STREAMING", "MMC-6 6.39", {0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0}},
    {kReadCdMsf, kNone, kNeedsMedium, ReadCdMsf, "READ CD MSF", "MMC-3 6.16", {0x1c, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0, 0}},
    {kSetCdSpeed, kNone, 0, AcceptCommand, "SET CD SPEED", "MMC-6 6.37", {0x03, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0}},
    {kMechanismStatus, kNone, kInControl, MechanismStatus, "MECHANISM STATUS", "MMC-6 6.11", {0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}},
    {kReadCd, kNone, kNeedsMedium, ReadCd, "READ CD", "MMC-6 6.15", {0x1c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0, 0}},
};
// clang-format on

}  // namespace

const ScsiCommandTable& ScsiCdCommands() {
  static const ScsiCommandTable table{kRows};
  return table;
}

}  // namespace platter
