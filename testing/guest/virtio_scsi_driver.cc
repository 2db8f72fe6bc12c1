// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_scsi_driver.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

// Nothing announces the end of a reset.
constexpr Duration kResetPoll = std::chrono::milliseconds(1);

constexpr uint64_t kKnownFeatures =
    guest::kFeatureIndirectDesc | guest::kFeatureEventIndex | guest::kFeatureVersion1 |
    guest::kScsiFeatureHotplug | guest::kScsiFeatureChange | guest::kFeatureRingPacked |
    guest::kFeatureInOrder | guest::kFeatureRingReset | guest::kFeatureNotificationData;

template <typename T>
std::span<uint8_t> BytesOf(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}
template <typename T>
std::span<const uint8_t> BytesOf(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

}  // namespace

VirtioScsiDriver::~VirtioScsiDriver() {
  listener_ = nullptr;
  Abandon();
}

absl::Status VirtioScsiDriver::Probe() {
  PLATTER_RETURN_IF_ERROR(transport_.Discover(guest::kScsiDeviceId));
  PLATTER_RETURN_IF_ERROR(Reset());
  features_ = transport_.DeviceFeatures() & kKnownFeatures & ~options_.refused_features;
  PLATTER_RETURN_IF_ERROR(transport_.AcceptFeatures(features_));
  transport_.ReadConfig(0, BytesOf(config_));
  PLATTER_RETURN_IF_ERROR(StartQueues());
  transport_.DriverOk();
  if (event_ring_->Publish()) Notify(guest::kScsiEventQueue, *event_ring_);
  return absl::OkStatus();
}

VirtioRing::Options VirtioScsiDriver::RingOptions(uint16_t queue) {
  const uint32_t size = std::min<uint32_t>(transport_.MaxQueueSize(queue), options_.queue_size);
  const bool packed = Has(guest::kFeatureRingPacked);
  return {.size = static_cast<uint16_t>(packed ? size : std::bit_floor(size)),
          .event_index = Has(guest::kFeatureEventIndex) ? EventIndex::kOn : EventIndex::kOff,
          .indirect_entries =
              Has(guest::kFeatureIndirectDesc) ? options_.indirect_entries : uint16_t{0},
          .format = packed ? RingFormat::kPacked : RingFormat::kSplit,
          .order = Has(guest::kFeatureInOrder) ? UseOrder::kInOrder : UseOrder::kAny};
}

absl::StatusOr<std::unique_ptr<VirtioRing>> VirtioScsiDriver::StartRing(uint16_t queue) {
  auto ring = VirtioRing::Create(bus_, RingOptions(queue));
  if (!ring.ok()) return ring.status();
  PLATTER_RETURN_IF_ERROR(transport_.StartQueue(queue, (*ring)->layout()));
  return ring;
}

absl::Status VirtioScsiDriver::StartQueues() {
  const auto last = static_cast<uint16_t>(
      guest::kScsiRequestQueue + std::min<uint32_t>(options_.queues, config_.num_queues.get()));
  if (transport_.MaxQueueSize(last - 1) == 0) {
    return absl::NotFoundError(absl::StrCat("the device has no queue ", last - 1));
  }
  auto control = StartRing(guest::kScsiControlQueue);
  if (!control.ok()) return control.status();
  control_ = *std::move(control);
  auto events = StartRing(guest::kScsiEventQueue);
  if (!events.ok()) return events.status();
  event_ring_ = *std::move(events);
  for (uint16_t i = guest::kScsiRequestQueue; i < last; ++i) {
    auto queue = VirtioScsiQueue::Create(bus_, RingOptions(i));
    if (!queue.ok()) return queue.status();
    queues_.push_back(*std::move(queue));
    PLATTER_RETURN_IF_ERROR(transport_.StartQueue(i, queues_.back()->ring().layout()));
  }
  const auto memory = bus_.Allocate(kControlSlots * kControlSlotBytes, 64);
  if (!memory.ok()) return memory.status();
  control_memory_ = *memory;
  slots_.assign(kControlSlots, {});
  const auto buffers =
      bus_.Allocate(std::max<uint64_t>(options_.event_buffers, 1) * sizeof(guest::ScsiEvent), 64);
  if (!buffers.ok()) return buffers.status();
  event_memory_ = *buffers;
  for (uint32_t i = 0; i < options_.event_buffers; ++i) GiveEventBuffer(i);
  return absl::OkStatus();
}

absl::Status VirtioScsiDriver::Reset() {
  BeginReset();
  return FinishReset();
}

absl::Status VirtioScsiDriver::FinishReset() {
  if (!bus_.PollFor([&] { return transport_.ResetDone(); }, kResetPoll, options_.timeout)) {
    return absl::DeadlineExceededError("the device does not finish its reset");
  }
  Abandon();
  return absl::OkStatus();
}

