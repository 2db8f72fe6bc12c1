// SPDX-License-Identifier: Apache-2.0

#include "machine/scsi_buses.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

constexpr unsigned kTargets = 256;

std::string BusOf(const VirtioScsi& adapter) { return adapter.id() + ".0"; }

// A unit in the machine's list. Its adapter runs, stops and resets it with everything it has.
class UnitDevice final : public Device {
 public:
  UnitDevice(VirtioScsi& adapter, const ScsiAddress& address, std::string id, const char* model)
      : adapter_(adapter), address_(address), id_(std::move(id)), model_(model) {}

  const std::string& id() const override { return id_; }
  const char* model() const override { return model_; }
  void Reset(DeviceDone done) override { std::move(done)(); }
  void Pause(DeviceDone done) override { std::move(done)(); }
  void Resume() override {}
  void Unplug(DeviceDone done) override {
    // It is there: only this call takes it away, once.
    adapter_.RemoveUnit(address_, std::move(done)).IgnoreError();
  }

 private:
  VirtioScsi& adapter_;
  const ScsiAddress address_;
  const std::string id_;
  const char* const model_;
};

}  // namespace

class ScsiBuses::AdapterPlace final : public DevicePlace {
 public:
  AdapterPlace(ScsiBuses& buses, Adapter& adapter, std::unique_ptr<DevicePlace> place)
      : buses_(buses), adapter_(adapter), place_(std::move(place)) {}
  ~AdapterPlace() override {
    std::erase_if(buses_.adapters_, [this](const auto& each) { return each.get() == &adapter_; });
  }
  void BeginLeaving() override { adapter_.leaving = true; }
  void TakeAway() override { place_->TakeAway(); }
  DeviceLocation location() const override { return place_->location(); }

 private:
  ScsiBuses& buses_;
  Adapter& adapter_;
  std::unique_ptr<DevicePlace> place_;
};

class ScsiBuses::UnitPlace final : public DevicePlace {
 public:
  UnitPlace(Adapter& adapter, const ScsiAddress& address) : adapter_(adapter), address_(address) {
    adapter_.taken.push_back(address_);
  }
  ~UnitPlace() override { std::erase(adapter_.taken, address_); }
  // The adapter has let go of it.
  void TakeAway() override {}
  DeviceLocation location() const override {
    return ScsiLocation{
        .adapter = adapter_.device->id(), .target = address_.target, .lun = address_.lun};
  }

 private:
  Adapter& adapter_;
  const ScsiAddress address_;
};

std::unique_ptr<DevicePlace> ScsiBuses::AddAdapter(VirtioScsi& adapter,
                                                   std::unique_ptr<DevicePlace> place) {
  adapters_.push_back(std::make_unique<Adapter>(Adapter{.device = &adapter}));
  return std::make_unique<AdapterPlace>(*this, *adapters_.back(), std::move(place));
}

absl::StatusOr<ScsiBuses::Adapter*> ScsiBuses::FindAdapter(const std::string& bus) {
  for (const std::unique_ptr<Adapter>& adapter : adapters_) {
    if (bus.empty() && !adapter->leaving) return adapter.get();
    if (bus != BusOf(*adapter->device)) continue;
    if (!adapter->leaving) return adapter.get();
    return ErrorWithErrno(EBUSY, absl::StrCat("SCSI bus '", bus, "': device '",
                                              adapter->device->id(), "' is being unplugged"));
  }
  if (bus.empty()) return ErrorWithErrno(ENOENT, "the machine has no SCSI adapter");
  return ErrorWithErrno(ENOENT, absl::StrCat("there is no SCSI bus '", bus, "'"));
}

absl::StatusOr<ScsiBuses::Taken> ScsiBuses::Take(const Wish& wish) {
  const absl::StatusOr<Adapter*> found = FindAdapter(wish.bus);
  if (!found.ok()) return found.status();
  Adapter& adapter = **found;
  ScsiAddress address = {.target = wish.target.value_or(0), .lun = wish.lun};
  if (!wish.target) {
    const auto has_units = [&adapter](unsigned target) {
      return std::any_of(adapter.taken.begin(), adapter.taken.end(),
                         [target](const ScsiAddress& at) { return at.target == target; });
    };
    unsigned target = 0;
    while (target < kTargets && has_units(target)) ++target;
    if (target == kTargets) {
      return ErrorWithErrno(ENOSPC, absl::StrCat("all ", kTargets, " targets of SCSI bus '",
                                                 BusOf(*adapter.device), "' have units"));
    }
    address.target = static_cast<uint8_t>(target);
  }
  if (std::find(adapter.taken.begin(), adapter.taken.end(), address) != adapter.taken.end()) {
    return ErrorWithErrno(
        EBUSY, absl::StrCat("SCSI bus '", BusOf(*adapter.device), "', scsi-id ", address.target,
                            ", lun ", address.lun, " has a unit already"));
  }
  return Taken{.place = std::make_unique<UnitPlace>(adapter, address),
               .adapter = adapter.device,
               .address = address};
}

absl::StatusOr<std::unique_ptr<Device>> ScsiBuses::Plug(const Taken& taken, std::string id,
                                                        const char* model,
                                                        std::unique_ptr<ScsiUnit> unit) {
  PLATTER_RETURN_IF_ERROR(taken.adapter->AddUnit(taken.address, std::move(unit)));
  return std::make_unique<UnitDevice>(*taken.adapter, taken.address, std::move(id), model);
}

}  // namespace platter
