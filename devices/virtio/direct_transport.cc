// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/direct_transport.h"

#include <string>
#include <utility>

#include "base/status.h"

namespace platter {

DirectTransport::DirectTransport(VirtioDevice& device, InterruptVectors& vectors)
    : device_(device),
      vectors_(vectors),
      calls_(device.queue_count() + 1),
      stop_waiters_(device.queue_count()) {
  for (uint32_t i = 0; i < device_.queue_count(); ++i) {
    const auto index = static_cast<uint16_t>(i);
    kicks_.push_back(KickDescriptor::Create(
        device_.queue_context(index), [&device, index, seen = uint16_t{0}]() mutable {
          const uint16_t taken = device.queue(index).taken();
          const bool moved = std::exchange(seen, taken) != taken;
          device.Kick(index);
          return moved ? KickDescriptor::Progress::kSome : KickDescriptor::Progress::kNone;
        }));
  }
  device_.Connect(*this);
}

absl::Status DirectTransport::CheckQuiet(const char* what) {
  for (uint32_t i = 0; i < device_.queue_count(); ++i) {
    if (!device_.queue_started(static_cast<uint16_t>(i))) continue;
    return absl::FailedPreconditionError("device '" + device_.id() + "': " + what +
                                         " while queue " + std::to_string(i) + " is started");
  }
  return absl::OkStatus();
}

std::string DirectTransport::NameOf(uint16_t index) const {
  return "device '" + device_.id() + "' queue " + std::to_string(index);
}

absl::Status DirectTransport::SetMemory(std::shared_ptr<const GuestMemory> memory) {
  SerialiserLock lock(device_.serialiser());
  absl::Status quiet = CheckQuiet("memory set");
  if (quiet.ok()) memory_ = std::move(memory);
  return quiet;
}

uint64_t DirectTransport::offered_features() {
  SerialiserLock lock(device_.serialiser());
  return device_.offered_features();
}

absl::Status DirectTransport::SetFeatures(uint64_t features) {
  SerialiserLock lock(device_.serialiser());
  absl::Status quiet = CheckQuiet("features set");
  if (!quiet.ok()) return quiet;
  if (!device_.AcceptFeatures(features)) {
    return absl::InvalidArgumentError("device '" + device_.id() +
                                      "': the driver's features are not among those offered, or "
                                      "VIRTIO_F_VERSION_1 is missing");
  }
  features_set_ = true;
  // The next start is a new agreement: the device is told of it, as of the first.
  driver_ok_ = false;
  return absl::OkStatus();
}

absl::Status DirectTransport::RestoreQueue(uint16_t index, QueueState state) {
  SerialiserLock lock(device_.serialiser());
  const std::string name = NameOf(index);
  if (index >= device_.queue_count()) return absl::OutOfRangeError(name + " does not exist");
  if (device_.resetting()) return absl::FailedPreconditionError(name + ": a reset is under way");
  if (device_.queue_started(index)) return absl::FailedPreconditionError(name + " is started");
  if (memory_ == nullptr || !features_set_) {
    return absl::FailedPreconditionError(name + ": memory or features were not set");
  }
  if (!driver_ok_) {
    driver_ok_ = true;
    device_.SetDriverOk();
  }
  absl::Status status = device_.RestoreQueue(index, memory_, std::move(state));
  if (status.ok()) kicks_[index]->Start();
  return status;
}

void DirectTransport::StopQueue(uint16_t index, StoppedDone done) {
  SerialiserLock lock(device_.serialiser());
  if (index >= device_.queue_count()) {
    device_.PostToControl([then = std::move(done)]() mutable { std::move(then)({}); });
    return;
  }
  stop_waiters_[index].push_back(std::move(done));
  if (!device_.queue_started(index)) return FinishStop(index);
  // Before the queue is told: a kick that comes now is for whoever starts it next.
  kicks_[index]->Stop();
  device_.StopQueue(index);
}

void DirectTransport::FinishStop(uint16_t index) {
  const Position position = {.next_avail = device_.queue(index).next_avail(),
                             .next_used = device_.queue(index).next_used()};
  for (StoppedDone& done : stop_waiters_[index]) {
    device_.PostToControl(
        [then = std::move(done), position]() mutable { std::move(then)(position); });
  }
  stop_waiters_[index].clear();
}

absl::Status DirectTransport::SetKickDescriptor(uint16_t index, int fd) {
  SerialiserLock lock(device_.serialiser());
  if (index >= kicks_.size()) return absl::OutOfRangeError(NameOf(index) + " does not exist");
  return Annotate(kicks_[index]->Set(fd), NameOf(index) + ": kick");
}

absl::Status DirectTransport::SetCallDescriptor(uint16_t index, int fd) {
  SerialiserLock lock(device_.serialiser());
  if (index >= kicks_.size()) return absl::OutOfRangeError(NameOf(index) + " does not exist");
  return Annotate(calls_[index].Set(fd), NameOf(index) + ": call");
}

absl::Status DirectTransport::SetConfigDescriptor(int fd) {
  SerialiserLock lock(device_.serialiser());
  return Annotate(calls_[config_vector()].Set(fd),
                  "device '" + device_.id() + "': configuration changes");
}

void DirectTransport::ReadConfig(uint64_t offset, std::span<uint8_t> out) {
  SerialiserLock lock(device_.serialiser());
  device_.ReadConfig(offset, out);
}

void DirectTransport::WriteConfig(uint64_t offset, std::span<const uint8_t> data) {
  SerialiserLock lock(device_.serialiser());
  device_.WriteConfig(offset, data);
}

uint32_t DirectTransport::config_generation() {
  SerialiserLock lock(device_.serialiser());
  return device_.config_generation();
}

void DirectTransport::OnNeedsReset() {
  needs_reset_.store(true, std::memory_order_release);
  InterruptConfig();
}

void DirectTransport::OnResetDone() {
  needs_reset_.store(false, std::memory_order_release);
  features_set_ = false;
  driver_ok_ = false;
}

void DirectTransport::OnQueueStopped(uint16_t queue) {
  // In the queue's context. A reset stops queues without StopQueue.
  kicks_[queue]->StopNow();
  FinishStop(queue);
}

void DirectTransport::OnUnplugged() { memory_.reset(); }

}  // namespace platter
