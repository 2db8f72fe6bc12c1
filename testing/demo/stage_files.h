// SPDX-License-Identifier: Apache-2.0
//
// StageFiles: the images that the machine of a run uses, made before there is a machine.
//
// Ownership: they are the folder's, but a disc of the user's, which is only read.
// Threading: one thread; blocks. Units: bytes. Errors: absl::Status naming the file.

#ifndef PLATTER_TESTING_DEMO_STAGE_FILES_H_
#define PLATTER_TESTING_DEMO_STAGE_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "testing/demo/cd_disc.h"
#include "testing/demo/demo_options.h"
#include "testing/demo/narrator.h"
#include "testing/demo/temp_folder.h"

namespace platter {

// Smallest disk that the steps have room on.
inline constexpr uint64_t kMinDemoDiskBytes = uint64_t{1} << 20;

struct StageFiles {
  std::string disk;
  // The volume label when mkfs.ext4 made the disk; empty when it is somebody's, or a pattern.
  std::string ext4_label = {};
  // What the toy drive's discs hold: the pattern of the seed plus kDiscASeed or kDiscBSeed.
  std::string disc_a;
  std::string disc_b;
  // Of the CD-ROM drive.
  CdDisc iso_a;
  CdDisc iso_b;
  std::string scsi_disk;
};

inline constexpr uint64_t kDiscASeed = 0xa;
inline constexpr uint64_t kDiscBSeed = 0xb;
inline constexpr uint64_t kDiscABytes = uint64_t{256} << 10;
inline constexpr uint64_t kDiscBBytes = uint64_t{384} << 10;
inline constexpr uint64_t kScsiDiskBytes = uint64_t{16} << 20;

// Tells what they are, and what the host has no program for.
absl::StatusOr<StageFiles> PrepareStageFiles(const DemoOptions& options, const TempFolder& folder,
                                             Narrator& tell);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STAGE_FILES_H_
