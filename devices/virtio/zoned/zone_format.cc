// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/zoned/zone_format.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {

namespace {

struct Header {
  uint8_t magic[8];
  Le32 version;
  Le32 crc;
  Le32 index;
  Le32 zones;
  Le64 generation;
  Le64 zone_sectors;
  Le64 zone_capacity;
  Le32 conventional;
  Le32 model;
  Le64 unused;
};
static_assert(sizeof(Header) == 64);

struct Entry {
  Le64 written;
  uint8_t state = 0;
  uint8_t unused[7] = {};
};
static_assert(sizeof(Entry) == 16);
static_assert(sizeof(Header) + ZoneLayout::kZonesPerBlock * sizeof(Entry) ==
              ZoneLayout::kBlockBytes);

constexpr uint8_t kMagic[8] = {'P', 'l', 'a', 't', 'Z', 'o', 'n', 'e'};
constexpr uint32_t kVersion = 1;
constexpr size_t kCrcOffset = offsetof(Header, crc);

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    table[i] = crc;
  }
  return table;
}();

// CRC-32 (IEEE 802.3) of a block whose checksum counts as 0.
uint32_t CrcOf(std::span<const uint8_t> block) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < block.size(); ++i) {
    const uint8_t byte = i >= kCrcOffset && i < kCrcOffset + sizeof(Le32) ? 0 : block[i];
    crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xff];
  }
  return ~crc;
}

uint32_t ZonesIn(const ZoneLayout& layout, uint32_t block) {
  return std::min(layout.zones - block * ZoneLayout::kZonesPerBlock, ZoneLayout::kZonesPerBlock);
}

Header HeaderOf(std::span<const uint8_t> block) {
  Header header;
  std::memcpy(&header, block.data(), sizeof(header));
  return header;
}

bool HasMagic(std::span<const uint8_t> block) {
  return std::memcmp(block.data(), kMagic, sizeof(kMagic)) == 0;
}

// Whole, and of that place.
bool IsSound(std::span<const uint8_t> block, uint32_t index) {
  const Header header = HeaderOf(block);
  return HasMagic(block) && header.crc.get() == CrcOf(block) && header.index.get() == index;
}

absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status CheckHeader(const ZoneLayout& layout, const Header& header) {
  if (header.version.get() != kVersion) {
    return Bad(absl::StrCat("the zones of the medium have version ", header.version.get(),
                            ", which is not ", kVersion));
  }
  const auto differs = [](const char* what, uint64_t medium, uint64_t wanted) {
    return Bad(absl::StrCat(what, " is ", wanted, ", but ", medium, " on the medium"));
  };
  if (header.model.get() != static_cast<uint32_t>(layout.model)) {
    return Bad(
        absl::StrCat("x-zoned is not as on the medium, which has model ", header.model.get()));
  }
  if (header.zone_sectors.get() != layout.zone_sectors) {
    return differs("x-zone-size in sectors", header.zone_sectors.get(), layout.zone_sectors);
  }
  if (header.zone_capacity.get() != layout.zone_capacity) {
    return differs("x-zone-capacity in sectors", header.zone_capacity.get(), layout.zone_capacity);
  }
  if (header.conventional.get() != layout.conventional) {
    return differs("x-conventional-zones", header.conventional.get(), layout.conventional);
  }
  if (header.zones.get() != layout.zones) {
    return differs("the number of zones", header.zones.get(), layout.zones);
  }
  return absl::OkStatus();
}

std::optional<ZoneRecord> ReadEntry(const ZoneLayout& layout, const uint8_t* at,
                                    bool conventional) {
  Entry entry;
  std::memcpy(&entry, at, sizeof(entry));
  const ZoneRecord record = {.written = entry.written.get(),
                             .state = static_cast<ZoneState>(entry.state)};
  if (record.written > layout.zone_capacity) return std::nullopt;
  bool valid = false;
  switch (record.state) {
    case ZoneState::kNoPointer:
      return conventional && record.written == 0 ? std::optional(record) : std::nullopt;
    case ZoneState::kEmpty:
      valid = record.written == 0;
      break;
    case ZoneState::kClosed:
      valid = record.written != 0 && record.written != layout.zone_capacity;
      break;
    case ZoneState::kFull:
    case ZoneState::kReadOnly:
    case ZoneState::kOffline:
      valid = true;
      break;
    default:
      break;
  }
  return valid && !conventional ? std::optional(record) : std::nullopt;
}

