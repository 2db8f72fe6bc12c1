// SPDX-License-Identifier: Apache-2.0

#include "machine/machine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
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

Machine::~Machine() { PLATTER_CHECK(shut_down_ || (devices_.empty() && named_backends_.empty())); }

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

Task<absl::Status> Machine::BackendAdd(std::string_view name, std::string_view node_name,
                                       const BackendOptions& options) {
  NodeRef node;
  if (!node_name.empty()) {
    node = graph_.Find(node_name);
    if (node == nullptr) {
      co_return ErrorWithErrno(ENOENT,
                               absl::StrCat("there is no block node '", std::string(node_name),
                                            "' for backend '", std::string(name), "'"));
    }
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

Task<absl::StatusOr<BlockBackendRef>> Machine::BackendForDrive(std::string drive) {
  if (BlockBackendRef named = backends_.Find(drive); named != nullptr) co_return named;
  NodeRef node = graph_.Find(drive);
  if (node == nullptr) {
    co_return ErrorWithErrno(
        ENOENT, absl::StrCat("drive '", drive, "' is neither a block backend nor a block node"));
  }
  BackendOptions options;
  options.read_only = node->read_only();
  absl::StatusOr<BlockBackendRef> backend = backends_.Create("", options);
  if (!backend.ok()) co_return backend.status();
  if (absl::Status inserted = co_await (*backend)->InsertRoot(std::move(node)); !inserted.ok()) {
    co_return inserted;
  }
  co_return *std::move(backend);
}

absl::Status Machine::CheckNewDeviceId(std::string_view id) const {
  PLATTER_RETURN_IF_ERROR(CheckId("device", id));
  if (FindDevice(id) == nullptr) return absl::OkStatus();
  return ErrorWithErrno(EEXIST, absl::StrCat("there is a device '", std::string(id), "' already"));
}

const Machine::Plugged* Machine::FindPlugged(std::string_view id) const {
  for (const Plugged& plugged : devices_) {
    if (plugged.device->id() == id) return &plugged;
  }
  return nullptr;
}

Device* Machine::FindDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  return plugged == nullptr ? nullptr : plugged->device.get();
}

BlockBackendRef Machine::BackendOfDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  return plugged == nullptr ? nullptr : plugged->backend;
}

absl::StatusOr<DeviceLocation> Machine::LocationOfDevice(std::string_view id) const {
  const Plugged* plugged = FindPlugged(id);
  if (plugged == nullptr || plugged->slot < 0) {
    return ErrorWithErrno(ENODEV,
                          absl::StrCat("there is no virtio-mmio device '", std::string(id), "'"));
  }
  const auto slot = static_cast<uint32_t>(plugged->slot);
  return DeviceLocation{.mmio_base = kVirtioMmioBase + slot * kVirtioMmioStride,
                        .irq = kVirtioMmioFirstIrq + slot};
}

absl::StatusOr<int> Machine::FreeSlot() const {
  for (int slot = 0; slot < static_cast<int>(kVirtioMmioSlots); ++slot) {
    const auto taken = [slot](const Plugged& plugged) { return plugged.slot == slot; };
    if (std::none_of(devices_.begin(), devices_.end(), taken)) return slot;
  }
  return ErrorWithErrno(ENOSPC, absl::StrCat("all ", kVirtioMmioSlots,
                                             " virtio-mmio slots of the machine are taken"));
}

void Machine::AddPlugged(Plugged plugged) {
  run_state_.AddDevice(*plugged.device);
  devices_.push_back(std::move(plugged));
}

absl::Status Machine::AdoptDevice(std::unique_ptr<Device> device, BlockBackendRef backend) {
  PLATTER_RETURN_IF_ERROR(CheckNewDeviceId(device->id()));
  AddPlugged({.backend = std::move(backend), .device = std::move(device)});
  return absl::OkStatus();
}

Task<absl::Status> Machine::DeviceDel(std::string_view id) {
  if (FindDevice(id) == nullptr) {
    co_return ErrorWithErrno(ENODEV, absl::StrCat("there is no device '", std::string(id), "'"));
  }
  co_await Unplug(std::string(id));
  co_return absl::OkStatus();
}

Task<void> Machine::Unplug(std::string id) {
  Device* device = FindDevice(id);
  AsyncEvent gone;
  device->Unplug([&gone] { gone.Set(); });
  co_await gone.Wait();
  // Others may have come and gone meanwhile: look again.
  const auto it = std::find_if(devices_.begin(), devices_.end(),
                               [device](const Plugged& p) { return p.device.get() == device; });
  if (it == devices_.end()) co_return;
  run_state_.RemoveDevice(*device);
  if (it->slot >= 0) {
    mmio().Unmap(kVirtioMmioBase + static_cast<uint64_t>(it->slot) * kVirtioMmioStride);
  }
  Plugged plugged = std::move(*it);
  devices_.erase(it);
  plugged.device.reset();
  plugged.transport.reset();
  if (plugged.backend != nullptr && plugged.backend->name().empty()) {
    co_await plugged.backend->Flush();
    // The device's own backend: its medium is free for others now.
    if (plugged.backend.use_count() == 1) (co_await plugged.backend->RemoveRoot()).IgnoreError();
  }
  Emit(DeviceDeletedEvent{std::move(id)});
}

Task<void> Machine::Reset() {
  std::vector<Device*> devices;
  devices.reserve(devices_.size());
  for (const Plugged& plugged : devices_) devices.push_back(plugged.device.get());
  for (Device* device : devices) {
    AsyncEvent done;
    device->Reset([&done] { done.Set(); });
    co_await done.Wait();
  }
  Emit(ResetEvent{});
}

Task<void> Machine::Shutdown() {
  while (!devices_.empty()) co_await Unplug(devices_.back().device->id());
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
  shut_down_ = true;
}

}  // namespace platter
