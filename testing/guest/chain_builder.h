// SPDX-License-Identifier: Apache-2.0
//
// ChainBuilder: descriptor chains, well-formed or broken on purpose, for tests, fuzzers and
// benchmarks. It builds and returns; what must follow is the caller's to assert.
//
//   ring.MakeAvailable(ChainBuilder()
//                          .Readable(header, 16)
//                          .Writable(buffer, 4096)
//                          .Writable(status, 1)
//                          .With(ChainDefect::kLoop)
//                          .Place(ring, /*first=*/0));
//
// Ownership: a value; Place writes the ring's table and the indirect table, nothing else.
// Threading: as the ring's bus. Units: bytes; indices count descriptors. Errors: none.

#ifndef PLATTER_TESTING_GUEST_CHAIN_BUILDER_H_
#define PLATTER_TESTING_GUEST_CHAIN_BUILDER_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "testing/guest/raw_ring.h"

namespace platter {

// How a chain breaks the rules of virtio 1.3, 2.7.5. kZeroLength is legal but rare.
enum class ChainDefect : uint8_t {
  kNone,
  kLoop,                   // The last descriptor leads back to the first.
  kSelfLoop,               // The last descriptor leads to itself.
  kNextOutOfRange,         // The first descriptor leads beyond the table.
  kHeadOutOfRange,         // The head returned is beyond the ring.
  kReadableAfterWritable,  // The order of the parts is turned round.
  kZeroLength,             // The middle descriptor has no bytes.
  kHugeLength,             // The middle descriptor has 2^32 - 1 bytes.
  kAddressInHole,          // The middle descriptor points to no memory.
  kAddressWraps,           // Address and length of the middle one pass 2^64.
  kWriteFlagFlipped,       // The last descriptor's direction is the wrong one.
  kUnknownFlags,           // Every reserved flag of the first one is set.
  // The ones below make the chain indirect when it is not (Place needs a table then).
  kIndirectAndNext,    // The ring's descriptor has INDIRECT and NEXT.
  kIndirectNested,     // A descriptor of the table is itself INDIRECT.
  kIndirectEmpty,      // The table has no bytes.
  kIndirectOddLength,  // The table's length is no multiple of 16.
  kIndirectTooShort,   // The table ends before the chain does.
  kIndirectInHole,     // The table is in no memory.
  kIndirectHuge,       // The table has 2^32 - 16 bytes.
};
inline constexpr int kChainDefectCount = static_cast<int>(ChainDefect::kIndirectHuge) + 1;

std::string_view NameOf(ChainDefect defect);
// Whether a device must be able to work with such a chain.
constexpr bool IsLegal(ChainDefect defect) {
  return defect == ChainDefect::kNone || defect == ChainDefect::kZeroLength ||
         defect == ChainDefect::kUnknownFlags;
}
constexpr bool NeedsIndirect(ChainDefect defect) { return defect >= ChainDefect::kIndirectAndNext; }

class ChainBuilder {
 public:
  // An address where a simulated guest has no memory.
  static constexpr uint64_t kHole = uint64_t{0xdead} << 40;

  // Pieces in the order of the calls; nothing sorts them.
  ChainBuilder& Readable(uint64_t address, uint32_t bytes);
  ChainBuilder& Writable(uint64_t address, uint32_t bytes);
  ChainBuilder& Readable(std::span<const GuestSegment> segments);
  ChainBuilder& Writable(std::span<const GuestSegment> segments);
  // Puts the chain into an indirect table at `table`, with room for all pieces.
  ChainBuilder& Indirect(uint64_t table);
  ChainBuilder& With(ChainDefect defect);

  size_t size() const { return pieces_.size(); }

  // Writes the chain from descriptor `first` on (there is room: no wrap) and returns the head to
  // make available.
  uint16_t Place(RawRing& ring, uint16_t first) const;

 private:
  struct Piece {
    GuestSegment segment;
    bool writable;
  };

  // The descriptors, numbered from `first`, of a table with `table_size` entries.
  std::vector<RawDescriptor> Build(uint16_t first, uint32_t table_size) const;
  void Break(std::vector<RawDescriptor>& chain, uint16_t first, uint32_t table_size) const;
  RawDescriptor IndirectDescriptor(uint16_t first) const;

  std::vector<Piece> pieces_;
  uint64_t table_ = 0;
  ChainDefect defect_ = ChainDefect::kNone;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_CHAIN_BUILDER_H_
