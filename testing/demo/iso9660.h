// SPDX-License-Identifier: Apache-2.0
//
// ISO 9660, as far as it says what a disc is called and where a file of its root folder is.
// Source: ECMA-119, 8.4 (Primary Volume Descriptor) and 9.1 (Directory Record).
//
// Ownership: values. Threading: any. Units: bytes and blocks, of 2048 bytes. Errors: bytes that are
// no volume descriptor, or a folder without the file, are nullopt.

#ifndef PLATTER_TESTING_DEMO_ISO9660_H_
#define PLATTER_TESTING_DEMO_ISO9660_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace platter {

inline constexpr uint32_t kIsoBlockBytes = 2048;
// 6.7.1: the system area is before the descriptors.
inline constexpr uint32_t kIsoVolumeBlock = 16;

// Consecutive blocks.
struct IsoExtent {
  uint32_t block = 0;
  uint32_t bytes = 0;
  bool operator==(const IsoExtent&) const = default;
};

struct IsoVolume {
  std::string label;  // Printable ASCII, without the blanks at its end; the rest is '?'.
  uint32_t blocks = 0;
  IsoExtent root;  // The root folder.
  bool operator==(const IsoVolume&) const = default;
};

// `data` is what the disc holds at kIsoVolumeBlock, a block of it.
std::optional<IsoVolume> ParseIsoVolume(std::span<const uint8_t> data);

// A file of a folder, by its name without the version.
struct IsoFile {
  std::string name;
  IsoExtent extent;
  bool operator==(const IsoFile&) const = default;
};

// The first file of the folder with this content that holds anything, in one extent, and has a name
// in printable ASCII.
std::optional<IsoFile> FirstIsoFile(std::span<const uint8_t> folder);

// Where the file `name` is, written as on the disc without its version ("README.TXT"), of the
// folder with this content.
std::optional<IsoExtent> FindIsoFile(std::span<const uint8_t> folder, std::string_view name);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_ISO9660_H_
