// SPDX-License-Identifier: Apache-2.0
//
// What a request asks for: header, status, data and ranges, each copied or mapped once and checked
// before anything is done (virtio 1.3, 5.2.6).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/arith.h"
#include "devices/virtio/virtio_blk_lane.h"

namespace platter {

namespace {

constexpr uint64_t kStatusBytes = 1;
// Sectors beyond this do not fit a 64-bit byte offset.
constexpr uint64_t kMaxSector = UINT64_MAX / kSectorSize;

}  // namespace

bool VirtioBlkLane::FindStatus(MemoryCursor& memory, VirtioBlkRequest& request,
                               const Chain& chain) {
  if (chain.writable.empty()) return false;
  const ChainBuffer& last = chain.writable.back();
  const std::optional<uint64_t> address = CheckedAdd(last.address, last.bytes - kStatusBytes);
  if (!address) return false;
  request.status_address = *address;
  request.status_host = memory.TryMap(*address, kStatusBytes, DmaAccess::kDeviceWrites);
  return request.status_host != nullptr ||
         memory.memory().Contains(*address, kStatusBytes, DmaAccess::kDeviceWrites);
}

VirtioBlkLane::Taken VirtioBlkLane::Start(VirtioBlkQueueState& queue, VirtioBlkRequest& request,
                                          const Chain& chain) {
  MemoryCursor& memory = queue.queue.ring().memory();
  VirtioBlkHeader header;
  // Without a place for the status there is no way to answer; the field resets the device then.
  if (!ReadFront(memory, chain.readable, {reinterpret_cast<uint8_t*>(&header), sizeof(header)})) {
    queue.queue.Break("a request without a readable header");
    return Taken::kBroken;
  }
  if (!FindStatus(memory, request, chain)) {
    queue.queue.Break("a request without a writable status byte");
    return Taken::kBroken;
  }
  request.data_written = 0;
  request.flags = IoFlags::kNone;
  switch (static_cast<VirtioBlkType>(header.type.get())) {
    case VirtioBlkType::kIn:
      return StartTransfer(request, chain, IoOp::kRead, header.sector.get());
    case VirtioBlkType::kOut:
      return StartTransfer(request, chain, IoOp::kWrite, header.sector.get());
    case VirtioBlkType::kFlush:
      request.op = IoOp::kFlush;
      request.offset = request.bytes = 0;
      request.iov = nullptr;
      request.iov_count = 0;
      channel_->Submit(request);
      return Taken::kGoesOn;
    case VirtioBlkType::kGetId:
      return StartGetId(request, chain);
    case VirtioBlkType::kDiscard:
      if ((shared_.features & kVirtioBlkFDiscard) == 0) break;
      return StartRanges(request, chain, IoOp::kDiscard);
    case VirtioBlkType::kWriteZeroes:
      if ((shared_.features & kVirtioBlkFWriteZeroes) == 0) break;
      return StartRanges(request, chain, IoOp::kWriteZeroes);
  }
  Finish(request, VirtioBlkStatus::kUnsupported, 0);
  return Taken::kGoesOn;
}

VirtioBlkLane::Taken VirtioBlkLane::Refuse(VirtioBlkRequest& request, VirtioBlkStatus status,
                                           IoOp op) {
  channel_->CountInvalid(op);
  Finish(request, status, 0);
  return Taken::kGoesOn;
}

bool VirtioBlkLane::RangeIsValid(uint64_t sector, uint64_t bytes) const {
  // I3: 64-bit and checked before the shift; R-BLK-05.
  if (sector > kMaxSector) return false;
  const uint64_t offset = sector * kSectorSize;
  return IsAligned(offset | bytes, shared_.logical_block_size) &&
         RangeFits(offset, bytes, shared_.capacity.load(std::memory_order_relaxed));
}

VirtioBlkLane::Taken VirtioBlkLane::StartTransfer(VirtioBlkRequest& request, const Chain& chain,
                                                  IoOp op, uint64_t sector) {
  const bool reads = op == IoOp::kRead;
  ChainRange range;
  if (reads) {
    range = {.buffers = chain.writable, .skip = 0, .bytes = chain.writable_bytes - kStatusBytes};
  } else {
    range = {.buffers = chain.readable,
             .skip = sizeof(VirtioBlkHeader),
             .bytes = chain.readable_bytes - sizeof(VirtioBlkHeader)};
  }
  // A write on an offered RO fails whatever the driver acknowledged (R-VQ-18).
  if (!RangeIsValid(sector, range.bytes) || (!reads && shared_.read_only)) [[unlikely]] {
    return Refuse(request, VirtioBlkStatus::kIoError, op);
  }
  if (range.bytes == 0) [[unlikely]] {
    Finish(request, VirtioBlkStatus::kOk, 0);
    return Taken::kGoesOn;
  }
  const DmaAccess access = reads ? DmaAccess::kDeviceWrites : DmaAccess::kDeviceReads;
  MemoryCursor& memory = request.queue->queue.ring().memory();
  switch (mapper_.Map(memory, range, access, request.data)) {
    case ChainDataMapper::Result::kMapped:
      break;
    case ChainDataMapper::Result::kWaits:
      return Taken::kWaits;
    case ChainDataMapper::Result::kRefused:
      return Refuse(request, VirtioBlkStatus::kIoError, op);
  }
  const std::span<const iovec> pieces = request.data.pieces();
  request.iov = pieces.data();
  request.iov_count = static_cast<uint32_t>(pieces.size());
  request.op = op;
  request.offset = sector * kSectorSize;
  request.bytes = range.bytes;
  if (reads) request.data_written = static_cast<uint32_t>(range.bytes);
  channel_->Submit(request);
  return Taken::kGoesOn;
}

VirtioBlkLane::Taken VirtioBlkLane::StartGetId(VirtioBlkRequest& request, const Chain& chain) {
  const uint64_t room = chain.writable_bytes - kStatusBytes;
  const auto bytes = static_cast<uint32_t>(std::min<uint64_t>(room, kVirtioBlkIdBytes));
  MemoryCursor& memory = request.queue->queue.ring().memory();
  const bool copied = WriteChain(memory, {.buffers = chain.writable, .skip = 0, .bytes = bytes},
                                 std::span(shared_.serial).first(bytes));
  Finish(request, copied ? VirtioBlkStatus::kOk : VirtioBlkStatus::kIoError, copied ? bytes : 0);
  return Taken::kGoesOn;
}

VirtioBlkLane::Taken VirtioBlkLane::StartRanges(VirtioBlkRequest& request, const Chain& chain,
                                                IoOp op) {
  const uint64_t bytes = chain.readable_bytes - sizeof(VirtioBlkHeader);
  const uint64_t count = bytes / sizeof(VirtioBlkSegment);
  if (bytes % sizeof(VirtioBlkSegment) != 0 || count == 0 || count > kVirtioBlkMaxSegments) {
    return Refuse(request, VirtioBlkStatus::kIoError, op);
  }
  MemoryCursor& memory = request.queue->queue.ring().memory();
  request.segments = static_cast<VirtioBlkSegment*>(
      context_.buffers().Allocate(kVirtioBlkMaxSegments * sizeof(VirtioBlkSegment)));
  request.segment_count = static_cast<uint32_t>(count);
  request.next_segment = 0;
  if (!ReadChain(memory,
                 {.buffers = chain.readable, .skip = sizeof(VirtioBlkHeader), .bytes = bytes},
                 {reinterpret_cast<uint8_t*>(request.segments), bytes})) {
    return Refuse(request, VirtioBlkStatus::kIoError, op);
  }
  const VirtioBlkStatus status = CheckRanges(request, op);
  if (status != VirtioBlkStatus::kOk) return Refuse(request, status, op);
  request.op = op;
  if (!SubmitNextRange(request)) Finish(request, VirtioBlkStatus::kOk, 0);
  return Taken::kGoesOn;
}

VirtioBlkStatus VirtioBlkLane::CheckRanges(const VirtioBlkRequest& request, IoOp op) const {
  const std::span segments(request.segments, request.segment_count);
  // 5.2.6.2: flags first; all of them before anything is done.
  const uint32_t known = op == IoOp::kWriteZeroes ? kVirtioBlkSegmentUnmap : 0;
  for (const VirtioBlkSegment& segment : segments) {
    if ((segment.flags.get() & ~known) != 0) return VirtioBlkStatus::kUnsupported;
  }
  if (shared_.read_only) return VirtioBlkStatus::kIoError;
  for (const VirtioBlkSegment& segment : segments) {
    if (segment.sectors.get() > kVirtioBlkMaxSegmentSectors ||
        !RangeIsValid(segment.sector.get(), uint64_t{segment.sectors.get()} * kSectorSize)) {
      return VirtioBlkStatus::kIoError;
    }
  }
  return VirtioBlkStatus::kOk;
}

bool VirtioBlkLane::SubmitNextRange(VirtioBlkRequest& request) {
  while (request.next_segment < request.segment_count) {
    const VirtioBlkSegment& segment = request.segments[request.next_segment++];
    if (segment.sectors.get() == 0) continue;
    const bool unmap = (segment.flags.get() & kVirtioBlkSegmentUnmap) != 0;
    request.flags = unmap ? IoFlags::kMayUnmap : IoFlags::kNone;
    request.offset = segment.sector.get() * kSectorSize;
    request.bytes = uint64_t{segment.sectors.get()} * kSectorSize;
    request.iov = nullptr;
    request.iov_count = 0;
    channel_->Submit(request);
    return true;
  }
  return false;
}

}  // namespace platter
