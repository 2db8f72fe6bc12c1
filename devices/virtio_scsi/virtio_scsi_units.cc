// SPDX-License-Identifier: Apache-2.0
//
// The units of the adapter: how they come and go, what the driver hears of them, and what its task
// management functions do to them. All in the control context.

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"

#include "devices/virtio/gather.h"
#include "devices/virtio_scsi/virtio_scsi.h"

namespace platter {

void VirtioScsi::ForEachLane(const LaneWork& work, DeviceDone done) {
  auto gather = std::make_shared<Gather>(lanes_.size(), control(), std::move(done));
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->context().Post([work, i, gather] { work(i, [gather] { gather->Arrive(); }); });
  }
}

VirtioScsi::Unit* VirtioScsi::Find(const ScsiAddress& address) {
  Unit* unit = table_.Find(address);
  return unit == nullptr || unit->leaving ? nullptr : unit;
}

bool VirtioScsi::HasTarget(uint8_t target) {
  const auto units = table_.Target(target);
  return std::any_of(units.begin(), units.end(),
                     [](const auto& entry) { return !entry.unit->leaving; });
}

std::string VirtioScsi::PlaceOf(const ScsiAddress& address) const {
  return absl::StrCat("virtio-scsi device '", id(), "': target ", address.target, " LUN ",
                      address.lun);
}

// --- Coming and going. ---

absl::Status VirtioScsi::AddUnit(const ScsiAddress& address, std::unique_ptr<ScsiUnit> scsi) {
  if (address.lun >= kMaxLuns) {
    return absl::InvalidArgumentError(
        absl::StrCat(PlaceOf(address), " is beyond the last LUN, ", kMaxLuns - 1));
  }
  if (table_.Find(address) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(PlaceOf(address), " is taken"));
  }
  units_.push_back(std::make_unique<Unit>());
  Unit& unit = *units_.back();
  unit.address = address;
  unit.scsi = std::move(scsi);
  for (const auto& lane : lanes_) unit.lanes.push_back(lane->Open(*unit.scsi));
  unit.scsi->set_on_news([this, &unit](ScsiNews news) { OnNews(unit, news); });
  table_.Insert(address, unit);
  Insert(unit);
  return absl::OkStatus();
}

void VirtioScsi::Insert(Unit& unit) {
  const ScsiAddress address = unit.address;
  {
    SerialiserLock lock(serialiser());
    if (!ever_started_) {
      // Nothing runs there yet, and what will starts under the serialiser.
      for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->Insert(address, *unit.lanes[i]);
      return;
    }
  }
  ForEachLane(
      [this, address, &unit](size_t lane, DeviceDone arrive) {
        lanes_[lane]->Insert(address, *unit.lanes[lane]);
        std::move(arrive)();
      },
      [this, address] {
        TellOthers(address);
        PostEvent(kVirtioScsiFHotplug, kVirtioScsiTransportReset, address, kVirtioScsiResetRescan);
      });
}

absl::Status VirtioScsi::RemoveUnit(const ScsiAddress& address, DeviceDone done) {
  Unit* unit = Find(address);
  if (unit == nullptr) return absl::NotFoundError(absl::StrCat(PlaceOf(address), " has no unit"));
  unit->waiters.push_back(std::move(done));
  Leave(*unit);
  return absl::OkStatus();
}

void VirtioScsi::Leave(Unit& unit) {
  unit.leaving = true;
  ForEachLane(
      [this, address = unit.address](size_t lane, DeviceDone arrive) {
        lanes_[lane]->Remove(address, std::move(arrive));
      },
      [this, &unit] { Gone(unit); });
}

void VirtioScsi::Gone(Unit& unit) {
  const ScsiAddress address = unit.address;
  // No lock stays behind. A tray goes as it is: no movement of it is told.
  unit.scsi->Reset(SenseCode::kPowerOnOrReset);
  std::vector<DeviceDone> waiters = std::move(unit.waiters);
  table_.Erase(address);
  std::erase_if(units_, [&](const auto& candidate) { return candidate.get() == &unit; });
  TellOthers(address);
  PostEvent(kVirtioScsiFHotplug, kVirtioScsiTransportReset, address, kVirtioScsiResetRemoved);
  for (DeviceDone& waiter : waiters) std::move(waiter)();
}

// --- What the driver hears. ---

void VirtioScsi::PostEvent(uint64_t feature, uint32_t event, const ScsiAddress& address,
                           uint32_t reason) {
  {
    SerialiserLock lock(serialiser());
    if ((features() & feature) != feature) return;
  }
  event_queue_.Post({.event = event, .lun = EncodeLun(address), .reason = reason});
}

void VirtioScsi::TellOthers(const ScsiAddress& address) {
  // SPC-4, 6.33: the initiator has to read the list again.
  for (const auto& entry : table_.Target(address.target)) {
    if (entry.lun == address.lun) continue;
    entry.unit->scsi->attentions().Establish(SenseCode::kReportedLunsDataChanged);
  }
}

void VirtioScsi::OnNews(Unit& unit, ScsiNews news) {
  if (unit.leaving) return;
  // 5.6.6.3: media events are for subscribers. MMC devices have no other news, so there is never a
  // parameter change of one.
  if (news == ScsiNews::kTray) {
    if ((unit.subscribed & kVirtioScsiNotifyMediaChange) == 0) return;
    return PostEvent(0, kVirtioScsiAsyncNotify, unit.address, kVirtioScsiNotifyMediaChange);
  }
  const auto code = static_cast<uint32_t>(SenseCode::kCapacityDataChanged);
  PostEvent(kVirtioScsiFChange, kVirtioScsiParamChange, unit.address,
            code >> 8 | (code & 0xff) << 8);
}

uint32_t VirtioScsi::NotificationsOf(const ScsiAddress& address) {
  const Unit* unit = Find(address);
  return unit != nullptr && unit->scsi->tray() != nullptr ? kVirtioScsiNotifyMediaChange : 0;
}

void VirtioScsi::Subscribe(const ScsiAddress& address, uint32_t notifications) {
  if (Unit* unit = Find(address)) unit->subscribed = notifications;
}

// --- Task management. ---

void VirtioScsi::CancelTasks(const ScsiTaskFilter& filter, VirtioScsiResponse response,
                             DeviceDone done) {
  ForEachLane(
      [this, filter, response](size_t lane, DeviceDone arrive) {
        lanes_[lane]->Cancel(filter, response, std::move(arrive));
      },
      std::move(done));
}

void VirtioScsi::LookForTasks(const ScsiTaskFilter& filter,
                              absl::AnyInvocable<void(bool found) &&> done) {
  auto found = std::make_shared<std::atomic<bool>>(false);
  ForEachLane(
      [this, filter, found](size_t lane, DeviceDone arrive) {
        if (lanes_[lane]->Has(filter)) found->store(true, std::memory_order_relaxed);
        std::move(arrive)();
      },
      [found, then = std::move(done)]() mutable {
        std::move(then)(found->load(std::memory_order_relaxed));
      });
}

void VirtioScsi::ResetUnits(const ScsiTaskFilter& filter, SenseCode why) {
  for (const auto& entry : table_.Target(filter.target)) {
    if (filter.lun && entry.lun != *filter.lun) continue;
    if (!entry.unit->leaving) entry.unit->scsi->Reset(why);
  }
}

}  // namespace platter
