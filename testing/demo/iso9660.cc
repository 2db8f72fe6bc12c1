// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/iso9660.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/functional/function_ref.h"

#include "base/bytes.h"

namespace platter {
namespace {

// 7.2.3, 7.3.3: numbers are recorded in both byte orders; the first one is read.
struct Both16 {
  Le16 value;
  Be16 again;
};
struct Both32 {
  Le32 value;
  Be32 again;
};

// 9.1; the identifier follows.
struct DirectoryRecord {
  uint8_t length;
  uint8_t attribute_length;
  Both32 extent;
  Both32 data_length;
  uint8_t recorded[7];
  uint8_t flags;
  uint8_t unit_size;
  uint8_t gap_size;
  Both16 volume;
  uint8_t identifier_length;
};
static_assert(sizeof(DirectoryRecord) == 33);
constexpr uint8_t kFlagDirectory = 0x02;
constexpr uint8_t kFlagMultiExtent = 0x80;

// 8.4: what is read of it.
struct VolumeDescriptor {
  uint8_t type;
  char standard[5];
  uint8_t version;
  uint8_t unread0[40 - 7];
  char volume_name[32];
  uint8_t unread1[80 - 72];
  Both32 space_size;
  uint8_t unread2[128 - 88];
  Both16 block_size;
  uint8_t unread3[156 - 132];
  DirectoryRecord root;
  uint8_t unread4[kIsoBlockBytes - 189];
};
static_assert(sizeof(VolumeDescriptor) == kIsoBlockBytes);
static_assert(offsetof(VolumeDescriptor, volume_name) == 40);
static_assert(offsetof(VolumeDescriptor, root) == 156);
constexpr uint8_t kPrimary = 1;

IsoExtent ExtentOf(const DirectoryRecord& record) {
  return {.block = record.extent.value.get(), .bytes = record.data_length.value.get()};
}

bool IsPrintable(char c) { return c >= ' ' && c <= '~'; }

// The first file in one extent that is `wanted`.
std::optional<IsoFile> FindFile(std::span<const uint8_t> folder,
                                absl::FunctionRef<bool(const IsoFile&)> wanted) {
  for (size_t at = 0; at + sizeof(DirectoryRecord) <= folder.size();) {
    DirectoryRecord record;
    std::memcpy(&record, folder.data() + at, sizeof(record));
    if (record.length == 0) {
      // 6.8.1.1: a record doesn't cross the end of a block, the rest of which is zero.
      at = (at / kIsoBlockBytes + 1) * kIsoBlockBytes;
      continue;
    }
    if (record.length < sizeof(record) + record.identifier_length ||
        record.length > folder.size() - at) {
      return std::nullopt;
    }
    const std::string_view identifier(
        reinterpret_cast<const char*>(folder.data() + at + sizeof(record)),
        record.identifier_length);
    IsoFile file = {.name = std::string(identifier.substr(0, identifier.find(';'))),
                    .extent = ExtentOf(record)};
    if ((record.flags & (kFlagDirectory | kFlagMultiExtent)) == 0 && wanted(file)) return file;
    at += record.length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<IsoVolume> ParseIsoVolume(std::span<const uint8_t> data) {
  VolumeDescriptor descriptor;
  if (data.size() < sizeof(descriptor)) return std::nullopt;
  std::memcpy(&descriptor, data.data(), sizeof(descriptor));
  if (descriptor.type != kPrimary || std::memcmp(descriptor.standard, "CD001", 5) != 0 ||
      descriptor.block_size.value.get() != kIsoBlockBytes) {
    return std::nullopt;
  }
  IsoVolume volume;
  for (const char c : descriptor.volume_name) volume.label += IsPrintable(c) ? c : '?';
  volume.label.resize(volume.label.find_last_not_of(' ') + 1);
  volume.blocks = descriptor.space_size.value.get();
  volume.root = ExtentOf(descriptor.root);
  return volume;
}

std::optional<IsoFile> FirstIsoFile(std::span<const uint8_t> folder) {
  return FindFile(folder, [](const IsoFile& file) {
    return file.extent.bytes != 0 && !file.name.empty() &&
           std::all_of(file.name.begin(), file.name.end(), IsPrintable);
  });
}

std::optional<IsoExtent> FindIsoFile(std::span<const uint8_t> folder, std::string_view name) {
  const auto found = FindFile(folder, [name](const IsoFile& file) { return file.name == name; });
  if (!found.has_value()) return std::nullopt;
  return found->extent;
}

}  // namespace platter
