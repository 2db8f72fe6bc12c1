// SPDX-License-Identifier: Apache-2.0
//
// CdDisc: a disc for a CD-ROM drive, and what its host knows is on it: the guest has to find the
// same through the drive.
//
// Ownership: values. Threading: any; functions block. Units: bytes; blocks of 2048 bytes.
// Errors: absl::Status naming the file.

#ifndef PLATTER_TESTING_DEMO_CD_DISC_H_
#define PLATTER_TESTING_DEMO_CD_DISC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "testing/demo/iso9660.h"
#include "testing/demo/iso_image.h"

namespace platter {

// Files are read and compared up to here, and folders up to there.
inline constexpr uint32_t kMaxDiscFileBytes = uint32_t{16} << 20;
inline constexpr uint32_t kMaxDiscFolderBytes = uint32_t{1} << 20;

struct CdDisc {
  std::string path;
  // Empty when it has no file system: then `extent` is all of it.
  std::string file_name = {};
  std::string label = {};
  // Of the file, up to kMaxDiscFileBytes.
  IsoExtent extent = {};
  uint64_t checksum = 0;

  bool has_file_system() const { return !file_name.empty(); }
};

// A new ISO 9660 image; the checksum is that of the data that went in. NOT_FOUND (ENOENT) when the
// host has no program to make it.
absl::StatusOr<CdDisc> MakeIsoDisc(const std::string& path, const IsoPlan& plan);
// A new image without a file system, with a pattern; `bytes` are a multiple of a block.
absl::StatusOr<CdDisc> MakePatternDisc(const std::string& path, uint32_t bytes, uint64_t seed);
// An ISO 9660 image of somebody's, which is only read: its label, and the first file of its root
// folder. EINVAL when it is none, or has no file there.
absl::StatusOr<CdDisc> LookAtIsoDisc(const std::string& path);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_CD_DISC_H_
