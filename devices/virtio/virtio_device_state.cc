// SPDX-License-Identifier: Apache-2.0
//
// A virtio device's saved state: features, rings with the heads that were taken, and what its
// transport and its type add.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_state.pb.h"

namespace platter {
namespace {

constexpr uint32_t kVersion = 1;

void SaveQueue(const QueueState& queue, state::VirtioQueue& to) {
  to.set_size(queue.layout.size);
  to.set_descriptors(queue.layout.descriptors);
  to.set_driver(queue.layout.driver);
  to.set_device(queue.layout.device);
  to.set_next_avail(queue.layout.next_avail);
  to.set_next_used(queue.layout.next_used);
  for (const uint16_t head : queue.heads) to.add_heads(head);
  for (const HeldChain& chain : queue.held) {
    state::VirtioHeldChain& held = *to.add_held();
    held.set_place(chain.place);
    held.set_head(chain.head);
    held.set_written(chain.written);
  }
  for (const std::vector<PackedDesc>& chain : queue.chains) {
    state::VirtioChain& descriptors = *to.add_chains();
    for (const PackedDesc& desc : chain) {
      state::VirtioDescriptor& descriptor = *descriptors.add_descriptors();
      descriptor.set_address(desc.address.get());
      descriptor.set_length(desc.length.get());
      descriptor.set_id(desc.id.get());
      descriptor.set_flags(desc.flags.get());
    }
  }
  to.set_stopping(queue.stopping);
  to.set_broken(queue.broken);
}

// Of numbers that fit.
QueueState QueueOf(const state::VirtioQueue& from) {
  QueueState queue = {.layout = {.size = from.size(),
                                 .descriptors = from.descriptors(),
                                 .driver = from.driver(),
                                 .device = from.device(),
                                 .next_avail = static_cast<uint16_t>(from.next_avail()),
                                 .next_used = static_cast<uint16_t>(from.next_used())},
                      .stopping = from.stopping(),
                      .broken = from.broken()};
  for (const uint32_t head : from.heads()) queue.heads.push_back(static_cast<uint16_t>(head));
  for (const state::VirtioHeldChain& held : from.held()) {
    queue.held.push_back({.place = held.place(),
                          .head = static_cast<uint16_t>(held.head()),
                          .written = held.written()});
  }
  for (const state::VirtioChain& chain : from.chains()) {
    std::vector<PackedDesc>& descriptors = queue.chains.emplace_back();
    for (const state::VirtioDescriptor& desc : chain.descriptors()) {
      descriptors.push_back({desc.address(), desc.length(), static_cast<uint16_t>(desc.id()),
                             static_cast<uint16_t>(desc.flags())});
    }
  }
  return queue;
}

bool NumbersFit(const state::VirtioQueue& from) {
  if (from.next_avail() > UINT16_MAX || from.next_used() > UINT16_MAX) return false;
  for (const uint32_t head : from.heads()) {
    if (head > UINT16_MAX) return false;
  }
  for (const state::VirtioHeldChain& held : from.held()) {
    if (held.head() > UINT16_MAX) return false;
  }
  for (const state::VirtioChain& chain : from.chains()) {
    for (const state::VirtioDescriptor& desc : chain.descriptors()) {
      if (desc.id() > UINT16_MAX || desc.flags() > UINT16_MAX) return false;
    }
  }
  return true;
}

std::string TitleOf(const std::string& id) {
  return absl::StrCat("device '", id, "': its saved state: ");
}

// The message of a device of this model.
absl::Status Parse(const std::string& state, const std::string& id, const char* model,
                   state::VirtioDevice* from) {
  if (!from->ParseFromString(state)) {
    return absl::InvalidArgumentError(TitleOf(id) + "it is no message");
  }
  if (from->version() == kVersion && from->model() == model) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(TitleOf(id), "version ", from->version(),
                                                 " of a '", from->model(), "'; version ", kVersion,
                                                 " of a '", model, "' can be restored"));
}

}  // namespace

void VirtioDevice::SaveState(StateSaved done) {
  if (transport_ == nullptr || transport_->saved_state() == nullptr) {
    return std::move(done)(absl::UnimplementedError(
        absl::StrCat("device '", id_, "': its transport's state is not the device's to save")));
  }
  SaveQueues(
      [this, done = std::move(done)](absl::StatusOr<std::vector<QueueState>> queues) mutable {
        if (!queues.ok()) return std::move(done)(queues.status());
        std::move(done)(Serialise(*queues));
      });
}

