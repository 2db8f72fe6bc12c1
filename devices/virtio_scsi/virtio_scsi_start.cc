// SPDX-License-Identifier: Apache-2.0
//
// What a request asks for: header and CDB, copied once; where response and data are; and whom it
// goes to (virtio 1.3, 5.6.6.1).

#include <algorithm>
#include <array>
#include <cstring>

#include "devices/virtio_scsi/virtio_scsi_lane.h"

namespace platter {

using Mapped = ChainDataMapper::Result;

VirtioScsiLane::Taken VirtioScsiLane::Start(VirtioScsiQueueState& queue, VirtioScsiRequest& request,
                                            const Chain& chain) {
  // R-SCSI-10: the sizes once per request, whatever the driver writes meanwhile.
  const VirtioScsiSizes sizes = shared_.sizes.load(std::memory_order_relaxed);
  request.status = ScsiStatus::kGood;
  request.sense = {};
  request.transferred = 0;
  request.overrun = false;
  request.unit = nullptr;
  request.address = {};
  request.cancelled = false;
  request.cancelled_as = VirtioScsiResponse::kAborted;
  request.data_is_in = false;
  request.data_bytes = 0;
  request.data_in = {};
  request.data_out = {};
  const uint64_t bytes = std::min<uint64_t>(
      chain.writable_bytes, sizeof(VirtioScsiResponseHeader) + uint64_t{sizes.sense});
  if (bytes < sizeof(VirtioScsiResponseHeader)) {
    queue.queue.Break("a request without room for a response");
    return Taken::kBroken;
  }
  switch (mapper_.Map(queue.queue.ring().memory(),
                      {.buffers = chain.writable, .skip = 0, .bytes = bytes},
                      DmaAccess::kDeviceWrites, request.response)) {
    case Mapped::kMapped:
      break;
    case Mapped::kWaits:
      return Taken::kWaits;
    case Mapped::kRefused:
      queue.queue.Break("a request whose response is not in memory");
      return Taken::kBroken;
  }
  request.sense_size = static_cast<uint32_t>(bytes - sizeof(VirtioScsiResponseHeader));
  return StartCommand(request, chain, sizes);
}

VirtioScsiLane::Taken VirtioScsiLane::Refuse(VirtioScsiRequest& request,
                                             VirtioScsiResponse response) {
  Answer(request, response);
  return Taken::kGoesOn;
}

bool VirtioScsiLane::ReadRequest(VirtioScsiRequest& request, const Chain& chain, uint32_t cdb_size,
                                 ParsedLun* lun) {
  std::array<uint8_t, sizeof(VirtioScsiRequestHeader) + Cdb::kMaxBytes> front;
  // Of longer CDBs the rest is skipped: no command here has so much.
  const size_t bytes = sizeof(VirtioScsiRequestHeader) + std::min<size_t>(cdb_size, Cdb::kMaxBytes);
  if (!ReadFront(request.queue->queue.ring().memory(), chain.readable,
                 std::span(front).first(bytes))) {
    return false;
  }
  VirtioScsiRequestHeader header;
  std::memcpy(&header, front.data(), sizeof(header));
  request.tag = header.id.get();
  request.cdb = Cdb(std::span(front).first(bytes).subspan(sizeof(header)));
  *lun = ParseLun(header.lun);
  request.address = lun->address;
  return true;
}

VirtioScsiLane::Taken VirtioScsiLane::StartCommand(VirtioScsiRequest& request, const Chain& chain,
                                                   const VirtioScsiSizes& sizes) {
  const uint64_t request_bytes = sizeof(VirtioScsiRequestHeader) + uint64_t{sizes.cdb};
  const uint64_t response_bytes = sizeof(VirtioScsiResponseHeader) + uint64_t{sizes.sense};
  ParsedLun lun;
  // R-SCSI-26: too short a request has an answer, and no more than that.
  if (chain.readable_bytes < request_bytes || chain.writable_bytes < response_bytes ||
      !ReadRequest(request, chain, sizes.cdb, &lun)) [[unlikely]] {
    return Refuse(request, VirtioScsiResponse::kFailure);
  }
  const uint64_t out = chain.readable_bytes - request_bytes;
  const uint64_t in = chain.writable_bytes - response_bytes;
  request.data_bytes = out + in;
  // 5.6.6.1.1: without F_INOUT, data goes one way.
  if (out != 0 && in != 0) [[unlikely]]
    return Refuse(request, VirtioScsiResponse::kFailure);
  if (lun.kind == ParsedLun::Kind::kNothing ||
      (lun.kind != ParsedLun::Kind::kReports && units_.Target(lun.address.target).empty()))
      [[unlikely]] {
    return Refuse(request, VirtioScsiResponse::kBadTarget);
  }
  Taken taken = Taken::kGoesOn;
  if (in != 0) {
    taken = MapData(request, {.buffers = chain.writable, .skip = response_bytes, .bytes = in},
                    DmaAccess::kDeviceWrites);
  } else if (out != 0) {
    taken = MapData(request, {.buffers = chain.readable, .skip = request_bytes, .bytes = out},
                    DmaAccess::kDeviceReads);
  }
  if (taken == Taken::kBroken) [[unlikely]]
    return Refuse(request, VirtioScsiResponse::kFailure);
  if (taken == Taken::kGoesOn) [[likely]]
    Execute(request, lun, sizes.cdb);
  return taken;
}

// kBroken: it can't be mapped.
VirtioScsiLane::Taken VirtioScsiLane::MapData(VirtioScsiRequest& request, const ChainRange& range,
                                              DmaAccess access) {
  MemoryCursor& memory = request.queue->queue.ring().memory();
  const Mapped mapped = mapper_.Map(memory, range, access, request.data);
  if (mapped == Mapped::kWaits &&
      mapper_.bounce_bytes() > request.response.bounced_bytes()) {  // Others have some.
    mapper_.Undo(request.response);
    return Taken::kWaits;
  }
  if (mapped != Mapped::kMapped) return Taken::kBroken;
  const ScsiBuffer buffer = {.pieces = request.data.pieces(), .bytes = range.bytes};
  request.data_is_in = access == DmaAccess::kDeviceWrites;
  (request.data_is_in ? request.data_in : request.data_out) = buffer;
  return Taken::kGoesOn;
}

void VirtioScsiLane::Execute(VirtioScsiRequest& request, const ParsedLun& lun, uint32_t cdb_size) {
  VirtioScsiUnitLane* unit =
      lun.kind == ParsedLun::Kind::kUnit ? units_.Find(lun.address) : nullptr;
  if (request.cdb.ExpectedBytes() > cdb_size) [[unlikely]] {
    // R-SCSI-01: what is missing is not made up.
    request.status = ScsiStatus::kCheckCondition;
    request.sense = IllegalRequest(SenseCode::kInvalidFieldInCdb);
  } else if (request.cdb.opcode() == static_cast<uint8_t>(ScsiOpcode::kReportLuns)) [[unlikely]] {
    ReportLuns(request, lun);
  } else if (unit != nullptr) [[likely]] {
    request.unit = unit;
    Plug(*unit);
    const Execution execution =
        restoring_ ? unit->lane.ExecuteAgain(request, kNexus) : unit->lane.Execute(request, kNexus);
    if (execution == Execution::kGoesOn) return;
  } else if (lun.kind == ParsedLun::Kind::kUnit) {
    AnswerForAbsentUnit(request);
  } else {
    AnswerForWellKnownUnit(request);
  }
  Finish(request);
}

void VirtioScsiLane::ReportLuns(VirtioScsiRequest& request, const ParsedLun& lun) {
  if (lun.kind == ParsedLun::Kind::kReports) {
    LunList list(request, units_.size());
    for (uint32_t target = 0; target < kMaxScsiTargets; ++target) {
      for (const auto& entry : units_.Target(static_cast<uint8_t>(target))) {
        list.Add(EncodeLun({.target = static_cast<uint8_t>(target), .lun = entry.lun}));
      }
    }
    return;
  }
  const auto entries = units_.Target(lun.address.target);
  LunList list(request, entries.size());
  for (const auto& entry : entries) {
    list.Add(SingleLevelLun(entry.lun));
    // SPC-4, 6.33: who has seen the list need not be told that it changed.
    entry.unit->lane.unit().attentions().Forget(SenseCode::kReportedLunsDataChanged, kNexus);
  }
}

}  // namespace platter
