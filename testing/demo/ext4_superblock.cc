// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/ext4_superblock.h"

#include <cstddef>
#include <cstring>

#include "base/arith.h"
#include "base/bytes.h"

namespace platter {
namespace {

// Linux documentation, filesystems/ext4, "Super Block": what is read of it.
struct Superblock {
  Le32 inodes_count;
  Le32 blocks_count_lo;
  uint8_t unread0[0x18 - 0x08];
  Le32 log_block_size;
  uint8_t unread1[0x38 - 0x1c];
  Le16 magic;
  uint8_t unread2[0x60 - 0x3a];
  Le32 feature_incompat;
  uint8_t unread3[0x78 - 0x64];
  char volume_name[16];
  uint8_t unread4[0x150 - 0x88];
  Le32 blocks_count_hi;
  uint8_t unread5[kExt4SuperblockBytes - 0x154];
};
static_assert(sizeof(Superblock) == kExt4SuperblockBytes);
static_assert(offsetof(Superblock, magic) == 0x38);
static_assert(offsetof(Superblock, volume_name) == 0x78);
static_assert(offsetof(Superblock, blocks_count_hi) == 0x150);

constexpr uint16_t kMagic = 0xef53;
constexpr uint32_t kIncompat64Bit = 0x80;
// s_log_block_size: the block is 1 KiB << this; 64 KiB is the largest.
constexpr uint32_t kMaxLogBlockSize = 6;

}  // namespace

std::optional<Ext4Volume> ParseExt4Superblock(std::span<const uint8_t> data) {
  Superblock super;
  if (data.size() < sizeof(super)) return std::nullopt;
  std::memcpy(&super, data.data(), sizeof(super));
  if (super.magic.get() != kMagic || super.log_block_size.get() > kMaxLogBlockSize) {
    return std::nullopt;
  }
  uint64_t blocks = super.blocks_count_lo.get();
  if ((super.feature_incompat.get() & kIncompat64Bit) != 0) {
    blocks |= uint64_t{super.blocks_count_hi.get()} << 32;
  }
  Ext4Volume volume;
  volume.block_size = static_cast<uint32_t>(kKiB) << super.log_block_size.get();
  const std::optional<uint64_t> size = CheckedMul(blocks, volume.block_size);
  if (!size.has_value() || *size == 0) return std::nullopt;
  volume.size = *size;
  for (size_t i = 0; i < sizeof(super.volume_name) && super.volume_name[i] != '\0'; ++i) {
    const char c = super.volume_name[i];
    volume.label += c >= ' ' && c <= '~' ? c : '?';
  }
  return volume;
}

}  // namespace platter