std::string VirtioDevice::Serialise(const std::vector<QueueState>& queues) {
  SerialiserLock lock(serialiser_);
  state::VirtioDevice to;
  to.set_version(kVersion);
  to.set_model(model());
  to.set_features(features_);
  to.set_driver_ok(driver_ok_);
  to.set_config_generation(config_generation_);
  for (const QueueState& queue : queues) SaveQueue(queue, *to.add_queues());
  to.set_transport(transport_->saved_state()->Save());
  to.set_device(SaveType());
  return to.SerializeAsString();
}

const char* VirtioDevice::CheckState(const state::VirtioDevice& from) {
  const bool chosen = from.features() != 0;
  if (chosen &&
      ((from.features() & ~offered_features_) != 0 || (from.features() & kVirtioFVersion1) == 0)) {
    return "its features, which this device does not offer";
  }
  if (from.driver_ok() && !chosen) return "its features";
  if (static_cast<size_t>(from.queues_size()) != queues_.size()) return "the number of its queues";
  for (const state::VirtioQueue& queue : from.queues()) {
    if (!NumbersFit(queue) || (queue.size() != 0 && !from.driver_ok())) return "a queue";
  }
  if (const char* wrong =
          transport_->saved_state()->Check(from.transport(), chosen, from.driver_ok())) {
    return wrong;
  }
  return CheckType(from.device());
}

absl::Status VirtioDevice::RestoreChecked(const state::VirtioDevice& from) {
  features_ = from.features();
  config_generation_ = from.config_generation();
  if (from.driver_ok()) SetDriverOk();
  // First, since what follows is told through it.
  transport_->saved_state()->Restore(from.transport());
  RestoreType(from.device());
  for (int i = 0; i < from.queues_size(); ++i) {
    if (from.queues(i).size() == 0) continue;
    PLATTER_RETURN_IF_ERROR(RestoreQueue(
        static_cast<uint16_t>(i), transport_->saved_state()->memory(), QueueOf(from.queues(i))));
  }
  return absl::OkStatus();
}

void VirtioDevice::RestoreState(std::string state, StateRestored done) {
  const std::string title = TitleOf(id_);
  if (transport_ == nullptr || transport_->saved_state() == nullptr) {
    return std::move(done)(absl::UnimplementedError(
        absl::StrCat("device '", id_, "': its transport's state is not the device's to restore")));
  }
  state::VirtioDevice from;
  absl::Status status = Parse(state, id_, model(), &from);
  if (!status.ok()) return std::move(done)(std::move(status));
  {
    SerialiserLock lock(serialiser_);
    if (driver_ok_ || resetting_ || unplugging_) {
      status = absl::FailedPreconditionError(
          absl::StrCat("device '", id_, "' is in use: no state can be restored"));
    } else if (const char* const wrong = CheckState(from); wrong != nullptr) {
      status = absl::InvalidArgumentError(absl::StrCat(title, wrong, " can't be so"));
    } else {
      status = RestoreChecked(from);
      if (!status.ok()) {
        status = absl::InvalidArgumentError(absl::StrCat(title, MessageOf(status)));
        // Queues that run already stop again.
        reset_waiters_.push_back([this, status, then = std::move(done)]() mutable {
          ResetTransport();
          std::move(then)(std::move(status));
        });
        return BeginReset();
      }
    }
  }
  std::move(done)(std::move(status));
}

// --- Of what the type has alone. ---

absl::Status VirtioDevice::CheckSuspended() const {
  bool started = resetting_ || unplugging_;
  for (const auto& queue : queues_) started |= queue->started();
  if (!started) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("device '", id_, "': its state moves only while all of its queues are stopped"));
}

absl::StatusOr<std::string> VirtioDevice::SaveTypeState() {
  SerialiserLock lock(serialiser_);
  PLATTER_RETURN_IF_ERROR(CheckSuspended());
  state::VirtioDevice to;
  to.set_version(kVersion);
  to.set_model(model());
  to.set_device(SaveType());
  return to.SerializeAsString();
}

absl::Status VirtioDevice::RestoreTypeState(const std::string& state) {
  SerialiserLock lock(serialiser_);
  PLATTER_RETURN_IF_ERROR(CheckSuspended());
  state::VirtioDevice from;
  PLATTER_RETURN_IF_ERROR(Parse(state, id_, model(), &from));
  if (from.features() != 0 || from.driver_ok() || from.queues_size() != 0 ||
      !from.transport().empty()) {
    return absl::InvalidArgumentError(TitleOf(id_) + "it has more than the device's own part");
  }
  if (const char* const wrong = CheckType(from.device()); wrong != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(TitleOf(id_), wrong, " can't be so"));
  }
  RestoreType(from.device());
  return absl::OkStatus();
}

}  // namespace platter
