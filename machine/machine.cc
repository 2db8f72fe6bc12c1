// SPDX-License-Identifier: Apache-2.0

#include "machine/machine.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/id.h"
#include "base/status.h"

namespace platter {

// Backends' events become the machine's, in the same order.
class Machine::EventForwarder final : public BlockEventSink {
 public:
  explicit EventForwarder(Machine& machine) : machine_(machine) {}
  void OnBlockEvent(const BlockEvent& event) override {
    std::visit([this](const auto& e) { machine_.Emit(e); }, event);
  }

 private:
  Machine& machine_;
};

Machine::Machine(MachineHost host)
    : host_(std::move(host)),
      forwarder_(std::make_unique<EventForwarder>(*this)),
      run_state_(*host_.control, std::move(host_.vcpus),
                 {.stopped = [this](StopReason reason) { Emit(StopEvent{reason}); },
                  .resumed = [this] { Emit(ResumeEvent{}); }}),
      graph_(*host_.control, *host_.log),
      backends_({.control = host_.control,
                 .run_state = &run_state_,
                 .events = forwarder_.get(),
                 .log = host_.log}) {
  if (host_.mmio == nullptr) host_.mmio = &own_mmio_;
  if (host_.ports == nullptr) host_.ports = &own_ports_;
  if (host_.contexts == nullptr) {
    own_contexts_ = std::make_unique<ThreadContextProvider>(host_.io_kind);
    host_.contexts = own_contexts_.get();
  }
}

Machine::~Machine() {
  PLATTER_CHECK(unplugs_ == 0 && patient_changes_ == 0);
  PLATTER_CHECK(shut_down_ || (devices_.empty() && named_backends_.empty()));
}

void Machine::Emit(const MachineEvent& event) {
  if (host_.events != nullptr) host_.events->OnMachineEvent(event);
}

absl::StatusOr<AioContext*> Machine::FindIoContext(std::string_view iothread_id) const {
  if (iothread_id.empty()) return host_.control;
  const auto found = io_contexts_.find(iothread_id);
  if (found != io_contexts_.end()) return found->second;
  return ErrorWithErrno(ENOENT,
                        absl::StrCat("there is no iothread '", std::string(iothread_id), "'"));
}

Task<absl::Status> Machine::BlockdevDel(std::string_view node_name) {
  return graph_.Remove(std::string(node_name));
}

Task<absl::Status> Machine::BackendAdd(std::string name, std::string node_name,
                                       const BackendOptions& options) {
  NodeRef node;
  if (!node_name.empty()) {
    node = graph_.Find(node_name);
    if (node == nullptr) {
      co_return ErrorWithErrno(ENOENT, absl::StrCat("there is no block node '", node_name,
                                                    "' for backend '", name, "'"));
    }
  }
  // "drive" names either: one name must not be two disks.
  const NodeRef same_name = graph_.Find(name);
  if (same_name != nullptr && same_name != node) {
    co_return ErrorWithErrno(
        EEXIST, absl::StrCat("block backend '", name, "': there is a block node of that name"));
  }
  absl::StatusOr<BlockBackendRef> backend = backends_.Create(name, options);
  if (!backend.ok()) co_return backend.status();
  if (node != nullptr) {
    if (absl::Status inserted = co_await (*backend)->InsertRoot(std::move(node)); !inserted.ok()) {
      co_return inserted;
    }
  }
  named_backends_.push_back(*std::move(backend));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<BlockBackendRef>> Machine::BackendForDrive(std::string drive,
                                                               BackendOptions wanted) {
  if (BlockBackendRef named = backends_.Find(drive); named != nullptr) {
    if (!(wanted.stats == BlockStatsOptions())) {
      co_return ErrorWithErrno(
          EINVAL, absl::StrCat("account-invalid, account-failed, stats-intervals: block backend '",
                               drive, "' counts as it was made to"));
    }
    co_return named;
  }
  NodeRef node = graph_.Find(drive);
  if (node == nullptr) {
    co_return ErrorWithErrno(
        ENOENT, absl::StrCat("drive '", drive, "' is neither a block backend nor a block node"));
  }
  // Whether it may be written is for each medium to say.
  absl::StatusOr<BlockBackendRef> backend = backends_.Create("", wanted);
  if (!backend.ok()) co_return backend.status();
  if (absl::Status inserted = co_await (*backend)->InsertRoot(std::move(node)); !inserted.ok()) {
    co_return inserted;
  }
  co_return *std::move(backend);
}

absl::Status Machine::CheckNewDeviceId(std::string_view id) const {
  PLATTER_RETURN_IF_ERROR(CheckId("device", id));
  if (leaving_ids_.contains(id)) {
    return ErrorWithErrno(EBUSY, absl::StrCat("device '", std::string(id), "' is being unplugged"));
  }
  if (FindDevice(id) == nullptr) return absl::OkStatus();
  return ErrorWithErrno(EEXIST, absl::StrCat("there is a device '", std::string(id), "' already"));
}

Machine::Plugged* Machine::FindPlugged(std::string_view id) const {
  for (const std::unique_ptr<Plugged>& plugged : devices_) {
    if (plugged->device().id() == id) return plugged.get();
  }
  return nullptr;
}

Device* Machine::FindDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  return plugged == nullptr ? nullptr : &plugged->device();
}

BlockBackendRef Machine::BackendOfDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  return plugged == nullptr ? nullptr : plugged->backend;
}

