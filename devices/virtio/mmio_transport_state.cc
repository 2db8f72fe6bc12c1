// SPDX-License-Identifier: Apache-2.0
//
// The registers of an MMIO transport in a saved state, and back.

#include <cstdint>
#include <string>

#include "devices/virtio/driver_registers_state.h"
#include "devices/virtio/mmio_transport.h"
#include "devices/virtio/virtio_state.pb.h"

namespace platter {

std::string MmioTransport::Save() {
  state::VirtioMmio to;
  SaveDriverRegisters(registers_.Save(), to);
  to.set_interrupt_status(interrupt_status_.load());
  return to.SerializeAsString();
}

const char* MmioTransport::Check(const std::string& state, bool features_ok, bool driver_ok) {
  state::VirtioMmio from;
  if (!from.ParseFromString(state)) return "its registers are no message";
  if ((from.interrupt_status() & ~(kMmioInterruptQueue | kMmioInterruptConfig)) != 0) {
    return "its interrupt status";
  }
  return registers_.Check(DriverRegistersOf(from), features_ok, driver_ok);
}

void MmioTransport::Restore(const std::string& state) {
  state::VirtioMmio from;
  from.ParseFromString(state);
  registers_.Restore(DriverRegistersOf(from));
  UpdateNotifyMask();
  interrupt_status_.store(from.interrupt_status());
  UpdateLine();
}

}  // namespace platter
