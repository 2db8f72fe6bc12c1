// SPDX-License-Identifier: Apache-2.0
//
// InterruptSink: where a device's interrupts go: a line of an interrupt controller, message
// vectors, or the call eventfds of another process.
//
// Ownership: the sink outlives the device. Threading: any context; the sink synchronises itself.

#ifndef PLATTER_DEVICES_BUS_INTERRUPT_H_
#define PLATTER_DEVICES_BUS_INTERRUPT_H_

#include <cstdint>

namespace platter {

enum class LineLevel : uint8_t { kLow, kHigh };

// One level-triggered line.
class InterruptLine {
 public:
  virtual void Set(LineLevel level) = 0;

 protected:
  ~InterruptLine() = default;
};

// Edge-triggered message vectors, numbered by the transport.
class InterruptVectors {
 public:
  virtual void Raise(uint16_t vector) = 0;

 protected:
  ~InterruptVectors() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_INTERRUPT_H_
