// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/control_queue.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "devices/virtio/chain_memory.h"

namespace platter {

namespace {

template <typename T>
T FromBytes(std::span<const uint8_t> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template <typename T>
std::span<const uint8_t> ToBytes(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

}  // namespace

QueueWork VirtioScsiControlQueue::Work() {
  if (shared_.is_dropping()) return QueueWork::kWaiting;
  Virtqueue& ring = queue_.ring();
  QueueWork left = QueueWork::kMore;
  for (uint32_t taken = 0; taken < kBudget; ++taken) {
    Chain chain;
    if (ring.Pop(&chain) != PopResult::kChain) {
      left = QueueWork::kAll;
      break;
    }
    Start(chain);
  }
  Publish();
  return left;
}

std::vector<uint16_t> VirtioScsiControlQueue::Save() const {
  std::vector<uint16_t> heads;
  for (const Pending& pending : pending_) heads.push_back(pending.head);
  return heads;
}

void VirtioScsiControlQueue::Restore(uint16_t head) {
  Chain chain;
  if (!queue_.ring().Lookup(head, &chain)) return;
  Start(chain);
  Publish();
}

VirtioScsiControlQueue::PendingRef VirtioScsiControlQueue::Keep(const Chain& chain) {
  Pending pending = {.head = chain.head, .writable = {}, .writable_bytes = 0};
  for (const ChainBuffer& buffer : chain.writable) {
    if (pending.writable_bytes >= sizeof(VirtioScsiNotificationResponse)) break;
    pending.writable.push_back(buffer);
    pending.writable_bytes += buffer.bytes;
  }
  return pending_.insert(pending_.end(), std::move(pending));
}

void VirtioScsiControlQueue::Start(const Chain& chain) {
  std::array<uint8_t, sizeof(VirtioScsiTmfRequest)> front{};
  const auto bytes = std::min<uint64_t>(chain.readable_bytes, front.size());
  const bool read =
      ReadFront(queue_.ring().memory(), chain.readable, std::span(front).first(bytes));
  const auto type = static_cast<VirtioScsiControlType>(FromBytes<Le32>(front).get());
  PendingRef pending = Keep(chain);
  if (read && type == VirtioScsiControlType::kTaskManagement &&
      bytes >= sizeof(VirtioScsiTmfRequest)) {
    return StartTaskManagement(pending, FromBytes<VirtioScsiTmfRequest>(front));
  }
  if (read && (type == VirtioScsiControlType::kNotificationQuery ||
               type == VirtioScsiControlType::kNotificationSubscribe)) {
    if (bytes >= sizeof(VirtioScsiNotificationRequest)) {
      return Notification(pending, FromBytes<VirtioScsiNotificationRequest>(front));
    }
    // Its answer has the form of its type (5.6.6.2), whatever else is wrong.
    VirtioScsiNotificationResponse answer;
    answer.response = static_cast<uint8_t>(VirtioScsiResponse::kFailure);
    return Put(pending, ToBytes(answer));
  }
  Respond(pending, VirtioScsiResponse::kFailure);
}

VirtioScsiResponse VirtioScsiControlQueue::Locate(const ParsedLun& lun) {
  if (lun.kind == ParsedLun::Kind::kNothing || lun.kind == ParsedLun::Kind::kReports ||
      !host_.HasTarget(lun.address.target)) {
    return VirtioScsiResponse::kBadTarget;
  }
  if (lun.kind != ParsedLun::Kind::kUnit || !host_.HasUnit(lun.address)) {
    return VirtioScsiResponse::kIncorrectLun;
  }
  return VirtioScsiResponse::kOk;
}

void VirtioScsiControlQueue::StartTaskManagement(PendingRef pending,
                                                 const VirtioScsiTmfRequest& request) {
  using enum VirtioScsiTaskManagement;
  const auto function = static_cast<VirtioScsiTaskManagement>(request.subtype.get());
  const ParsedLun lun = ParseLun(request.lun);
  const VirtioScsiResponse where = Locate(lun);
  // A nexus is with the target, so the LUN does not matter.
  const bool whole_target = function == kNexusReset;
  if (where != VirtioScsiResponse::kOk &&
      !(whole_target && where == VirtioScsiResponse::kIncorrectLun)) {
    return Respond(pending, where);
  }
  ScsiTaskFilter filter = {.target = lun.address.target};
  if (!whole_target) filter.lun = lun.address.lun;
  switch (function) {
    case kAbortTask:
      filter.tag = request.id.get();
      return StartCancel(pending, filter, VirtioScsiResponse::kAborted);
    case kAbortTaskSet:
    case kClearTaskSet:  // One initiator: the task set is what it has sent.
      return StartCancel(pending, filter, VirtioScsiResponse::kAborted);
    case kNexusReset:
      return StartReset(pending, filter, SenseCode::kNexusLoss);
    case kUnitReset:
      return StartReset(pending, filter, SenseCode::kBusDeviceReset);
    case kQueryTask:
      filter.tag = request.id.get();
      return StartQuery(pending, filter);
    case kQueryTaskSet:
      return StartQuery(pending, filter);
    case kClearAca:  // No unit has NORMACA.
      break;
  }
  Respond(pending, VirtioScsiResponse::kFunctionRejected);
}

void VirtioScsiControlQueue::StartCancel(PendingRef pending, const ScsiTaskFilter& filter,
                                         VirtioScsiResponse response) {
  host_.CancelTasks(filter, response, [this, pending] {
    // SAM-5, 7.2: also when there was nothing to abort.
    Respond(pending, VirtioScsiResponse::kOk);
    Publish();
  });
}

void VirtioScsiControlQueue::StartReset(PendingRef pending, const ScsiTaskFilter& filter,
                                        SenseCode why) {
  host_.CancelTasks(filter, VirtioScsiResponse::kReset, [this, pending, filter, why] {
    host_.ResetUnits(filter, why);
    Respond(pending, VirtioScsiResponse::kOk);
    Publish();
  });
}

void VirtioScsiControlQueue::StartQuery(PendingRef pending, const ScsiTaskFilter& filter) {
  host_.LookForTasks(filter, [this, pending](bool found) {
    Respond(pending, found ? VirtioScsiResponse::kFunctionSucceeded : VirtioScsiResponse::kOk);
    Publish();
  });
}

void VirtioScsiControlQueue::Notification(PendingRef pending,
                                          const VirtioScsiNotificationRequest& request) {
  const ParsedLun lun = ParseLun(request.lun);
  VirtioScsiNotificationResponse answer;
  const VirtioScsiResponse where = Locate(lun);
  answer.response = static_cast<uint8_t>(where);
  if (where == VirtioScsiResponse::kOk) {
    const uint32_t events = host_.NotificationsOf(lun.address) & request.event_requested.get();
    answer.event_actual = events;
    if (static_cast<VirtioScsiControlType>(request.type.get()) ==
        VirtioScsiControlType::kNotificationSubscribe) {
      host_.Subscribe(lun.address, events);
    }
  }
  Put(pending, ToBytes(answer));
}

void VirtioScsiControlQueue::Respond(PendingRef pending, VirtioScsiResponse response) {
  const auto byte = static_cast<uint8_t>(response);
  Put(pending, {&byte, 1});
}

void VirtioScsiControlQueue::Put(PendingRef pending, std::span<const uint8_t> answer) {
  Virtqueue& ring = queue_.ring();
  const uint16_t head = pending->head;
  const bool written =
      !ring.broken() && pending->writable_bytes >= answer.size() &&
      WriteChain(ring.memory(), {.buffers = pending->writable, .skip = 0, .bytes = answer.size()},
                 answer);
  pending_.erase(pending);
  if (written) return ring.PushUsed(head, static_cast<uint32_t>(answer.size()));
  ring.Drop(head);
  queue_.Break("a control request without room for a response");
}

void VirtioScsiControlQueue::Publish() {
  if (queue_.ring().Publish()) shared_.transport->InterruptQueue(queue_.index());
  queue_.CheckStopped();
}

}  // namespace platter