std::vector<std::string> Machine::DeviceIds() const {
  std::vector<std::string> ids;
  ids.reserve(devices_.size());
  for (const std::unique_ptr<Plugged>& plugged : devices_) ids.push_back(plugged->device().id());
  return ids;
}

DeviceLocation Machine::LocationOfDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  if (plugged == nullptr || plugged->placed.place == nullptr) return {};
  return plugged->placed.place->location();
}

absl::Status Machine::NoLocation(std::string_view id) {
  return ErrorWithErrno(
      ENODEV, absl::StrCat("there is no device '", std::string(id), "' on a bus of that kind"));
}

Machine::Plugged* Machine::FindUnitOf(std::string_view adapter_id) const {
  for (const std::unique_ptr<Plugged>& plugged : devices_) {
    if (plugged->placed.place == nullptr) continue;
    const DeviceLocation location = plugged->placed.place->location();
    const auto* const scsi = std::get_if<ScsiLocation>(&location);
    if (scsi != nullptr && scsi->adapter == adapter_id) return plugged.get();
  }
  return nullptr;
}

void Machine::AddPlugged(Plugged plugged) {
  plugged.number = next_plug_number_++;
  run_state_.AddDevice(plugged.device());
  devices_.push_back(std::make_unique<Plugged>(std::move(plugged)));
}

absl::Status Machine::AdoptDevice(std::unique_ptr<Device> device, BlockBackendRef backend) {
  PLATTER_RETURN_IF_ERROR(CheckNewDeviceId(device->id()));
  AddPlugged({.backend = std::move(backend), .placed = {.device = std::move(device)}});
  return absl::OkStatus();
}

Task<absl::Status> Machine::DeviceDel(std::string id) {
  Plugged* const plugged = FindPlugged(id);
  if (plugged == nullptr) {
    co_return ErrorWithErrno(ENODEV, absl::StrCat("there is no device '", id, "'"));
  }
  if (plugged->going) {
    co_return ErrorWithErrno(EBUSY, absl::StrCat("device '", id, "' is being unplugged"));
  }
  if (const Plugged* const unit = FindUnitOf(id); unit != nullptr) {
    co_return ErrorWithErrno(EBUSY, absl::StrCat("device '", id, "' has the unit '",
                                                 unit->device().id(), "': unplug that first"));
  }
  co_await Unplug(*plugged);
  co_return absl::OkStatus();
}

