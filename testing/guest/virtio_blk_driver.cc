// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/virtio_blk_driver.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

constexpr uint64_t kKnownFeatures =
    guest::kFeatureIndirectDesc | guest::kFeatureEventIndex | guest::kFeatureVersion1 |
    guest::kBlkFeatureSizeMax | guest::kBlkFeatureSegMax | guest::kBlkFeatureReadOnly |
    guest::kBlkFeatureBlkSize | guest::kBlkFeatureFlush | guest::kBlkFeatureTopology |
    guest::kBlkFeatureConfigWce | guest::kBlkFeatureMultiQueue | guest::kBlkFeatureDiscard |
    guest::kBlkFeatureWriteZeroes | guest::kFeatureRingPacked | guest::kFeatureInOrder |
    guest::kFeatureRingReset | guest::kFeatureNotificationData;

// One request of the waiting forms; larger transfers take several.
constexpr uint64_t kMaxBounce = 256 * kKiB;

// Nothing announces the end of a reset.
constexpr Duration kResetPoll = std::chrono::milliseconds(1);

// Guest memory for the length of a call.
class Bounce {
 public:
  explicit Bounce(GuestBus& bus) : bus_(bus) {}
  ~Bounce() {
    if (address_ != 0) bus_.Free(address_);
  }
  Bounce(const Bounce&) = delete;
  Bounce& operator=(const Bounce&) = delete;

  absl::Status Allocate(uint64_t bytes) {
    const auto address = bus_.Allocate(bytes, 4096);
    if (!address.ok()) return address.status();
    address_ = *address;
    return absl::OkStatus();
  }
  uint64_t address() const { return address_; }
  // After a request that nobody waits for any more: the device may still write there.
  void Leak() { address_ = 0; }

 private:
  GuestBus& bus_;
  uint64_t address_ = 0;
};

}  // namespace

absl::Status VirtioBlkDriver::Probe() {
  PLATTER_RETURN_IF_ERROR(transport_.Discover(guest::kBlkDeviceId));
  PLATTER_RETURN_IF_ERROR(Reset());
  const uint64_t offered = transport_.DeviceFeatures();
  features_ = offered & kKnownFeatures & ~options_.refused_features;
  PLATTER_RETURN_IF_ERROR(transport_.AcceptFeatures(features_));
  ReadInfo();
  PLATTER_RETURN_IF_ERROR(StartQueues());
  transport_.DriverOk();
  return absl::OkStatus();
}

