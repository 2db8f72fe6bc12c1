// SPDX-License-Identifier: Apache-2.0
//
// Where the guest of a machine finds a device: locations, as guest drivers are told them, and
// DevicePlace, which holds a device's registers and interrupt line for it.
//
// Ownership: a place is held until its device has been destroyed. Threading: control context.
// Units: guest physical addresses, port numbers. Errors: none.

#ifndef PLATTER_MACHINE_DEVICE_PLACE_H_
#define PLATTER_MACHINE_DEVICE_PLACE_H_

#include <cstdint>
#include <string>
#include <variant>

#include "devices/bus/interrupt.h"

namespace platter {

// The lines that the machine's devices pull.
class InterruptController {
 public:
  // The same object for the same number; it outlives the devices.
  virtual InterruptLine& Line(uint32_t number) = 0;

 protected:
  ~InterruptController() = default;
};

struct VirtioMmioLocation {
  uint64_t mmio_base = 0;
  uint32_t irq = 0;
};

struct IdeLocation {
  uint64_t command = 0;     // Port of the command block.
  uint64_t control = 0;     // Port of the control block.
  uint64_t bus_master = 0;  // Port of the channel's bus master registers.
  uint32_t irq = 0;
  uint8_t unit = 0;  // 0: device 0.
};

// Of a logical unit; that of its adapter is another device's.
struct ScsiLocation {
  std::string adapter = {};  // Its id.
  uint8_t target = 0;
  uint16_t lun = 0;
};

// Of devices that the embedder places himself there is nothing to say.
using DeviceLocation = std::variant<std::monostate, VirtioMmioLocation, IdeLocation, ScsiLocation>;

class DevicePlace {
 public:
  // The device has gone.
  virtual ~DevicePlace() = default;
  // The device is being unplugged: it takes no devices of its own any more.
  virtual void BeginLeaving() {}
  // The device is unplugged and about to go: the guest reaches its registers no more.
  virtual void TakeAway() = 0;
  virtual DeviceLocation location() const = 0;
};

}  // namespace platter

#endif  // PLATTER_MACHINE_DEVICE_PLACE_H_
