// SPDX-License-Identifier: Apache-2.0

#include "testing/model/disk_model.h"

#include <algorithm>
#include <cstdio>

#include "base/arith.h"
#include "base/check.h"

namespace platter {

DiskModel::DiskModel(uint64_t size) : bytes_(size), undefined_(size, false) {}

void DiskModel::Write(uint64_t offset, std::span<const uint8_t> data) {
  PLATTER_CHECK(RangeFits(offset, data.size(), size()));
  std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<ptrdiff_t>(offset));
  std::fill_n(undefined_.begin() + static_cast<ptrdiff_t>(offset), data.size(), false);
}

void DiskModel::WriteZeroes(uint64_t offset, uint64_t length) {
  PLATTER_CHECK(RangeFits(offset, length, size()));
  std::fill_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), length, uint8_t{0});
  std::fill_n(undefined_.begin() + static_cast<ptrdiff_t>(offset), length, false);
}

void DiskModel::MakeUndefined(uint64_t offset, uint64_t length) {
  PLATTER_CHECK(RangeFits(offset, length, size()));
  std::fill_n(undefined_.begin() + static_cast<ptrdiff_t>(offset), length, true);
}

void DiskModel::Resize(uint64_t size) {
  bytes_.resize(size);
  undefined_.resize(size, false);
}

std::span<const uint8_t> DiskModel::Expected(uint64_t offset, uint64_t length) const {
  PLATTER_CHECK(RangeFits(offset, length, size()));
  return std::span(bytes_).subspan(offset, length);
}

std::optional<std::string> DiskModel::Mismatch(uint64_t offset,
                                               std::span<const uint8_t> data) const {
  PLATTER_CHECK(RangeFits(offset, data.size(), size()));
  for (uint64_t i = 0; i < data.size(); ++i) {
    if (data[i] == bytes_[offset + i] || undefined_[offset + i]) continue;
    char text[128];
    std::snprintf(
        text, sizeof(text), "byte %llu of the disk (sector %llu) is 0x%02x and had to be 0x%02x",
        static_cast<unsigned long long>(offset + i),
        static_cast<unsigned long long>((offset + i) / kSectorSize), data[i], bytes_[offset + i]);
    return std::string(text);
  }
  return std::nullopt;
}

}  // namespace platter
