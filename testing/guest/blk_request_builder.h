// SPDX-License-Identifier: Apache-2.0
//
// BlkRequestBuilder: a virtio-blk request in guest language, right or wrong on purpose.
//
//   BlkRequestBuilder request(bus, scratch);
//   request.In(8).To(buffer, 4096);
//   ring.MakeAvailable(request.Chain().Place(ring, 0));
//   ... request.Status() == guest::kBlkOk
//
// Ownership: the bus outlives it. `scratch` is kScratchBytes of guest memory for header, ranges
//   and status, in use until the request is done. Threading: as the bus.
// Units: sectors of 512 bytes, lengths in bytes. Errors: none; anything may be asked for.

#ifndef PLATTER_TESTING_GUEST_BLK_REQUEST_BUILDER_H_
#define PLATTER_TESTING_GUEST_BLK_REQUEST_BUILDER_H_

#include <cstdint>
#include <vector>

#include "testing/guest/chain_builder.h"
#include "testing/guest/guest_bus.h"
#include "testing/guest/virtio_spec.h"

namespace platter {

class BlkRequestBuilder {
 public:
  static constexpr uint32_t kScratchBytes = 1024;
  static constexpr uint32_t kMaxRanges = 32;

  BlkRequestBuilder(GuestBus& bus, uint64_t scratch) : bus_(bus), scratch_(scratch) {}

  // --- What is asked for. ---
  BlkRequestBuilder& In(uint64_t sector) { return Type(guest::kBlkIn).Sector(sector); }
  BlkRequestBuilder& Out(uint64_t sector) { return Type(guest::kBlkOut).Sector(sector); }
  BlkRequestBuilder& Flush() { return Type(guest::kBlkFlush); }
  BlkRequestBuilder& GetId() { return Type(guest::kBlkGetId); }
  BlkRequestBuilder& Discard() { return Type(guest::kBlkDiscard); }
  BlkRequestBuilder& WriteZeroes() { return Type(guest::kBlkWriteZeroes); }
  BlkRequestBuilder& Type(uint32_t type);
  BlkRequestBuilder& Sector(uint64_t sector);
  // A range of Discard or WriteZeroes; up to kMaxRanges.
  BlkRequestBuilder& Range(uint64_t sector, uint32_t sectors, uint32_t flags = 0);

  // --- Where the data is; several calls make several pieces. ---
  BlkRequestBuilder& To(uint64_t address, uint32_t bytes);    // The device writes.
  BlkRequestBuilder& From(uint64_t address, uint32_t bytes);  // The device reads.

  // --- Departures from the usual layout (virtio 1.3, 2.7.4.2: framing is free). ---
  // The header's first `bytes` only (0: none), or more than there is.
  BlkRequestBuilder& HeaderBytes(uint32_t bytes);
  // The header in two descriptors, the first with `bytes`.
  BlkRequestBuilder& SplitHeaderAt(uint32_t bytes);
  // A status of 0 (none) or more bytes; the device writes the last one.
  BlkRequestBuilder& StatusBytes(uint32_t bytes);

  // The chain so far; writes header and ranges to memory and sets the status to kBlkNotWritten.
  ChainBuilder Chain() const;
  // What stands in the status byte now.
  uint8_t Status() const;

 private:
  static constexpr uint32_t kStatusOffset = 32;
  static constexpr uint32_t kRangesOffset = 512;
  struct Data {
    GuestSegment segment;
    bool writable;
  };

  uint64_t StatusAddress() const;

  GuestBus& bus_;
  const uint64_t scratch_;
  guest::BlkHeader header_;
  std::vector<guest::BlkRange> ranges_;
  std::vector<Data> data_;
  uint32_t header_bytes_ = sizeof(guest::BlkHeader);
  uint32_t split_at_ = 0;
  uint32_t status_bytes_ = 1;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_BLK_REQUEST_BUILDER_H_
