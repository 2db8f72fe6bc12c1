// SPDX-License-Identifier: Apache-2.0

#include "devices/scsi/scsi_unit_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "devices/scsi/scsi_tray.h"

namespace platter {
namespace {

void SaveTray(const TraySnapshot& tray, state::Tray& to) {
  to.set_open(tray.open);
  to.set_locked(tray.locked);
  to.set_medium(tray.medium);
  to.set_eject_requested(tray.eject_requested);
  to.set_removal_due(tray.removal_due);
  to.set_arrival_due(tray.arrival_due);
  to.set_report(static_cast<uint32_t>(tray.report));
}

TraySnapshot TrayOf(const state::Tray& from) {
  return {.open = from.open(),
          .locked = from.locked(),
          .medium = from.medium(),
          .eject_requested = from.eject_requested(),
          .removal_due = from.removal_due(),
          .arrival_due = from.arrival_due(),
          .report = static_cast<TrayReport>(from.report())};
}

bool IsAttention(uint32_t code) {
  return std::any_of(UnitAttentions::kOrder.begin(), UnitAttentions::kOrder.end(),
                     [code](SenseCode each) { return static_cast<uint32_t>(each) == code; });
}

}  // namespace

void SaveUnit(const ScsiUnit& unit, state::ScsiUnit& to) {
  for (uint8_t nexus = 0; nexus < UnitAttentions::kMaxNexuses; ++nexus) {
    for (const SenseCode code : UnitAttentions::kOrder) {
      if (!unit.attentions().pending(code, nexus)) continue;
      state::ScsiAttention& attention = *to.add_attentions();
      attention.set_nexus(nexus);
      attention.set_code(static_cast<uint32_t>(code));
    }
  }
  if (unit.reserved_by() != ScsiUnit::kNobody) {
    to.set_reserved_by(static_cast<uint32_t>(unit.reserved_by()));
  }
  to.set_descriptor_sense(unit.sense_format() == SenseFormat::kDescriptor);
  to.set_write_cache(unit.backend().write_cache_enabled());
  if (unit.tray() == nullptr) return;
  SaveTray(unit.tray()->mechanism().snapshot(), *to.mutable_tray());
  for (uint8_t nexus = 1; nexus < UnitAttentions::kMaxNexuses; ++nexus) {
    const TrayReport report = unit.tray()->report(nexus);
    if (report == unit.tray()->report(0)) continue;
    state::ScsiTrayReport& saved = *to.add_tray_reports();
    saved.set_nexus(nexus);
    saved.set_report(static_cast<uint32_t>(report));
  }
}

absl::Status CheckUnit(const state::ScsiUnit& from, const ScsiUnit& unit) {
  for (const state::ScsiAttention& attention : from.attentions()) {
    if (attention.nexus() >= UnitAttentions::kMaxNexuses || !IsAttention(attention.code())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no unit attention ", attention.code(), " for initiator ", attention.nexus()));
    }
  }
  if (from.has_reserved_by() && from.reserved_by() >= UnitAttentions::kMaxNexuses) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no initiator ", from.reserved_by(), " to have reserved it"));
  }
  if (from.has_tray() != (unit.tray() != nullptr)) {
    return absl::InvalidArgumentError(from.has_tray() ? "it has a tray, and the device has none"
                                                      : "it has no tray, and the device has one");
  }
  if (from.tray().report() > static_cast<uint32_t>(TrayReport::kArrived)) {
    return absl::InvalidArgumentError(absl::StrCat("a tray has no report ", from.tray().report()));
  }
  for (const state::ScsiTrayReport& report : from.tray_reports()) {
    if (!from.has_tray() || report.nexus() >= UnitAttentions::kMaxNexuses ||
        report.report() > static_cast<uint32_t>(TrayReport::kArrived)) {
      return absl::InvalidArgumentError(absl::StrCat("a tray has no report ", report.report(),
                                                     " for initiator ", report.nexus()));
    }
  }
  return absl::OkStatus();
}

void RestoreUnit(const state::ScsiUnit& from, ScsiUnit& unit) {
  unit.attentions().Clear();
  for (const state::ScsiAttention& attention : from.attentions()) {
    unit.attentions().EstablishFor(static_cast<SenseCode>(attention.code()),
                                   static_cast<uint8_t>(attention.nexus()));
  }
  unit.RestoreReservation(from.has_reserved_by() ? static_cast<int>(from.reserved_by())
                                                 : ScsiUnit::kNobody);
  unit.set_descriptor_sense(from.descriptor_sense());
  unit.backend().set_write_cache_enabled(from.write_cache());
  if (unit.tray() == nullptr) return;
  unit.tray()->Restore(TrayOf(from.tray()));
  for (const state::ScsiTrayReport& report : from.tray_reports()) {
    unit.tray()->RestoreReport(static_cast<uint8_t>(report.nexus()),
                               static_cast<TrayReport>(report.report()));
  }
}

void SaveSense(const Sense& sense, state::Sense& to) {
  to.set_key(static_cast<uint32_t>(sense.key));
  to.set_code(static_cast<uint32_t>(sense.code));
  if (sense.information) to.set_information(*sense.information);
}

bool RestoreSense(const state::Sense& from, Sense& sense) {
  constexpr uint32_t kLastKey = 0x0f;  // SPC-4, table 28: four bits.
  if (from.key() > kLastKey || from.code() > UINT16_MAX) return false;
  sense = {.key = static_cast<SenseKey>(from.key()), .code = static_cast<SenseCode>(from.code())};
  if (from.has_information()) sense.information = from.information();
  return true;
}

}  // namespace platter
