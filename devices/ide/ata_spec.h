// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the ATA standards that the channel and every drive share: registers, status and error
// bits, command codes, signatures. Clauses are those of ATA/ATAPI-6 (T13/1410D) unless said; the
// words of IDENTIFY DEVICE are in ata_identify.h, the bus master's registers in bus_master.h.
//
// Threading: constants. Units: bytes unless said.

#ifndef PLATTER_DEVICES_IDE_ATA_SPEC_H_
#define PLATTER_DEVICES_IDE_ATA_SPEC_H_

#include <cstdint>

namespace platter::ata {

// 7.2: offsets in the command block.
inline constexpr unsigned kRegData = 0;
inline constexpr unsigned kRegError = 1;     // Read.
inline constexpr unsigned kRegFeatures = 1;  // Write.
inline constexpr unsigned kRegCount = 2;
inline constexpr unsigned kRegLbaLow = 3;
inline constexpr unsigned kRegLbaMid = 4;
inline constexpr unsigned kRegLbaHigh = 5;
inline constexpr unsigned kRegDevice = 6;
inline constexpr unsigned kRegStatus = 7;   // Read.
inline constexpr unsigned kRegCommand = 7;  // Write.
inline constexpr unsigned kCommandBlockBytes = 8;
// 7.8 and 7.2: the control block's one register: alternate status, device control.
inline constexpr unsigned kControlBlockBytes = 1;

// 7.15: status.
inline constexpr uint8_t kStatusErr = 0x01;
inline constexpr uint8_t kStatusDrq = 0x08;
inline constexpr uint8_t kStatusDsc = 0x10;  // ATA-3: seek complete; later "command specific".
inline constexpr uint8_t kStatusDf = 0x20;
inline constexpr uint8_t kStatusDrdy = 0x40;
inline constexpr uint8_t kStatusBsy = 0x80;
inline constexpr uint8_t kStatusGood = kStatusDrdy | kStatusDsc;

// 7.9: error.
inline constexpr uint8_t kErrorAbrt = 0x04;
inline constexpr uint8_t kErrorIdnf = 0x10;
inline constexpr uint8_t kErrorUnc = 0x40;
// 9.4: what the error register says after a reset or EXECUTE DEVICE DIAGNOSTIC.
inline constexpr uint8_t kDiagnosticPassed = 0x01;

// 7.7: device.
inline constexpr uint8_t kDeviceHead = 0x0f;  // LBA bits 27:24, or the head.
inline constexpr uint8_t kDeviceDev = 0x10;
inline constexpr uint8_t kDeviceLba = 0x40;

// 7.8: device control.
inline constexpr uint8_t kControlNien = 0x02;
inline constexpr uint8_t kControlSrst = 0x04;
inline constexpr uint8_t kControlHob = 0x80;

// 8: command codes, in the order of their numbers; EXT and TRIM commands from ATA/ATAPI-7 and
// ACS-2.
inline constexpr uint8_t kNop = 0x00;
inline constexpr uint8_t kDataSetManagement = 0x06;
inline constexpr uint8_t kDeviceReset = 0x08;
inline constexpr uint8_t kRecalibrate = 0x10;  // ATA-3.
inline constexpr uint8_t kReadSectors = 0x20;
inline constexpr uint8_t kReadSectorsNoRetry = 0x21;  // ATA-3.
inline constexpr uint8_t kReadSectorsExt = 0x24;
inline constexpr uint8_t kReadDmaExt = 0x25;
inline constexpr uint8_t kReadNativeMaxExt = 0x27;
inline constexpr uint8_t kReadMultipleExt = 0x29;
inline constexpr uint8_t kWriteSectors = 0x30;
inline constexpr uint8_t kWriteSectorsNoRetry = 0x31;  // ATA-3.
inline constexpr uint8_t kWriteSectorsExt = 0x34;
inline constexpr uint8_t kWriteDmaExt = 0x35;
inline constexpr uint8_t kWriteMultipleExt = 0x39;
inline constexpr uint8_t kWriteDmaFuaExt = 0x3d;
inline constexpr uint8_t kReadVerify = 0x40;
inline constexpr uint8_t kReadVerifyNoRetry = 0x41;  // ATA-3.
inline constexpr uint8_t kReadVerifyExt = 0x42;
inline constexpr uint8_t kSeek = 0x70;
inline constexpr uint8_t kExecuteDeviceDiagnostic = 0x90;
inline constexpr uint8_t kInitializeDeviceParameters = 0x91;
inline constexpr uint8_t kPacket = 0xa0;
inline constexpr uint8_t kIdentifyPacketDevice = 0xa1;
inline constexpr uint8_t kSmart = 0xb0;
inline constexpr uint8_t kReadMultiple = 0xc4;
inline constexpr uint8_t kWriteMultiple = 0xc5;
inline constexpr uint8_t kSetMultipleMode = 0xc6;
inline constexpr uint8_t kReadDma = 0xc8;
inline constexpr uint8_t kReadDmaNoRetry = 0xc9;  // ATA-3.
inline constexpr uint8_t kWriteDma = 0xca;
inline constexpr uint8_t kWriteDmaNoRetry = 0xcb;  // ATA-3.
inline constexpr uint8_t kWriteMultipleFuaExt = 0xce;
inline constexpr uint8_t kStandbyImmediate = 0xe0;
inline constexpr uint8_t kIdleImmediate = 0xe1;
inline constexpr uint8_t kStandby = 0xe2;
inline constexpr uint8_t kIdle = 0xe3;
inline constexpr uint8_t kCheckPowerMode = 0xe5;
inline constexpr uint8_t kSleep = 0xe6;
inline constexpr uint8_t kFlushCache = 0xe7;
inline constexpr uint8_t kFlushCacheExt = 0xea;
inline constexpr uint8_t kIdentifyDevice = 0xec;
inline constexpr uint8_t kSetFeatures = 0xef;
inline constexpr uint8_t kReadNativeMax = 0xf8;

// 8.46: subcommands of SET FEATURES that Platter knows.
inline constexpr uint8_t kFeatureEnableWriteCache = 0x02;
inline constexpr uint8_t kFeatureTransferMode = 0x03;
inline constexpr uint8_t kFeatureDisableLookAhead = 0x55;
inline constexpr uint8_t kFeatureKeepOverReset = 0x66;
inline constexpr uint8_t kFeatureDisableWriteCache = 0x82;
inline constexpr uint8_t kFeatureEnableLookAhead = 0xaa;

// 8.51: subcommands of SMART that Platter knows, and its key in LBA mid and high.
inline constexpr uint8_t kSmartReadData = 0xd0;
inline constexpr uint8_t kSmartReadThresholds = 0xd1;  // ATA-3.
inline constexpr uint8_t kSmartAutosave = 0xd2;
inline constexpr uint8_t kSmartEnable = 0xd8;
inline constexpr uint8_t kSmartDisable = 0xd9;
inline constexpr uint8_t kSmartReturnStatus = 0xda;
inline constexpr uint8_t kSmartKeyMid = 0x4f;
inline constexpr uint8_t kSmartKeyHigh = 0xc2;

// ACS-2 7.10: DATA SET MANAGEMENT.
inline constexpr uint8_t kDsmTrim = 0x01;
inline constexpr uint32_t kTrimEntryBytes = 8;

}  // namespace platter::ata

#endif  // PLATTER_DEVICES_IDE_ATA_SPEC_H_
