// SPDX-License-Identifier: Apache-2.0
#include "devices/bus/io_space.h"

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "base/arith.h"

namespace platter {

namespace {

constexpr unsigned kMaxWidth = 8;

bool IsWidth(unsigned width) { return width <= kMaxWidth && IsPowerOfTwo(width); }

// The largest value of `width` bytes.
uint64_t AllOnes(unsigned width) { return ~uint64_t{0} >> (64 - 8 * width); }

std::string Describe(uint64_t base, uint64_t size) {
  char text[64];
  std::snprintf(text, sizeof(text), "[0x%" PRIx64 ", +0x%" PRIx64 ")", base, size);
  return text;
}

}  // namespace

absl::Status IoSpace::Map(uint64_t base, uint64_t size, RegisterBlock& block) {
  const std::string range = Describe(base, size);
  if (size == 0) return absl::InvalidArgumentError("register range " + range + " is empty");
  const std::optional<uint64_t> last = CheckedAdd(base, size - 1);
  if (!last) {
    return absl::InvalidArgumentError("register range " + range +
                                      " wraps around the address space");
  }
  // Ranges are disjoint, so only the one that begins last at or before the new end can collide.
  auto after = ranges_.upper_bound(*last);
  if (after != ranges_.begin()) {
    const auto& [other_base, other] = *--after;
    if (other_base >= base || base - other_base < other.size) {
      return absl::AlreadyExistsError("register range " + range + " overlaps " +
                                      Describe(other_base, other.size));
    }
  }
  ranges_[base] = {.size = size, .block = &block};
  return absl::OkStatus();
}

void IoSpace::Unmap(uint64_t base) { ranges_.erase(base); }

const IoSpace::Range* IoSpace::Find(uint64_t address, unsigned width, uint64_t* offset) const {
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return nullptr;
  const auto& [base, range] = *--after;
  *offset = address - base;
  return RangeFits(*offset, width, range.size) ? &range : nullptr;
}

uint64_t IoSpace::Read(uint64_t address, unsigned width) const {
  if (!IsWidth(width)) return ~uint64_t{0};
  uint64_t offset = 0;
  const Range* range = Find(address, width, &offset);
  if (range == nullptr) return AllOnes(width);
  return range->block->ReadRegister(offset, width) & AllOnes(width);
}

void IoSpace::Write(uint64_t address, unsigned width, uint64_t value) const {
  if (!IsWidth(width)) return;
  uint64_t offset = 0;
  const Range* range = Find(address, width, &offset);
  if (range != nullptr) range->block->WriteRegister(offset, width, value & AllOnes(width));
}

}  // namespace platter