Task<void> Machine::Unplug(Plugged& plugged) {
  PLATTER_CHECK(!plugged.going);
  // From here on it is this call's to destroy.
  plugged.going = true;
  if (plugged.placed.place != nullptr) plugged.placed.place->BeginLeaving();
  ++unplugs_;
  // It takes nothing more from the guest, whether the machine stops or goes on meanwhile.
  run_state_.RemoveDevice(plugged.device());
  AsyncEvent gone;
  plugged.device().Unplug([&gone] { gone.Set(); });
  co_await gone.Wait();
  if (plugged.placed.place != nullptr) plugged.placed.place->TakeAway();
  std::string id = plugged.device().id();
  // Nobody else's before all have heard that this one has gone.
  leaving_ids_.insert(id);
  BlockBackendRef backend = std::move(plugged.backend);
  std::erase_if(devices_, [&plugged](const auto& each) { return each.get() == &plugged; });
  if (backend != nullptr && backend->name().empty()) {
    co_await backend->Flush();
    // The device's own backend: its medium is free for others now.
    if (backend.use_count() == 1) (co_await backend->RemoveRoot()).IgnoreError();
  }
  backend.reset();
  leaving_ids_.erase(id);
  Emit(DeviceDeletedEvent{std::move(id)});
  --unplugs_;
  // The last act: who waits may destroy the machine.
  unplugged_.Set();
  unplugged_.Reset();
}

Task<Machine::Plugged*> Machine::FindStaying(std::string id) {
  while (true) {
    Plugged* const plugged = FindPlugged(id);
    if (plugged == nullptr || !plugged->going) co_return plugged;
    co_await unplugged_.Wait();
  }
}

Task<void> Machine::Reset() {
  // By id: while one is waited for, others come and go.
  const std::vector<std::string> ids = DeviceIds();
  for (const std::string& id : ids) {
    Plugged* const plugged = co_await FindStaying(id);
    if (plugged == nullptr) continue;
    AsyncEvent done;
    plugged->device().Reset([&done] { done.Set(); });
    co_await done.Wait();
  }
  Emit(ResetEvent{});
}

Task<void> Machine::RemoveNodes(std::vector<std::string> names) {
  // A node can go when those above it have gone.
  std::vector<absl::Status> refused;
  for (bool any = true; any && !names.empty();) {
    any = false;
    refused.clear();
    std::vector<std::string> left;
    for (std::string& name : names) {
      absl::Status removed = co_await graph_.Remove(name);
      if (removed.ok()) any = true;
      // ENOENT: somebody else was quicker.
      if (removed.ok() || ErrnoOf(removed) == ENOENT) continue;
      left.push_back(std::move(name));
      refused.push_back(std::move(removed));
    }
    names = std::move(left);
  }
  for (const absl::Status& status : refused) host_.log->Log(LogLevel::kError, MessageOf(status));
}

Task<void> Machine::Shutdown() {
  shutting_down_ = true;
  CancelMediumWaits();
  while (patient_changes_ > 0) co_await patient_change_ended_.Wait();
  while (!devices_.empty() || unplugs_ > 0) {
    const auto staying = std::find_if(devices_.rbegin(), devices_.rend(),
                                      [](const auto& plugged) { return !plugged->going; });
    if (staying != devices_.rend()) {
      co_await Unplug(**staying);
    } else {
      co_await unplugged_.Wait();
    }
  }
  for (const BlockBackendRef& backend : backends_.All()) {
    const IoResult flushed = co_await backend->Flush();
    if (flushed < 0 && flushed != -ENOMEDIUM) {
      host_.log->Log(LogLevel::kError,
                     MessageOf(ErrnoError(-flushed, absl::StrCat("block backend '", backend->name(),
                                                                 "': flush at shutdown"))));
    }
    if (absl::Status removed = co_await backend->RemoveRoot(); !removed.ok()) {
      host_.log->Log(LogLevel::kError, MessageOf(removed));
    }
  }
  named_backends_.clear();
  co_await RemoveNodes(graph_.KeptNames());
  // An I/O error of the last moment may have asked for a stop.
  co_await run_state_.Settle();
  shut_down_ = true;
}

}  // namespace platter