void VirtioScsiDriver::Abandon() {
  // The rings are ours again: what they hold was never answered.
  if (control_ != nullptr) {
    ReapControl();
    past_faults_ += control_->faults().total() + event_ring_->faults().total();
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].in_flight)
        ControlDone(i, {.event_actual = 0u, .response = guest::kScsiNotWritten});
    }
  }
  std::vector<std::unique_ptr<VirtioScsiQueue>> queues;
  queues.swap(queues_);
  for (const auto& queue : queues) {
    queue->Reap([&](uint64_t token, const ScsiQueueAnswer& answer) { Done(token, answer); });
    past_faults_ += queue->ring().faults().total();
    for (const uint64_t token : queue->InFlight()) Done(token, ScsiQueueAnswer());
  }
  control_.reset();
  event_ring_.reset();
  used_buffers_.clear();
  if (control_memory_ != 0) bus_.Free(std::exchange(control_memory_, 0));
  if (event_memory_ != 0) bus_.Free(std::exchange(event_memory_, 0));
}

// --- Commands. ---

void VirtioScsiDriver::Done(uint64_t token, const ScsiQueueAnswer& answer) {
  if ((token & kOwn) == 0) {
    if (listener_ != nullptr) listener_->OnScsiDone(token, answer);
  } else if (token == (kOwn | own_.id)) {
    own_.done = true;
    own_.answer.transport = answer.response;
    own_.answer.status = answer.status;
    own_.answer.residual = answer.residual;
    own_.answer.sense.assign(answer.sense.begin(), answer.sense.end());
  }
}

bool VirtioScsiDriver::Submit(uint16_t queue, const ScsiQueueCommand& command, uint64_t token) {
  return queues_[queue]->Submit(command, token);
}

void VirtioScsiDriver::Kick(uint16_t queue) {
  if (!queues_[queue]->Publish()) return;
  Notify(static_cast<uint16_t>(guest::kScsiRequestQueue + queue), queues_[queue]->ring());
}

void VirtioScsiDriver::Notify(uint16_t queue, const VirtioRing& ring) {
  if (!Has(guest::kFeatureNotificationData)) return transport_.Notify(queue);
  transport_.NotifyAt(queue, ring.next_place());
}

uint64_t VirtioScsiDriver::BeginOwn() {
  const uint64_t id = own_.id + 1;
  own_ = {};
  own_.id = id;
  return kOwn | id;
}

absl::Status VirtioScsiDriver::WaitForOwn(const char* what) {
  if (WaitUntil([&] { return own_.done; }, options_.timeout)) return absl::OkStatus();
  if (transport_.Gone()) return absl::UnavailableError("the device is gone");
  if (transport_.NeedsReset()) return absl::InternalError("the device needs a reset");
  return absl::DeadlineExceededError(absl::StrCat("no answer to ", what));
}

absl::StatusOr<ScsiAnswer> VirtioScsiDriver::Execute(uint16_t queue, const guest::ScsiLun& lun,
                                                     std::span<const uint8_t> cdb,
                                                     std::span<const uint8_t> out,
                                                     size_t in_bytes) {
  if (queue >= queues_.size()) {
    return absl::FailedPreconditionError(absl::StrCat("queue ", queue, " is not started"));
  }
  const size_t bytes = std::max(out.size(), in_bytes);
  const auto buffer = bus_.Allocate(bytes, 4096);
  if (!buffer.ok()) return buffer.status();
  if (!out.empty()) bus_.Write(*buffer, out);
  const GuestSegment segment = {*buffer, static_cast<uint32_t>(bytes)};
  const uint64_t token = BeginOwn();
  ScsiQueueCommand command = {.lun = lun, .tag = token, .cdb = cdb};
  if (!out.empty()) command.out = std::span(&segment, 1);
  if (in_bytes != 0) command.in = std::span(&segment, 1);
  if (!Submit(queue, command, token)) {
    bus_.Free(*buffer);
    return absl::ResourceExhaustedError(absl::StrCat("queue ", queue, " is full"));
  }
  Kick(queue);
  // After an error the buffer stays: the device may still write there.
  PLATTER_RETURN_IF_ERROR(WaitForOwn("a SCSI command"));
  if (own_.answer.transport == 0 && own_.answer.residual < in_bytes) {
    own_.answer.data.resize(in_bytes - own_.answer.residual);
    bus_.Read(*buffer, own_.answer.data);
  }
  bus_.Free(*buffer);
  return own_.answer;
}

// --- The control queue. ---

bool VirtioScsiDriver::StartControl(std::span<const uint8_t> request, uint32_t response_bytes,
                                    bool is_function, uint64_t token) {
  const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                 [](const ControlSlot& candidate) { return !candidate.in_flight; });
  if (slot == slots_.end()) return false;
  const auto index = static_cast<uint64_t>(slot - slots_.begin());
  const uint64_t address = control_memory_ + index * kControlSlotBytes;
  const guest::ScsiNotificationAnswer unwritten = {.event_actual = 0u,
                                                   .response = guest::kScsiNotWritten};
  bus_.Write(address, request);
  bus_.Write(address + kControlResponse,
             is_function ? std::span(&guest::kScsiNotWritten, 1) : BytesOf(unwritten));
  const GuestSegment readable = {address, static_cast<uint32_t>(request.size())};
  const GuestSegment writable = {address + kControlResponse, response_bytes};
  if (!control_->Add(std::span(&readable, 1), std::span(&writable, 1), index)) return false;
  *slot = {.token = token, .in_flight = true, .is_function = is_function};
  if (control_->Publish()) Notify(guest::kScsiControlQueue, *control_);
  return true;
}

