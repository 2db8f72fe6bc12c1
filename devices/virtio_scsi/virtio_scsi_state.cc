// SPDX-License-Identifier: Apache-2.0
//
// What a saved state has of a virtio-scsi adapter besides its rings: its units, where they are, and
// events that wait.

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <utility>

#include "devices/scsi/scsi_unit_state.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "devices/virtio_scsi/virtio_scsi_state.pb.h"

namespace platter {

std::string VirtioScsi::SaveType() {
  state::VirtioScsi to;
  to.set_sense_size(config_.sense_size.get());
  to.set_cdb_size(config_.cdb_size.get());
  for (const auto& unit : units_) {
    if (unit->leaving) continue;
    state::VirtioScsiUnit& saved = *to.add_units();
    saved.set_target(unit->address.target);
    saved.set_lun(unit->address.lun);
    saved.set_subscribed(unit->subscribed);
    SaveUnit(*unit->scsi, *saved.mutable_unit());
  }
  for (const VirtioScsiEvent& event : event_queue_.waiting()) to.add_events(&event, sizeof(event));
  to.set_events_missed(event_queue_.missed());
  return to.SerializeAsString();
}

// A restored adapter has the units that the saved one had, each once.
const char* VirtioScsi::CheckType(const std::string& state) {
  state::VirtioScsi from;
  if (!from.ParseFromString(state)) return "its configuration is no message";
  const auto present =
      std::count_if(units_.begin(), units_.end(), [](const auto& unit) { return !unit->leaving; });
  if (from.units_size() != present) return "the number of its units";
  std::vector<const Unit*> seen;
  for (const state::VirtioScsiUnit& saved : from.units()) {
    if (saved.target() > UINT8_MAX || saved.lun() > UINT16_MAX) return "the place of a unit";
    const Unit* const unit = Find({.target = static_cast<uint8_t>(saved.target()),
                                   .lun = static_cast<uint16_t>(saved.lun())});
    if (unit == nullptr || std::find(seen.begin(), seen.end(), unit) != seen.end()) {
      return "the place of a unit";
    }
    seen.push_back(unit);
    if (!CheckUnit(saved.unit(), *unit->scsi).ok()) return "a unit";
  }
  if (static_cast<size_t>(from.events_size()) > VirtioScsiEventQueue::kMaxWaiting) {
    return "the number of events that wait";
  }
  for (const std::string& event : from.events()) {
    if (event.size() != sizeof(VirtioScsiEvent)) return "an event that waits";
  }
  return nullptr;
}

void VirtioScsi::RestoreType(const std::string& state) {
  state::VirtioScsi from;
  from.ParseFromString(state);
  SetSizes(from.sense_size(), from.cdb_size());
  for (const state::VirtioScsiUnit& saved : from.units()) {
    Unit& unit = *Find({.target = static_cast<uint8_t>(saved.target()),
                        .lun = static_cast<uint16_t>(saved.lun())});
    unit.subscribed = saved.subscribed();
    RestoreUnit(saved.unit(), *unit.scsi);
  }
  std::deque<VirtioScsiEvent> waiting;
  for (const std::string& event : from.events()) {
    std::memcpy(&waiting.emplace_back(), event.data(), sizeof(VirtioScsiEvent));
  }
  event_queue_.Restore(std::move(waiting), from.events_missed());
}

}  // namespace platter
