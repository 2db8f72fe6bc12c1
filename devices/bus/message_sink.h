// SPDX-License-Identifier: Apache-2.0
//
// MessageSink: where message-signalled interrupts go: what a device writes to an address outside of
// memory (an interrupt controller's). The guest chooses both numbers, so a sink takes any.
//
// Ownership: the sink outlives the device. Threading: any context, also one that holds the device's
// lock; the sink synchronises itself and does not call back. Units: a bus address.

#ifndef PLATTER_DEVICES_BUS_MESSAGE_SINK_H_
#define PLATTER_DEVICES_BUS_MESSAGE_SINK_H_

#include <cstdint>

namespace platter {

class MessageSink {
 public:
  virtual void Send(uint64_t address, uint32_t data) = 0;

 protected:
  ~MessageSink() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_BUS_MESSAGE_SINK_H_
