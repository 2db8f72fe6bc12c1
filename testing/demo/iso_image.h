// SPDX-License-Identifier: Apache-2.0
//
// Disc images of the host, made before a machine uses them.
//
// Ownership: functions. Threading: any; they block. Units: bytes.
// Errors: ErrnoError naming the file or the program that failed; nothing half-made stays behind.

#ifndef PLATTER_TESTING_DEMO_ISO_IMAGE_H_
#define PLATTER_TESTING_DEMO_ISO_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace platter {

struct IsoPlan {
  std::string xorriso = "xorriso";  // The program that makes it.
  std::string label;                // Capitals, digits and '_', at most 32.
  std::string file_name;            // Of the one file in the root folder: "DATA.BIN".
  uint64_t file_bytes = 0;
  uint64_t seed = 0;  // Of the file's pattern (testing/model/pattern.h).
};

// A file with an ISO 9660 file system. NOT_FOUND (ENOENT) when the host has no such program.
absl::Status MakeIsoImage(const std::string& path, const IsoPlan& plan);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_ISO_IMAGE_H_
