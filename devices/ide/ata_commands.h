// SPDX-License-Identifier: Apache-2.0
//
// The commands of an ATA disk as rows: name, code, protocol, addressing, what to do, clause. What
// has no row is aborted.
//
// Threading: constants. Units, errors: none.

#ifndef PLATTER_DEVICES_IDE_ATA_COMMANDS_H_
#define PLATTER_DEVICES_IDE_ATA_COMMANDS_H_

#include <cstdint>
#include <span>

#include "devices/ide/task_file.h"

namespace platter {

// 9: how data moves.
enum class AtaProtocol : uint8_t { kNonData, kPioIn, kPioOut, kDmaIn, kDmaOut };

// What the disk does for a command.
enum class AtaAction : uint8_t {
  kIdentify,
  kRead,   // By the row's protocol.
  kWrite,  // The same.
  kReadMultiple,
  kWriteMultiple,
  kVerify,
  kFlush,
  kTrim,
  kSetMultiple,
  kSetFeatures,
  kReadNativeMax,
  kSeek,
  kInitializeParameters,
  kCheckPower,
  kStandby,
  kIdle,
  kSleep,
  kSmart,
  kNothing,  // Succeeds.
};

enum class AtaDurability : uint8_t { kCached, kForced };  // FUA.

struct AtaCommand {
  const char* name;
  uint8_t code;
  AtaProtocol protocol;
  AtaAddressing addressing;
  AtaAction action;
  const char* clause;  // Of ATA/ATAPI-6 unless said.
  AtaDurability durability = AtaDurability::kCached;
};

// All rows, by code.
std::span<const AtaCommand> AtaCommands();
// nullptr: the command is aborted.
const AtaCommand* FindAtaCommand(uint8_t code);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_COMMANDS_H_
