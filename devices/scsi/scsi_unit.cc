// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_unit.h"

#include "devices/scsi/scsi_tray.h"

namespace platter {

ScsiUnit::ScsiUnit(ScsiIdentity identity, BlockDeviceView& backend, uint32_t block_size)
    : identity_(std::move(identity)), backend_(backend), block_size_(block_size) {}

ScsiUnit::~ScsiUnit() = default;

ScsiTray& ScsiUnit::AddTray(AioContext& control, const Sense& removal) {
  tray_ = std::make_unique<ScsiTray>(*this, control, removal);
  return *tray_;
}

bool ScsiUnit::Reserve(uint8_t nexus) {
  int holder = kNobody;
  return reserved_by_.compare_exchange_strong(holder, nexus) || holder == nexus;
}

void ScsiUnit::Release(uint8_t nexus) {
  int holder = nexus;
  reserved_by_.compare_exchange_strong(holder, kNobody);
}

void ScsiUnit::Reset(SenseCode why) {
  if (tray_ != nullptr) tray_->Reset();
  reserved_by_.store(kNobody);
  // SPC-4, 5.9: mode parameters stay over the loss of a nexus.
  if (why != SenseCode::kNexusLoss) set_descriptor_sense(false);
  attentions_.Clear();
  attentions_.Establish(why);
}

void ScsiUnit::ResetMachine() {
  if (tray_ != nullptr) tray_->ResetMachine();
  Reset(SenseCode::kPowerOnOrReset);
}

}  // namespace platter
