// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_commands.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "devices/ide/ata_spec.h"

namespace platter {
namespace {

using enum AtapiAction;

// EXECUTE DEVICE DIAGNOSTIC and DEVICE RESET are the channel's. NOP has no row: its answer is
// "aborted" (8.22).
constexpr AtapiCommand kCommands[] = {
    {"READ SECTOR(S)", ata::kReadSectors, kSignature, "8.34"},
    {"PACKET", ata::kPacket, kPacket, "8.23"},
    {"IDENTIFY PACKET DEVICE", ata::kIdentifyPacketDevice, kIdentifyPacket, "8.16"},
    {"STANDBY IMMEDIATE", ata::kStandbyImmediate, kStandby, "8.53"},
    {"IDLE IMMEDIATE", ata::kIdleImmediate, kIdle, "8.18"},
    {"STANDBY", ata::kStandby, kStandby, "8.52"},
    {"IDLE", ata::kIdle, kIdle, "8.17"},
    {"CHECK POWER MODE", ata::kCheckPowerMode, kCheckPower, "8.7"},
    {"SLEEP", ata::kSleep, kSleep, "8.50"},
    // There is nothing to flush.
    {"FLUSH CACHE", ata::kFlushCache, kNothing, "8.12"},
    {"IDENTIFY DEVICE", ata::kIdentifyDevice, kSignature, "8.15"},
    {"SET FEATURES", ata::kSetFeatures, kSetFeatures, "8.46"},
};

constexpr bool SortedAndUnique() {
  for (size_t i = 1; i < std::size(kCommands); ++i) {
    if (kCommands[i - 1].code >= kCommands[i].code) return false;
  }
  return true;
}
static_assert(SortedAndUnique());

}  // namespace

std::span<const AtapiCommand> AtapiCommands() { return kCommands; }

const AtapiCommand* FindAtapiCommand(uint8_t code) {
  const auto* at = std::find_if(std::begin(kCommands), std::end(kCommands),
                                [&](const AtapiCommand& command) { return command.code == code; });
  return at != std::end(kCommands) ? at : nullptr;
}

uint32_t AtapiBlockBytes(uint32_t limit, uint64_t left) {
  limit = std::min(limit, kAtapiMaxByteCount);
  return left <= limit ? static_cast<uint32_t>(left) : limit & ~1u;
}

}  // namespace platter
