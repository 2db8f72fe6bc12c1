// SPDX-License-Identifier: Apache-2.0
//
// MessageVectors: an interrupt controller for message-signalled interrupts in front of a bus's
// vectors: a message to kAddress raises the vector that its data names. Others are counted, since
// the guest chooses what a device sends.
//
//   MessageVectors messages(bus.Vectors(0), 16);
//   VirtioPciTransport transport(device, bus.memory(), bus.Line(1), messages, {});
//
// Ownership: the vectors outlive it. Threading: any thread. Errors: none.

#ifndef PLATTER_TESTING_GUEST_MESSAGE_VECTORS_H_
#define PLATTER_TESTING_GUEST_MESSAGE_VECTORS_H_

#include <atomic>
#include <cstdint>

#include "devices/bus/interrupt.h"
#include "devices/bus/message_sink.h"

namespace platter {

class MessageVectors final : public MessageSink {
 public:
  static constexpr uint64_t kAddress = 0xfee00000;

  MessageVectors(InterruptVectors& vectors, uint32_t count) : vectors_(vectors), count_(count) {}

  void Send(uint64_t address, uint32_t data) override {
    if (address == kAddress && data < count_) return vectors_.Raise(static_cast<uint16_t>(data));
    strays_.fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t strays() const { return strays_.load(std::memory_order_relaxed); }

 private:
  InterruptVectors& vectors_;
  const uint32_t count_;
  std::atomic<uint64_t> strays_{0};
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_MESSAGE_VECTORS_H_
