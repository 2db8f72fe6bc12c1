// SPDX-License-Identifier: Apache-2.0
//
// ScsiBuses: the SCSI adapters of a machine and who is where on them. A logical unit becomes a
// Device of the machine here, though its adapter is what has it.
//
// Ownership: it and the adapters outlive the places on them. Threading: control context.
// Units: none. Errors: ENOENT, EBUSY and ENOSPC, naming bus and address.

#ifndef PLATTER_MACHINE_SCSI_BUSES_H_
#define PLATTER_MACHINE_SCSI_BUSES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "devices/device.h"
#include "devices/scsi/scsi_unit.h"
#include "devices/virtio_scsi/virtio_scsi.h"
#include "machine/device_place.h"

namespace platter {

class ScsiBuses {
 public:
  struct Wish {
    std::string bus = {};                // "ID.0"; empty: the first adapter.
    std::optional<uint8_t> target = {};  // Nothing: the first without units.
    uint16_t lun = 0;
  };
  // A place that is taken, on its adapter; the unit itself is put there by Plug.
  struct Taken {
    std::unique_ptr<DevicePlace> place;
    VirtioScsi* adapter;
    ScsiAddress address;
  };

  // An adapter that has its own place among the machine's devices. The result holds both.
  std::unique_ptr<DevicePlace> AddAdapter(VirtioScsi& adapter, std::unique_ptr<DevicePlace> place);

  absl::StatusOr<Taken> Take(const Wish& wish);

  // The unit on its adapter, as a device with the name `id` and the field's name `model`.
  static absl::StatusOr<std::unique_ptr<Device>> Plug(const Taken& taken, std::string id,
                                                      const char* model,
                                                      std::unique_ptr<ScsiUnit> unit);

 private:
  class AdapterPlace;
  class UnitPlace;

  struct Adapter {
    VirtioScsi* device;
    std::vector<ScsiAddress> taken = {};
    bool leaving = false;  // Being unplugged: no unit comes to it.
  };

  absl::StatusOr<Adapter*> FindAdapter(const std::string& bus);

  std::vector<std::unique_ptr<Adapter>> adapters_;  // In the order of plugging.
};

}  // namespace platter

#endif  // PLATTER_MACHINE_SCSI_BUSES_H_
