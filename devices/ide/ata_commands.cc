// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/ata_commands.h"

#include <algorithm>

#include "devices/ide/ata_spec.h"

namespace platter {
namespace {

using enum AtaProtocol;
using enum AtaAction;
constexpr AtaAddressing k28 = AtaAddressing::k28;
constexpr AtaAddressing k48 = AtaAddressing::k48;
constexpr AtaDurability kForced = AtaDurability::kForced;

// EXECUTE DEVICE DIAGNOSTIC is the channel's: it is for both drives. NOP has no row: its answer is
// "aborted" (8.22).
constexpr AtaCommand kCommands[] = {
    {"DATA SET MANAGEMENT", ata::kDataSetManagement, kDmaOut, k48, kTrim, "ACS-2 7.10"},
    {"RECALIBRATE", ata::kRecalibrate, kNonData, k28, kNothing, "ATA-3 7.17"},
    {"READ SECTOR(S)", ata::kReadSectors, kPioIn, k28, kRead, "8.34"},
    {"READ SECTOR(S)", ata::kReadSectorsNoRetry, kPioIn, k28, kRead, "ATA-3 7.15"},
    {"READ SECTOR(S) EXT", ata::kReadSectorsExt, kPioIn, k48, kRead, "8.35"},
    {"READ DMA EXT", ata::kReadDmaExt, kDmaIn, k48, kRead, "8.26"},
    {"READ NATIVE MAX ADDRESS EXT", ata::kReadNativeMaxExt, kNonData, k48, kReadNativeMax, "8.33"},
    {"READ MULTIPLE EXT", ata::kReadMultipleExt, kPioIn, k48, kReadMultiple, "8.31"},
    {"WRITE SECTOR(S)", ata::kWriteSectors, kPioOut, k28, kWrite, "8.62"},
    {"WRITE SECTOR(S)", ata::kWriteSectorsNoRetry, kPioOut, k28, kWrite, "ATA-3 7.35"},
    {"WRITE SECTOR(S) EXT", ata::kWriteSectorsExt, kPioOut, k48, kWrite, "8.63"},
    {"WRITE DMA EXT", ata::kWriteDmaExt, kDmaOut, k48, kWrite, "8.56"},
    {"WRITE MULTIPLE EXT", ata::kWriteMultipleExt, kPioOut, k48, kWriteMultiple, "8.61"},
    {"WRITE DMA FUA EXT", ata::kWriteDmaFuaExt, kDmaOut, k48, kWrite, "ATA-7 6.66", kForced},
    {"READ VERIFY SECTOR(S)", ata::kReadVerify, kNonData, k28, kVerify, "8.36"},
    {"READ VERIFY SECTOR(S)", ata::kReadVerifyNoRetry, kNonData, k28, kVerify, "ATA-3 7.16"},
    {"READ VERIFY SECTOR(S) EXT", ata::kReadVerifyExt, kNonData, k48, kVerify, "8.37"},
    {"SEEK", ata::kSeek, kNonData, k28, kSeek, "8.44"},
    {"INITIALIZE DEVICE PARAMETERS", ata::kInitializeDeviceParameters, kNonData, k28,
     kInitializeParameters, "ATA-5 8.16"},
    {"SMART", ata::kSmart, kPioIn, k28, kSmart, "8.51"},
    {"READ MULTIPLE", ata::kReadMultiple, kPioIn, k28, kReadMultiple, "8.30"},
    {"WRITE MULTIPLE", ata::kWriteMultiple, kPioOut, k28, kWriteMultiple, "8.60"},
    {"SET MULTIPLE MODE", ata::kSetMultipleMode, kNonData, k28, kSetMultiple, "8.49"},
    {"READ DMA", ata::kReadDma, kDmaIn, k28, kRead, "8.25"},
    {"READ DMA", ata::kReadDmaNoRetry, kDmaIn, k28, kRead, "ATA-3 7.11"},
    {"WRITE DMA", ata::kWriteDma, kDmaOut, k28, kWrite, "8.55"},
    {"WRITE DMA", ata::kWriteDmaNoRetry, kDmaOut, k28, kWrite, "ATA-3 7.30"},
    {"WRITE MULTIPLE FUA EXT", ata::kWriteMultipleFuaExt, kPioOut, k48, kWriteMultiple,
     "ATA-7 6.71", kForced},
    {"STANDBY IMMEDIATE", ata::kStandbyImmediate, kNonData, k28, kStandby, "8.53"},
    {"IDLE IMMEDIATE", ata::kIdleImmediate, kNonData, k28, kIdle, "8.18"},
    {"STANDBY", ata::kStandby, kNonData, k28, kStandby, "8.52"},
    {"IDLE", ata::kIdle, kNonData, k28, kIdle, "8.17"},
    {"CHECK POWER MODE", ata::kCheckPowerMode, kNonData, k28, kCheckPower, "8.7"},
    {"SLEEP", ata::kSleep, kNonData, k28, kSleep, "8.50"},
    {"FLUSH CACHE", ata::kFlushCache, kNonData, k28, kFlush, "8.12"},
    {"FLUSH CACHE EXT", ata::kFlushCacheExt, kNonData, k48, kFlush, "8.13"},
    {"IDENTIFY DEVICE", ata::kIdentifyDevice, kPioIn, k28, kIdentify, "8.15"},
    {"SET FEATURES", ata::kSetFeatures, kNonData, k28, kSetFeatures, "8.46"},
    {"READ NATIVE MAX ADDRESS", ata::kReadNativeMax, kNonData, k28, kReadNativeMax, "8.32"},
};

constexpr bool SortedAndUnique() {
  for (size_t i = 1; i < std::size(kCommands); ++i) {
    if (kCommands[i - 1].code >= kCommands[i].code) return false;
  }
  return true;
}
static_assert(SortedAndUnique());

}  // namespace

std::span<const AtaCommand> AtaCommands() { return kCommands; }

const AtaCommand* FindAtaCommand(uint8_t code) {
  const auto* at = std::lower_bound(
      std::begin(kCommands), std::end(kCommands), code,
      [](const AtaCommand& command, uint8_t wanted) { return command.code < wanted; });
  return at != std::end(kCommands) && at->code == code ? at : nullptr;
}

}  // namespace platter
