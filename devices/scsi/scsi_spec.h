// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the SCSI standards: operation codes, status, sense keys and additional sense codes,
// VPD and mode pages. SAM-5 for status, SPC-4 for what all devices have, SBC-3 for disks, MMC-6 for
// CD and DVD.
//
// Threading: constants. Units: as the standards; SCSI is big-endian on the wire.

#ifndef PLATTER_DEVICES_SCSI_SCSI_SPEC_H_
#define PLATTER_DEVICES_SCSI_SCSI_SPEC_H_

#include <cstdint>

namespace platter {

enum class ScsiOpcode : uint8_t {
  kTestUnitReady = 0x00,
  kRequestSense = 0x03,
  kRead6 = 0x08,
  kWrite6 = 0x0a,
  kInquiry = 0x12,
  kModeSelect6 = 0x15,
  kReserve6 = 0x16,
  kRelease6 = 0x17,
  kModeSense6 = 0x1a,
  kStartStopUnit = 0x1b,
  kPreventAllow = 0x1e,
  kReadCapacity10 = 0x25,
  kRead10 = 0x28,
  kWrite10 = 0x2a,
  kWriteAndVerify10 = 0x2e,
  kVerify10 = 0x2f,
  kSeek10 = 0x2b,
  kSynchronizeCache10 = 0x35,
  kWriteSame10 = 0x41,
  kUnmap = 0x42,
  kReadSubChannel = 0x42,  // MMC's.
  kReadToc = 0x43,
  kGetConfiguration = 0x46,
  kGetEventStatus = 0x4a,
  kReadDiscInformation = 0x51,
  kReadTrackInformation = 0x52,
  kModeSelect10 = 0x55,
  kReserve10 = 0x56,
  kRelease10 = 0x57,
  kModeSense10 = 0x5a,
  kRead16 = 0x88,
  kWrite16 = 0x8a,
  kWriteAndVerify16 = 0x8e,
  kVerify16 = 0x8f,
  kSynchronizeCache16 = 0x91,
  kWriteSame16 = 0x93,
  kServiceActionIn16 = 0x9e,
  kReportLuns = 0xa0,
  kMaintenanceIn = 0xa3,
  kSetReadAhead = 0xa7,
  kRead12 = 0xa8,
  kWrite12 = 0xaa,
  kWriteAndVerify12 = 0xae,
  kGetPerformance = 0xac,
  kReadDvdStructure = 0xad,
  kVerify12 = 0xaf,
  kSetStreaming = 0xb6,
  kReadCdMsf = 0xb9,
  kSetCdSpeed = 0xbb,
  kMechanismStatus = 0xbd,
  kReadCd = 0xbe,
};

// Service actions.
inline constexpr uint8_t kReadCapacity16Action = 0x10;    // Of kServiceActionIn16.
inline constexpr uint8_t kReportSupportedOpcodes = 0x0c;  // Of kMaintenanceIn.

// SAM-5, 5.3.1.
enum class ScsiStatus : uint8_t {
  kGood = 0x00,
  kCheckCondition = 0x02,
  kBusy = 0x08,
  kReservationConflict = 0x18,
  kTaskSetFull = 0x28,
  kTaskAborted = 0x40,
};

// SPC-4, 4.5.6.
enum class SenseKey : uint8_t {
  kNoSense = 0x0,
  kRecoveredError = 0x1,
  kNotReady = 0x2,
  kMediumError = 0x3,
  kHardwareError = 0x4,
  kIllegalRequest = 0x5,
  kUnitAttention = 0x6,
  kDataProtect = 0x7,
  kAbortedCommand = 0xb,
  kMiscompare = 0xe,
};

// Additional sense code and qualifier, as one number (SPC-4, annex E).
enum class SenseCode : uint16_t {
  kNone = 0x0000,
  kManualInterventionRequired = 0x0403,
  kWriteError = 0x0c00,
  kUnrecoveredReadError = 0x1100,
  kParameterListLengthError = 0x1a00,
  kMiscompareDuringVerify = 0x1d00,
  kInvalidOpcode = 0x2000,
  kLbaOutOfRange = 0x2100,
  kInvalidFieldInCdb = 0x2400,
  kLunNotSupported = 0x2500,
  kInvalidFieldInParameterList = 0x2600,
  kWriteProtected = 0x2700,
  kSpaceAllocationFailed = 0x2707,
  kMediumMayHaveChanged = 0x2800,
  kPowerOnOrReset = 0x2900,
  kBusDeviceReset = 0x2903,
  kNexusLoss = 0x2907,
  kModeParametersChanged = 0x2a01,
  kCapacityDataChanged = 0x2a09,
  kIncompatibleMedium = 0x3000,
  kIncompatibleFormat = 0x3002,  // Cannot read medium.
  kSavingParametersNotSupported = 0x3900,
  kMediumNotPresent = 0x3a00,
  kMediumNotPresentTrayClosed = 0x3a01,
  kMediumNotPresentTrayOpen = 0x3a02,
  kReportedLunsDataChanged = 0x3f0e,
  kInternalTargetFailure = 0x4400,
  kDataPhaseError = 0x4b00,
  kMediumRemovalPrevented = 0x5302,
  kIllegalModeForTrack = 0x6400,
};

// Peripheral device types (SPC-4, table 148).
enum class ScsiDeviceType : uint8_t {
  kDisk = 0x00,
  kCdRom = 0x05,
  kWellKnown = 0x1e,
  kNoDevice = 0x1f,
};

// Vital product data pages (SPC-4, 7.8; SBC-3, 6.5).
enum class VpdPage : uint8_t {
  kSupportedPages = 0x00,
  kUnitSerialNumber = 0x80,
  kDeviceIdentification = 0x83,
  kBlockLimits = 0xb0,
  kBlockDeviceCharacteristics = 0xb1,
  kLogicalBlockProvisioning = 0xb2,
};

// Mode pages (SPC-4, 7.5; SBC-3, 6.4; MMC-6, 7).
enum class ModePage : uint8_t {
  kReadWriteErrorRecovery = 0x01,
  kCaching = 0x08,
  kControl = 0x0a,
  kCdAudioControl = 0x0e,
  kPowerCondition = 0x1a,
  kTimeoutAndProtect = 0x1d,  // MMC's.
  kCdCapabilities = 0x2a,
  kAll = 0x3f,
};

// The two top bits of byte 2 of MODE SENSE (SPC-4, table 149).
enum class PageControl : uint8_t { kCurrent = 0, kChangeable = 1, kDefault = 2, kSaved = 3 };

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_SPEC_H_
