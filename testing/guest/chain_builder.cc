// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/chain_builder.h"

#include <algorithm>

#include "base/check.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

std::string_view NameOf(ChainDefect defect) {
  static constexpr std::array<std::string_view, kChainDefectCount> kNames = {
      "None",
      "Loop",
      "SelfLoop",
      "NextOutOfRange",
      "HeadOutOfRange",
      "ReadableAfterWritable",
      "ZeroLength",
      "HugeLength",
      "AddressInHole",
      "AddressWraps",
      "WriteFlagFlipped",
      "UnknownFlags",
      "IndirectAndNext",
      "IndirectNested",
      "IndirectEmpty",
      "IndirectOddLength",
      "IndirectTooShort",
      "IndirectInHole",
      "IndirectHuge",
  };
  return kNames[static_cast<size_t>(defect)];
}

ChainBuilder& ChainBuilder::Readable(uint64_t address, uint32_t bytes) {
  pieces_.push_back({{address, bytes}, false});
  return *this;
}

ChainBuilder& ChainBuilder::Writable(uint64_t address, uint32_t bytes) {
  pieces_.push_back({{address, bytes}, true});
  return *this;
}

ChainBuilder& ChainBuilder::Readable(std::span<const GuestSegment> segments) {
  for (const GuestSegment& segment : segments) Readable(segment.address, segment.bytes);
  return *this;
}

ChainBuilder& ChainBuilder::Writable(std::span<const GuestSegment> segments) {
  for (const GuestSegment& segment : segments) Writable(segment.address, segment.bytes);
  return *this;
}

ChainBuilder& ChainBuilder::Indirect(uint64_t table) {
  table_ = table;
  return *this;
}

ChainBuilder& ChainBuilder::With(ChainDefect defect) {
  defect_ = defect;
  return *this;
}

std::vector<RawDescriptor> ChainBuilder::Build(uint16_t first, uint32_t table_size) const {
  std::vector<RawDescriptor> chain;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    RawDescriptor descriptor = {.address = piece.segment.address, .length = piece.segment.bytes};
    if (piece.writable) descriptor.flags |= guest::kDescWrite;
    if (i + 1 < pieces_.size()) {
      descriptor.flags |= guest::kDescNext;
      descriptor.next = static_cast<uint16_t>(first + i + 1);
    }
    chain.push_back(descriptor);
  }
  Break(chain, first, table_size);
  return chain;
}

void ChainBuilder::Break(std::vector<RawDescriptor>& chain, uint16_t first,
                         uint32_t table_size) const {
  RawDescriptor& front = chain.front();
  RawDescriptor& middle = chain[chain.size() / 2];
  RawDescriptor& back = chain.back();
  switch (defect_) {
    case ChainDefect::kLoop:
      back.flags |= guest::kDescNext;
      back.next = first;
      break;
    case ChainDefect::kSelfLoop:
      back.flags |= guest::kDescNext;
      back.next = static_cast<uint16_t>(first + chain.size() - 1);
      break;
    case ChainDefect::kNextOutOfRange:
      front.flags |= guest::kDescNext;
      front.next = static_cast<uint16_t>(table_size);
      break;
    case ChainDefect::kReadableAfterWritable:
      // The contents turn round, the links stay.
      for (size_t i = 0, j = chain.size() - 1; i < j; ++i, --j) {
        std::swap(chain[i].address, chain[j].address);
        std::swap(chain[i].length, chain[j].length);
        const uint16_t flip = (chain[i].flags ^ chain[j].flags) & guest::kDescWrite;
        chain[i].flags ^= flip;
        chain[j].flags ^= flip;
      }
      break;
    case ChainDefect::kZeroLength:
      middle.length = 0;
      break;
    case ChainDefect::kHugeLength:
      middle.length = UINT32_MAX;
      break;
    case ChainDefect::kAddressInHole:
      middle.address = kHole;
      break;
    case ChainDefect::kAddressWraps:
      middle.address = UINT64_MAX - 15;
      middle.length = std::max<uint32_t>(middle.length, 512);
      break;
    case ChainDefect::kWriteFlagFlipped:
      back.flags ^= guest::kDescWrite;
      break;
    case ChainDefect::kUnknownFlags:
      front.flags |=
          static_cast<uint16_t>(~(guest::kDescNext | guest::kDescWrite | guest::kDescIndirect));
      break;
    case ChainDefect::kIndirectNested:
      middle.flags |= guest::kDescIndirect;
      break;
    default:
      break;
  }
}

RawDescriptor ChainBuilder::IndirectDescriptor(uint16_t first) const {
  RawDescriptor descriptor = {
      .address = table_,
      .length = static_cast<uint32_t>(pieces_.size() * sizeof(guest::RingDescriptor)),
      .flags = guest::kDescIndirect};
  switch (defect_) {
    case ChainDefect::kIndirectAndNext:
      descriptor.flags |= guest::kDescNext;
      descriptor.next = static_cast<uint16_t>(first + 1);
      break;
    case ChainDefect::kIndirectEmpty:
      descriptor.length = 0;
      break;
    case ChainDefect::kIndirectOddLength:
      descriptor.length -= 1;
      break;
    case ChainDefect::kIndirectTooShort:
      descriptor.length -= sizeof(guest::RingDescriptor);
      break;
    case ChainDefect::kIndirectInHole:
      descriptor.address = kHole;
      break;
    case ChainDefect::kIndirectHuge:
      descriptor.length = UINT32_MAX - 15;
      break;
    default:
      break;
  }
  return descriptor;
}

uint16_t ChainBuilder::Place(RawRing& ring, uint16_t first) const {
  PLATTER_CHECK(!pieces_.empty());
  PLATTER_CHECK(table_ != 0 || !NeedsIndirect(defect_));
  const uint16_t size = ring.layout().size;
  if (table_ != 0) {
    const auto chain = Build(0, static_cast<uint32_t>(pieces_.size()));
    for (uint32_t i = 0; i < chain.size(); ++i) ring.SetDescriptorAt(table_, i, chain[i]);
    PLATTER_CHECK(first < size);
    ring.SetDescriptor(first, IndirectDescriptor(first));
  } else {
    PLATTER_CHECK(first + pieces_.size() <= size);
    const auto chain = Build(first, size);
    for (uint32_t i = 0; i < chain.size(); ++i) ring.SetDescriptor(first + i, chain[i]);
  }
  return defect_ == ChainDefect::kHeadOutOfRange ? size : first;
}

}  // namespace platter
