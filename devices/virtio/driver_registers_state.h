// SPDX-License-Identifier: Apache-2.0
//
// DriverRegisters in a transport's message, and back. The message has their fields by these names:
// status, device_features_sel, driver_features_sel, driver_features, queue_sel, and repeated queues
// with size, enabled, descriptors, driver, device, resetting, was_reset; whatever else it has is
// the transport's.
//
// Ownership: values. Threading: pure functions. Units: guest physical addresses. Errors: none; what
// comes from a message has not been looked at (DriverRegisters::Check).

#ifndef PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_STATE_H_
#define PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_STATE_H_

#include "devices/virtio/driver_registers.h"

namespace platter {

template <typename Message>
void SaveDriverRegisters(const DriverRegisters::Values& values, Message& to) {
  to.set_status(values.status);
  to.set_device_features_sel(values.device_features_sel);
  to.set_driver_features_sel(values.driver_features_sel);
  to.set_driver_features(values.driver_features);
  to.set_queue_sel(values.queue_sel);
  for (const DriverRegisters::Queue& queue : values.queues) {
    auto& registers = *to.add_queues();
    registers.set_size(queue.size);
    registers.set_enabled(queue.enabled);
    registers.set_descriptors(queue.descriptors);
    registers.set_driver(queue.driver);
    registers.set_device(queue.device);
    registers.set_resetting(queue.resetting);
    registers.set_was_reset(queue.was_reset);
  }
}

template <typename Message>
DriverRegisters::Values DriverRegistersOf(const Message& from) {
  DriverRegisters::Values values = {.status = from.status(),
                                    .device_features_sel = from.device_features_sel(),
                                    .driver_features_sel = from.driver_features_sel(),
                                    .driver_features = from.driver_features(),
                                    .queue_sel = from.queue_sel(),
                                    .queues = {}};
  for (const auto& queue : from.queues()) {
    values.queues.push_back({.size = queue.size(),
                             .enabled = queue.enabled(),
                             .descriptors = queue.descriptors(),
                             .driver = queue.driver(),
                             .device = queue.device(),
                             .resetting = queue.resetting(),
                             .was_reset = queue.was_reset()});
  }
  return values;
}

}  // namespace platter

#endif  // PLATTER_DEVICES_VIRTIO_DRIVER_REGISTERS_STATE_H_
