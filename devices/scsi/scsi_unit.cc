// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_unit.h"

namespace platter {

bool ScsiUnit::Reserve(uint8_t nexus) {
  int holder = kNobody;
  return reserved_by_.compare_exchange_strong(holder, nexus) || holder == nexus;
}

void ScsiUnit::Release(uint8_t nexus) {
  int holder = nexus;
  reserved_by_.compare_exchange_strong(holder, kNobody);
}

void ScsiUnit::Reset(SenseCode why) {
  reserved_by_.store(kNobody);
  set_descriptor_sense(false);
  attentions_.Clear();
  attentions_.Establish(why);
}

}  // namespace platter