absl::Status VirtioBlkDriver::StartQueues() {
  const uint16_t count = std::min(options_.queues, info_.queues);
  for (uint16_t i = 0; i < count; ++i) {
    auto queue = StartQueue(i, options_.queue_size);
    if (!queue.ok()) return queue.status();
    queues_.push_back(*std::move(queue));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<VirtioBlkQueue>> VirtioBlkDriver::StartQueue(uint16_t index,
                                                                            uint32_t at_most) {
  const uint32_t max = transport_.MaxQueueSize(index);
  if (max == 0) return absl::NotFoundError(absl::StrCat("the device has no queue ", index));
  const uint32_t wanted = std::min(max, at_most);
  const bool packed = Has(guest::kFeatureRingPacked);
  auto queue = VirtioBlkQueue::Create(
      bus_, {.size = static_cast<uint16_t>(packed ? wanted : std::bit_floor(wanted)),
             .event_index = Has(guest::kFeatureEventIndex) ? EventIndex::kOn : EventIndex::kOff,
             .indirect_entries =
                 Has(guest::kFeatureIndirectDesc) ? options_.indirect_entries : uint16_t{0},
             .format = packed ? RingFormat::kPacked : RingFormat::kSplit,
             .order = Has(guest::kFeatureInOrder) ? UseOrder::kInOrder : UseOrder::kAny});
  if (!queue.ok()) return queue.status();
  PLATTER_RETURN_IF_ERROR(transport_.StartQueue(index, (*queue)->ring().layout()));
  return queue;
}

absl::Status VirtioBlkDriver::ResetQueue(uint16_t index, uint16_t size) {
  transport_.BeginQueueReset(index);
  if (!bus_.PollFor([&] { return transport_.QueueResetDone(index); }, kResetPoll,
                    options_.timeout)) {
    return absl::DeadlineExceededError("the device does not finish the reset of a queue");
  }
  Abandon(*queues_[index]);
  auto queue = StartQueue(index, size);
  if (!queue.ok()) return queue.status();
  queues_[index] = *std::move(queue);
  return absl::OkStatus();
}

absl::Status VirtioBlkDriver::Reset() {
  BeginReset();
  return FinishReset();
}

absl::Status VirtioBlkDriver::FinishReset() {
  if (!bus_.PollFor([&] { return transport_.ResetDone(); }, kResetPoll, options_.timeout)) {
    return absl::DeadlineExceededError("the device does not finish its reset");
  }
  Abandon();
  return absl::OkStatus();
}

void VirtioBlkDriver::Abandon() {
  // The rings are ours again: what they hold was never answered.
  std::vector<std::unique_ptr<VirtioBlkQueue>> queues;
  queues.swap(queues_);
  for (const auto& queue : queues) Abandon(*queue);
}

void VirtioBlkDriver::Abandon(VirtioBlkQueue& queue) {
  past_faults_ += queue.ring().faults().total();
  queue.Reap([&](uint64_t token, uint8_t status, uint32_t) { Done(token, status); });
  for (const uint64_t token : queue.InFlight()) Done(token, guest::kBlkNotWritten);
}

void VirtioBlkDriver::ReadInfo() {
  guest::BlkConfigLayout config;
  transport_.ReadConfig(0, std::span(reinterpret_cast<uint8_t*>(&config), sizeof(config)));
  info_ = {};
  info_.capacity_sectors = config.capacity.get();
  info_.read_only = Has(guest::kBlkFeatureReadOnly);
  if (Has(guest::kBlkFeatureSegMax)) info_.max_segments = config.seg_max.get();
  if (Has(guest::kBlkFeatureBlkSize)) info_.block_size = config.blk_size.get();
  info_.physical_block_size = info_.block_size;
  if (Has(guest::kBlkFeatureTopology)) {
    info_.physical_block_size = info_.block_size << config.physical_block_exp;
    info_.min_io_bytes = config.min_io_size.get() * info_.block_size;
    info_.opt_io_bytes = config.opt_io_size.get() * info_.block_size;
  }
  if (Has(guest::kBlkFeatureMultiQueue)) info_.queues = config.num_queues.get();
  if (Has(guest::kBlkFeatureDiscard)) {
    info_.max_discard_sectors = config.max_discard_sectors.get();
    info_.max_discard_ranges = config.max_discard_seg.get();
  }
  if (Has(guest::kBlkFeatureWriteZeroes)) {
    info_.max_zeroes_sectors = config.max_write_zeroes_sectors.get();
    info_.max_zeroes_ranges = config.max_write_zeroes_seg.get();
  }
}

void VirtioBlkDriver::Done(uint64_t token, uint8_t status) {
  if ((token & kOwn) == 0) {
    if (listener_ != nullptr) listener_->OnBlkDone(token, status);
  } else if (token == (kOwn | own_.id)) {
    own_.done = true;
    own_.status = status;
  }
}

bool VirtioBlkDriver::Submit(uint16_t queue, const BlkCommand& command, uint64_t token) {
  return queues_[queue]->Submit(command, token);
}

void VirtioBlkDriver::Kick(uint16_t queue) {
  if (!queues_[queue]->Publish()) return;
  if (!Has(guest::kFeatureNotificationData)) return transport_.Notify(queue);
  transport_.NotifyAt(queue, queues_[queue]->ring().next_place());
}

void VirtioBlkDriver::ReapAll() {
  for (const auto& queue : queues_) {
    do {
      queue->Reap([&](uint64_t token, uint8_t status, uint32_t) { Done(token, status); });
    } while (queue->ring().EnableInterrupts());
  }
}

void VirtioBlkDriver::HandleInterrupts() {
  const auto causes = transport_.TakeInterrupts();
  if (causes.used) ReapAll();
  if (causes.config) {
    ReadInfo();
    ++config_changes_;
  }
}

bool VirtioBlkDriver::WaitUntil(absl::FunctionRef<bool()> done, Duration timeout) {
  return bus_.WaitFor(
      [&] {
        HandleInterrupts();
        return done();
      },
      timeout);
}

absl::StatusOr<uint8_t> VirtioBlkDriver::Execute(uint16_t queue, const BlkCommand& command) {
  own_ = {.id = own_.id + 1};
  if (queue >= queues_.size()) {
    return absl::FailedPreconditionError(absl::StrCat("queue ", queue, " is not started"));
  }
  if (!Submit(queue, command, kOwn | own_.id)) {
    return absl::ResourceExhaustedError(absl::StrCat("queue ", queue, " is full"));
  }
  Kick(queue);
  if (WaitUntil([&] { return own_.done; }, options_.timeout)) return own_.status;
  if (transport_.Gone()) return absl::UnavailableError("the device is gone");
  if (transport_.NeedsReset()) return absl::InternalError("the device needs a reset");
  return absl::DeadlineExceededError(absl::StrCat("no answer to a command of type ", command.type));
}

absl::StatusOr<uint8_t> VirtioBlkDriver::Transfer(uint32_t type, uint64_t sector, uint8_t* in,
                                                  const uint8_t* out, uint64_t bytes) {
  Bounce bounce(bus_);
  PLATTER_RETURN_IF_ERROR(bounce.Allocate(std::min(bytes, kMaxBounce)));
  uint8_t status = guest::kBlkOk;
  for (uint64_t at = 0; at < bytes && status == guest::kBlkOk;) {
    const auto length = static_cast<uint32_t>(std::min(bytes - at, kMaxBounce));
    if (out != nullptr) bus_.Write(bounce.address(), std::span(out + at, length));
    const GuestSegment segment = {bounce.address(), length};
    const auto result = Execute(
        0, {.type = type, .sector = sector + at / kSectorSize, .data = std::span(&segment, 1)});
    if (!result.ok()) {
      bounce.Leak();
      return result;
    }
    status = *result;
    if (in != nullptr && status == guest::kBlkOk) {
      bus_.Read(bounce.address(), std::span(in + at, length));
    }
    at += length;
  }
  return status;
}

absl::StatusOr<uint8_t> VirtioBlkDriver::Read(uint64_t sector, std::span<uint8_t> data) {
  return Transfer(guest::kBlkIn, sector, data.data(), nullptr, data.size());
}

absl::StatusOr<uint8_t> VirtioBlkDriver::Write(uint64_t sector, std::span<const uint8_t> data) {
  return Transfer(guest::kBlkOut, sector, nullptr, data.data(), data.size());
}

absl::StatusOr<uint8_t> VirtioBlkDriver::Flush() { return Execute(0, {.type = guest::kBlkFlush}); }

absl::StatusOr<uint8_t> VirtioBlkDriver::Discard(uint64_t sector, uint32_t sectors) {
  const guest::BlkRange range = {.sector = sector, .sectors = sectors, .flags = 0u};
  return Execute(0, {.type = guest::kBlkDiscard, .ranges = std::span(&range, 1)});
}

absl::StatusOr<uint8_t> VirtioBlkDriver::WriteZeroes(uint64_t sector, uint32_t sectors,
                                                     Unmap unmap) {
  const guest::BlkRange range = {.sector = sector,
                                 .sectors = sectors,
                                 .flags = unmap == Unmap::kYes ? guest::kBlkRangeUnmap : 0};
  return Execute(0, {.type = guest::kBlkWriteZeroes, .ranges = std::span(&range, 1)});
}

absl::StatusOr<std::string> VirtioBlkDriver::GetId() {
  Bounce bounce(bus_);
  PLATTER_RETURN_IF_ERROR(bounce.Allocate(guest::kBlkIdBytes));
  const GuestSegment segment = {bounce.address(), guest::kBlkIdBytes};
  const auto status = Execute(0, {.type = guest::kBlkGetId, .data = std::span(&segment, 1)});
  if (!status.ok()) {
    bounce.Leak();
    return status.status();
  }
  if (*status != guest::kBlkOk) {
    return absl::InternalError(absl::StrCat("status ", *status, " for GET_ID"));
  }
  char id[guest::kBlkIdBytes];
  bus_.Read(bounce.address(), std::span(reinterpret_cast<uint8_t*>(id), sizeof(id)));
  return std::string(id, strnlen(id, sizeof(id)));
}

void VirtioBlkDriver::SetWriteBack(bool on) {
  const uint8_t value = on ? 1 : 0;
  transport_.WriteConfig(offsetof(guest::BlkConfigLayout, writeback), std::span(&value, 1));
}

bool VirtioBlkDriver::WriteBack() {
  uint8_t value = 0;
  transport_.ReadConfig(offsetof(guest::BlkConfigLayout, writeback), std::span(&value, 1));
  return value != 0;
}

uint32_t VirtioBlkDriver::in_flight() const {
  uint32_t sum = 0;
  for (const auto& queue : queues_) sum += queue->ring().in_flight();
  return sum;
}

uint64_t VirtioBlkDriver::ring_faults() const {
  uint64_t sum = past_faults_;
  for (const auto& queue : queues_) sum += queue->ring().faults().total();
  return sum;
}

}  // namespace platter
