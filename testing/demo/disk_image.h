// SPDX-License-Identifier: Apache-2.0
//
// Image files of the host: made, checked and copied before a machine uses them.
//
// Ownership: functions. Threading: any; they block. Units: bytes.
// Errors: ErrnoError naming the file (or the program that failed); nothing half-made stays behind.

#ifndef PLATTER_TESTING_DEMO_DISK_IMAGE_H_
#define PLATTER_TESTING_DEMO_DISK_IMAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace platter {

// A file of `size` that takes no room.
absl::Status MakeSparseImage(const std::string& path, uint64_t size);
// A file with the pattern of `seed` (testing/model/pattern.h).
absl::Status MakePatternImage(const std::string& path, uint64_t size, uint64_t seed);
// A file with an ext4 file system, made by the program `mkfs` ("mkfs.ext4"). NOT_FOUND (ENOENT)
// when the host has no such program.
struct Ext4Plan {
  std::string mkfs;
  std::string label;
};
absl::Status MakeExt4Image(const std::string& path, uint64_t size, const Ext4Plan& plan);
// Whether the program `fsck` ("e2fsck"), looking only, finds nothing wrong with the file system in
// `path`. NOT_FOUND (ENOENT) when the host has no such program.
absl::Status CheckExt4Image(const std::string& path, const std::string& fsck);

// The size of a raw disk image that somebody else made. An error naming `path` unless it is a
// regular file that can be read, and a whole number of sectors, at least `min_size`.
absl::StatusOr<uint64_t> CheckDiskFile(const std::string& path, uint64_t min_size);
// Copies a file; holes stay holes, and blocks are shared where the file system can. Meanwhile it
// holds the image locks of a reader that shares reading only (drivers/file/image_lock.h):
// FAILED_PRECONDITION (EBUSY) naming `from` while another program writes to it, or keeps it for
// itself.
absl::Status CopyDiskFile(const std::string& from, const std::string& to);

// A range, read with the host's own means; data beyond the end is an error.
absl::StatusOr<std::vector<uint8_t>> ReadRangeOfFile(const std::string& path, uint64_t offset,
                                                     uint64_t bytes);
// The checksum of a range, read like that.
absl::StatusOr<uint64_t> ChecksumOfFile(const std::string& path, uint64_t offset, uint64_t bytes);
// Changes one byte behind everybody's back.
absl::Status FlipByteOfFile(const std::string& path, uint64_t offset);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_DISK_IMAGE_H_
