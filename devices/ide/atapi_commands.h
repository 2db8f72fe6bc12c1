// SPDX-License-Identifier: Apache-2.0
//
// The ATA commands of a packet drive as rows: name, code, what to do, clause. What has no row is
// aborted. The commands inside of packets are those of the drive's logical unit
// (devices/scsi/scsi_cd_commands.cc).
//
// Threading: constants. Units, errors: none.

#ifndef PLATTER_DEVICES_IDE_ATAPI_COMMANDS_H_
#define PLATTER_DEVICES_IDE_ATAPI_COMMANDS_H_

#include <cstdint>
#include <span>

namespace platter {

enum class AtapiAction : uint8_t {
  kPacket,
  kIdentifyPacket,
  kSignature,  // Aborts with the signature in the registers (ATA/ATAPI-6, 9.12).
  kSetFeatures,
  kCheckPower,
  kStandby,
  kIdle,
  kSleep,
  kNothing,  // Succeeds.
};

struct AtapiCommand {
  const char* name;
  uint8_t code;
  AtapiAction action;
  const char* clause;  // Of ATA/ATAPI-6.
};

// All rows, by code.
std::span<const AtapiCommand> AtapiCommands();
// nullptr: the command is aborted.
const AtapiCommand* FindAtapiCommand(uint8_t code);

// --- PACKET (8.23). ---

inline constexpr uint32_t kAtapiPacketBytes = 12;
// Of the features register. Overlap is not offered, so its bit means nothing.
inline constexpr uint8_t kAtapiFeatureDma = 0x01;
// The interrupt reason, in the count register: whether the command or data is at hand, and which
// way it goes.
inline constexpr uint8_t kAtapiReasonCommand = 0x01;  // C/D; the guest writes the packet.
inline constexpr uint8_t kAtapiReasonDataIn = 0x02;   // I/O.
inline constexpr uint8_t kAtapiReasonDataOut = 0x00;  // Neither: the guest writes data.
inline constexpr uint8_t kAtapiReasonStatus = 0x03;   // Both: the command is over.
// A byte count limit of FFFFh stands for this.
inline constexpr uint32_t kAtapiMaxByteCount = 0xfffe;

// The next block of a transfer by PIO, in bytes, when `left` are left and the guest's limit is
// `limit`, as its registers have it: a limit that is not enough for all counts as the even number
// below. 0: nothing can be moved with such a limit (0 or 1; word 125 of IDENTIFY PACKET DEVICE
// offers no other meaning).
uint32_t AtapiBlockBytes(uint32_t limit, uint64_t left);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATAPI_COMMANDS_H_
