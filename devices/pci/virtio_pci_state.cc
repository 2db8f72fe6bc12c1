// SPDX-License-Identifier: Apache-2.0
//
// The registers of a virtio device on PCI in a saved state, and back.

#include <cstdint>
#include <string>

#include "base/arith.h"
#include "devices/pci/virtio_pci_state.pb.h"
#include "devices/pci/virtio_pci_transport.h"
#include "devices/virtio/driver_registers_state.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {
namespace {

constexpr uint32_t kVersion = 1;

bool IsVector(uint32_t vector, uint32_t vectors) {
  return vector < vectors || vector == kVirtioPciNoVector;
}

}  // namespace

std::string VirtioPciTransport::Save() {
  state::VirtioPci to;
  to.set_version(kVersion);
  to.set_config_space(config_.Save());
  to.set_msix(msix_.Save());
  to.set_isr(isr_.load());
  SaveDriverRegisters(registers_.Save(), to);
  to.set_config_vector(config_vector().load());
  to.set_generation(generation_);
  to.set_seen_generation(seen_generation_);
  for (int i = 0; i < to.queues_size(); ++i) {
    to.mutable_queues(i)->set_vector(vectors_[static_cast<size_t>(i)].load());
  }
  return to.SerializeAsString();
}

const char* VirtioPciTransport::Check(const std::string& state, bool features_ok, bool driver_ok) {
  state::VirtioPci from;
  if (!from.ParseFromString(state)) return "its registers are no message";
  if (from.version() != kVersion) return "the version of its registers";
  if (const char* wrong = config_.Check(from.config_space())) return wrong;
  if (const char* wrong = msix_.Check(from.msix())) return wrong;
  if ((from.isr() & ~uint32_t{kVirtioPciIsrQueue | kVirtioPciIsrConfig}) != 0) {
    return "its interrupt status";
  }
  if (from.queue_sel() > UINT16_MAX) return "its selected queue";
  if (from.generation() > UINT8_MAX) return "its generation";
  if (!IsVector(from.config_vector(), msix_.vectors())) return "its vectors";
  for (const state::VirtioPciQueue& queue : from.queues()) {
    const bool packed = (from.driver_features() & kVirtioFRingPacked) != 0;
    if (queue.size() == 0 || (!packed && !IsPowerOfTwo(queue.size())) ||
        queue.size() > device_.max_queue_size()) {
      return "the size of a queue";
    }
    if (!IsVector(queue.vector(), msix_.vectors())) return "its vectors";
  }
  return registers_.Check(DriverRegistersOf(from), features_ok, driver_ok);
}

void VirtioPciTransport::Restore(const std::string& state) {
  state::VirtioPci from;
  from.ParseFromString(state);
  registers_.Restore(DriverRegistersOf(from));
  for (int i = 0; i < from.queues_size(); ++i) {
    vectors_[static_cast<size_t>(i)].store(static_cast<uint16_t>(from.queues(i).vector()));
  }
  config_vector().store(static_cast<uint16_t>(from.config_vector()));
  generation_ = static_cast<uint8_t>(from.generation());
  seen_generation_ = from.seen_generation();
  config_.Restore(from.config_space());
  msix_.Restore(from.msix());
  isr_.store(static_cast<uint8_t>(from.isr()));
  ApplyInterruptControl();
}

}  // namespace platter
