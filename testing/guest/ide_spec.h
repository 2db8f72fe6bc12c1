// SPDX-License-Identifier: Apache-2.0
//
// The guest's own reading of the ATA standards and of Bus Master IDE rev 1.0: what its driver
// needs. Sharing the device's numbers would hide its mistakes.
//
// Threading: constants. Units: bytes unless said.

#ifndef PLATTER_TESTING_GUEST_IDE_SPEC_H_
#define PLATTER_TESTING_GUEST_IDE_SPEC_H_

#include <cstdint>

namespace platter::guest {

// Offsets from the command block's base.
inline constexpr unsigned kIdeData = 0;
inline constexpr unsigned kIdeFeatures = 1;
inline constexpr unsigned kIdeError = 1;
inline constexpr unsigned kIdeCount = 2;
inline constexpr unsigned kIdeLbaLow = 3;
inline constexpr unsigned kIdeLbaMid = 4;
inline constexpr unsigned kIdeLbaHigh = 5;
inline constexpr unsigned kIdeDevice = 6;
inline constexpr unsigned kIdeCommand = 7;
inline constexpr unsigned kIdeStatus = 7;

inline constexpr uint8_t kIdeErr = 0x01;
inline constexpr uint8_t kIdeDrq = 0x08;
inline constexpr uint8_t kIdeDeviceFault = 0x20;
inline constexpr uint8_t kIdeReady = 0x40;
inline constexpr uint8_t kIdeBusy = 0x80;

inline constexpr uint8_t kIdeErrorAborted = 0x04;
inline constexpr uint8_t kIdeErrorNotFound = 0x10;
inline constexpr uint8_t kIdeErrorUncorrectable = 0x40;

inline constexpr uint8_t kIdeLbaBit = 0x40;
inline constexpr uint8_t kIdeDeviceOne = 0x10;

inline constexpr uint8_t kIdeNoInterrupt = 0x02;
inline constexpr uint8_t kIdeSoftReset = 0x04;
inline constexpr uint8_t kIdeHighOrder = 0x80;

// Command codes.
inline constexpr uint8_t kIdeTrim = 0x06;
inline constexpr uint8_t kIdeReadPio = 0x20;
inline constexpr uint8_t kIdeReadPioExt = 0x24;
inline constexpr uint8_t kIdeReadDmaExt = 0x25;
inline constexpr uint8_t kIdeReadMultipleExt = 0x29;
inline constexpr uint8_t kIdeWritePio = 0x30;
inline constexpr uint8_t kIdeWritePioExt = 0x34;
inline constexpr uint8_t kIdeWriteDmaExt = 0x35;
inline constexpr uint8_t kIdeWriteMultipleExt = 0x39;
inline constexpr uint8_t kIdeSetMultiple = 0xc6;
inline constexpr uint8_t kIdeReadDma = 0xc8;
inline constexpr uint8_t kIdeWriteDma = 0xca;
inline constexpr uint8_t kIdeFlush = 0xe7;
inline constexpr uint8_t kIdeFlushExt = 0xea;
inline constexpr uint8_t kIdeIdentify = 0xec;
inline constexpr uint8_t kIdeDeviceReset = 0x08;
inline constexpr uint8_t kIdePacket = 0xa0;
inline constexpr uint8_t kIdeIdentifyPacket = 0xa1;

// Of PACKET: what the features, count and LBA mid and high registers are.
inline constexpr uint8_t kPacketByDma = 0x01;
inline constexpr uint8_t kPacketReasonMask = 0x07;
inline constexpr uint8_t kPacketReasonCommand = 0x01;
inline constexpr uint8_t kPacketReasonOut = 0x00;
inline constexpr uint8_t kPacketReasonIn = 0x02;
inline constexpr uint8_t kPacketReasonStatus = 0x03;

// Offsets from the bus master's base, and bits there.
inline constexpr unsigned kBmCommand = 0;
inline constexpr unsigned kBmStatus = 2;
inline constexpr unsigned kBmTable = 4;
inline constexpr uint8_t kBmStart = 0x01;
inline constexpr uint8_t kBmToMemory = 0x08;
inline constexpr uint8_t kBmActive = 0x01;
inline constexpr uint8_t kBmError = 0x02;
inline constexpr uint8_t kBmInterrupt = 0x04;
// A descriptor: le32 address, le16 count (0: 64 KiB), le16 flags.
inline constexpr uint32_t kPrdBytes = 8;
inline constexpr uint32_t kPrdMost = 65536;
inline constexpr uint16_t kPrdLast = 0x8000;

}  // namespace platter::guest

#endif  // PLATTER_TESTING_GUEST_IDE_SPEC_H_
