// SPDX-License-Identifier: Apache-2.0
//
// The superblock of ext2, ext3 and ext4, as far as it says what a volume is called and how big it
// is. Source: Linux documentation, filesystems/ext4, "Super Block".
//
// Ownership: values. Threading: any. Units: bytes. Errors: bytes that are no superblock, or that
// contradict themselves, are nullopt.

#ifndef PLATTER_TESTING_DEMO_EXT4_SUPERBLOCK_H_
#define PLATTER_TESTING_DEMO_EXT4_SUPERBLOCK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace platter {

inline constexpr uint64_t kExt4SuperblockOffset = 1024;
inline constexpr uint64_t kExt4SuperblockBytes = 1024;

struct Ext4Volume {
  std::string label;  // Printable ASCII; anything else is shown as '?'.
  uint64_t size = 0;
  uint32_t block_size = 0;
};

// `data` is what the disk holds at kExt4SuperblockOffset, kExt4SuperblockBytes of it.
std::optional<Ext4Volume> ParseExt4Superblock(std::span<const uint8_t> data);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_EXT4_SUPERBLOCK_H_