bool VirtioScsiDriver::StartFunction(guest::ScsiFunction function, const guest::ScsiLun& lun,
                                     uint64_t tag, uint64_t token) {
  const guest::ScsiTmf request = {.type = guest::kScsiTaskManagement,
                                  .subtype = static_cast<uint32_t>(function),
                                  .lun = lun,
                                  .id = tag};
  return StartControl(BytesOf(request), 1, /*is_function=*/true, token);
}

guest::ScsiNotificationAnswer VirtioScsiDriver::ControlAnswer(uint32_t slot) {
  const uint64_t address = control_memory_ + slot * kControlSlotBytes + kControlResponse;
  guest::ScsiNotificationAnswer answer{};
  if (slots_[slot].is_function) {
    bus_.Read(address, std::span(&answer.response, 1));
  } else {
    bus_.Read(address, BytesOf(answer));
  }
  return answer;
}

void VirtioScsiDriver::ControlDone(uint32_t slot, const guest::ScsiNotificationAnswer& answer) {
  slots_[slot].in_flight = false;
  const uint64_t token = slots_[slot].token;
  if ((token & kOwn) == 0) {
    if (listener_ != nullptr) listener_->OnScsiFunctionDone(token, answer.response);
  } else if (token == (kOwn | own_.id)) {
    own_.done = true;
    own_.control = answer;
  }
}

void VirtioScsiDriver::ReapControl() {
  RingCompletion done;
  while (control_->Reap(done)) {
    const auto slot = static_cast<uint32_t>(done.token);
    ControlDone(slot, ControlAnswer(slot));
  }
}

absl::StatusOr<uint8_t> VirtioScsiDriver::Function(guest::ScsiFunction function,
                                                   const guest::ScsiLun& lun, uint64_t tag) {
  if (!StartFunction(function, lun, tag, BeginOwn())) {
    return absl::ResourceExhaustedError("the control queue is full");
  }
  PLATTER_RETURN_IF_ERROR(WaitForOwn("a task management function"));
  return own_.control.response;
}

absl::StatusOr<guest::ScsiNotificationAnswer> VirtioScsiDriver::Notification(
    uint32_t type, const guest::ScsiLun& lun, uint32_t events, uint32_t bytes) {
  const guest::ScsiNotification request = {.type = type, .lun = lun, .event_requested = events};
  if (!StartControl(BytesOf(request).first(bytes), sizeof(guest::ScsiNotificationAnswer),
                    /*is_function=*/false, BeginOwn())) {
    return absl::ResourceExhaustedError("the control queue is full");
  }
  PLATTER_RETURN_IF_ERROR(WaitForOwn("a notification request"));
  return own_.control;
}

// --- Events. ---

void VirtioScsiDriver::GiveEventBuffer(uint32_t index) {
  const GuestSegment buffer = {event_memory_ + index * sizeof(guest::ScsiEvent),
                               sizeof(guest::ScsiEvent)};
  event_ring_->Add({}, std::span(&buffer, 1), index);
}

void VirtioScsiDriver::ReapEvents() {
  RingCompletion done;
  while (event_ring_->Reap(done)) {
    guest::ScsiEvent event{};
    bus_.Read(event_memory_ + done.token * sizeof(event), BytesOf(event));
    events_.push_back(event);
    used_buffers_.push_back(static_cast<uint32_t>(done.token));
  }
}

std::vector<guest::ScsiEvent> VirtioScsiDriver::TakeEvents() {
  if (event_ring_ != nullptr) {
    for (const uint32_t index : used_buffers_) GiveEventBuffer(index);
    used_buffers_.clear();
    if (event_ring_->Publish()) Notify(guest::kScsiEventQueue, *event_ring_);
  }
  return std::exchange(events_, {});
}

// --- Interrupts. ---

void VirtioScsiDriver::ReapAll() {
  for (const auto& queue : queues_) {
    do {
      queue->Reap([&](uint64_t token, const ScsiQueueAnswer& answer) { Done(token, answer); });
    } while (queue->ring().EnableInterrupts());
  }
  do {
    ReapControl();
  } while (control_->EnableInterrupts());
  do {
    ReapEvents();
  } while (event_ring_->EnableInterrupts());
}

void VirtioScsiDriver::HandleInterrupts() {
  if (transport_.TakeInterrupts().used && control_ != nullptr) ReapAll();
}

bool VirtioScsiDriver::WaitUntil(absl::FunctionRef<bool()> done, Duration timeout) {
  return bus_.WaitFor(
      [&] {
        HandleInterrupts();
        return done();
      },
      timeout);
}

uint64_t VirtioScsiDriver::ring_faults() const {
  uint64_t sum = past_faults_;
  for (const auto& queue : queues_) sum += queue->ring().faults().total();
  if (control_ != nullptr) sum += control_->faults().total() + event_ring_->faults().total();
  return sum;
}

}  // namespace platter