absl::Status ReadBlock(const ZoneLayout& layout, uint32_t index, std::span<const uint8_t> bytes,
                       ZoneArea& area) {
  const auto place = [&](uint8_t which) {
    return bytes.subspan((2 * uint64_t{index} + which) * ZoneLayout::kBlockBytes,
                         ZoneLayout::kBlockBytes);
  };
  const bool sound[] = {IsSound(place(0), index), IsSound(place(1), index)};
  if (!sound[0] && !sound[1]) {
    return Bad(absl::StrCat("block ", index, " of the zones' states is damaged"));
  }
  const auto generation = [&](uint8_t which) { return HeaderOf(place(which)).generation.get(); };
  const uint8_t newest = sound[1] && (!sound[0] || generation(1) > generation(0)) ? 1 : 0;
  PLATTER_RETURN_IF_ERROR(CheckHeader(layout, HeaderOf(place(newest))));
  area.current[index] = newest;
  area.generation = std::max(area.generation, generation(newest));
  for (uint32_t i = 0; i < ZonesIn(layout, index); ++i) {
    const uint32_t zone = index * ZoneLayout::kZonesPerBlock + i;
    const std::optional<ZoneRecord> record =
        ReadEntry(layout, place(newest).data() + sizeof(Header) + i * sizeof(Entry),
                  zone < layout.conventional);
    if (!record) return Bad(absl::StrCat("zone ", zone, " has a state that can't be"));
    area.records[zone] = *record;
  }
  return absl::OkStatus();
}

}  // namespace

void EncodeZoneBlock(const ZoneLayout& layout, uint32_t block, uint64_t generation,
                     std::span<const ZoneRecord> records, ZoneBlock out) {
  PLATTER_CHECK(records.size() == ZonesIn(layout, block));
  Header header;
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.crc = 0;
  header.index = block;
  header.zones = layout.zones;
  header.generation = generation;
  header.zone_sectors = layout.zone_sectors;
  header.zone_capacity = layout.zone_capacity;
  header.conventional = layout.conventional;
  header.model = static_cast<uint32_t>(layout.model);
  header.unused = 0;
  std::fill(out.begin(), out.end(), uint8_t{0});
  for (size_t i = 0; i < records.size(); ++i) {
    Entry entry;
    entry.written = records[i].written;
    entry.state = static_cast<uint8_t>(records[i].state);
    std::memcpy(out.data() + sizeof(Header) + i * sizeof(Entry), &entry, sizeof(entry));
  }
  std::memcpy(out.data(), &header, sizeof(header));
  header.crc = CrcOf(out);
  std::memcpy(out.data(), &header, sizeof(header));
}

absl::StatusOr<ZoneArea> DecodeZoneArea(const ZoneLayout& layout, std::span<const uint8_t> bytes) {
  if (bytes.size() != layout.area_bytes) {
    return Bad(absl::StrCat("the zones' states have ", bytes.size(), " bytes instead of ",
                            layout.area_bytes));
  }
  ZoneArea area;
  area.current.resize(layout.blocks);
  area.records.resize(layout.zones);
  for (uint32_t zone = 0; zone < layout.conventional; ++zone) {
    area.records[zone].state = ZoneState::kNoPointer;
  }
  // The first block is the last one that is written first.
  area.found = HasMagic(bytes) || HasMagic(bytes.subspan(ZoneLayout::kBlockBytes));
  if (!area.found) return area;
  for (uint32_t block = 0; block < layout.blocks; ++block) {
    PLATTER_RETURN_IF_ERROR(ReadBlock(layout, block, bytes, area));
  }
  return area;
}

}  // namespace platter
