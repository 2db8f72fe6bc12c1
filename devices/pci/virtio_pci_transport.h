// SPDX-License-Identifier: Apache-2.0
//
// VirtioPciTransport: a virtio device as a function of a PCI bus (virtio 1.3, 4.1), the modern
// interface only. Put it on a bus: PciBus::Add(number, transport).
//
// BAR 0 (memory, 64 bits) has the structures, each from a page of its own, BAR 2 (memory, 32 bits)
// the MSI-X table, unless there are no vectors. In BAR 0 every width at every offset means
// something; what is between the structures reads zero and ignores writes:
// - common configuration: a read gives the bytes that are there. A write changes the fields that it
//   covers whole, in ascending order (halves of 64-bit fields count as fields), and no other.
// - ISR: a read of its byte, alone or as the first of more, clears it.
// - device configuration: bytes.
// - notifications: a write, whatever it says, notifies the queue at whose four bytes it begins.
//
// Writing 0 to the device status begins a reset; the status reads non-zero until it is done, and no
// register but those of PCI changes meanwhile (4.1.4.3.2: the driver waits for 0).
//
// Ownership: device, line, sink and memory outlive it. It is destroyed after the device.
// Threading: PciFunction's: any thread. Notifications, interrupts and the ISR are lock-free, the
// rest
//   is under the device's serialiser.
// Errors: none; see above for accesses that mean nothing.

#ifndef PLATTER_DEVICES_PCI_VIRTIO_PCI_TRANSPORT_H_
#define PLATTER_DEVICES_PCI_VIRTIO_PCI_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/bus/message_sink.h"
#include "devices/pci/msix.h"
#include "devices/pci/pci_config.h"
#include "devices/pci/pci_function.h"
#include "devices/pci/virtio_pci_spec.h"
#include "devices/virtio/driver_registers.h"
#include "devices/virtio/virtio_device.h"
#include "devices/virtio/virtio_transport.h"

namespace platter {

class VirtioPciTransport final : public PciFunction,
                                 public VirtioTransport,
                                 private VirtioTransportState {
 public:
  struct Options {
    // MSI-X vectors, at most kMsixMaxVectors; 0: there is no MSI-X. By default one for each queue
    // and one for configuration changes.
    std::optional<uint32_t> vectors = std::nullopt;
  };
  static constexpr uint32_t kBar = 0;
  static constexpr uint32_t kMsixBar = 2;
  // Where the structures are in BAR 0.
  static constexpr uint64_t kCommonAt = 0x0000;
  static constexpr uint64_t kIsrAt = 0x1000;
  static constexpr uint64_t kDeviceAt = 0x2000;
  static constexpr uint64_t kNotifyAt = 0x3000;
  static constexpr uint64_t kDeviceBytes = 0x1000;
  static constexpr uint32_t kNotifyMultiplier = 4;

  // Connects itself to `device`.
  VirtioPciTransport(VirtioDevice& device, std::shared_ptr<const GuestMemory> memory,
                     InterruptLine& line, MessageSink& sink, const Options& options);

  // PciFunction.
  uint32_t ReadConfig(uint32_t offset, unsigned width) override;
  void WriteConfig(uint32_t offset, unsigned width, uint32_t value) override;
  std::span<const PciBar, kPciBars> bars() const override { return config_.bars(); }
  uint64_t ReadBar(uint32_t bar, uint64_t offset, unsigned width) override;
  void WriteBar(uint32_t bar, uint64_t offset, unsigned width, uint64_t value) override;

  // VirtioTransport.
  void InterruptQueue(uint16_t queue) override;
  void InterruptConfig() override;
  void OnNeedsReset() override;
  void OnResetDone() override;
  void OnMachineReset() override;
  void OnQueueStopped(uint16_t queue) override;
  void OnUnplugged() override;
  VirtioTransportState* saved_state() override { return this; }

  // For tests and reports; any thread.
  uint8_t status() const { return registers_.status(); }

 private:
  struct WindowAccess {
    uint64_t offset;
    unsigned width;
  };

  void BuildCapabilities();
  uint8_t AddStructure(uint8_t type, uint64_t offset, uint64_t bytes,
                       std::span<const uint8_t> extra, std::span<const uint8_t> writable);

  // --- Common configuration (virtio_pci_common.cc). Serialised. ---

  uint64_t ReadCommon(uint64_t offset, unsigned width);
  void WriteCommon(uint64_t offset, unsigned width, uint64_t value);
  uint32_t ReadField(VirtioPciField field);
  uint32_t ReadQueueField(VirtioPciField field);
  void WriteField(VirtioPciField field, uint32_t value);
  void WriteQueueField(VirtioPciField field, uint32_t value);
  // What a vector register keeps of `value`: NO_VECTOR when there is no such vector.
  uint16_t MapVector(uint32_t value) const;
  // Of device configuration; the generation goes on with the first read that sees a change.
  void ReadDeviceConfig(uint64_t offset, std::span<uint8_t> out);

  // --- The window in configuration space (virtio_pci_window.cc). ---

  bool TouchesWindow(uint32_t offset, unsigned width) const;
  // Serialised. What its registers say, or nullopt when they name no part of a structure.
  std::optional<WindowAccess> SelectedByWindow() const;
  // Fills the data register with what is behind the window, before it is read.
  void ReadThroughWindow();
  void WriteThroughWindow();

  // --- VirtioTransportState (virtio_pci_state.cc). ---

  std::string Save() override;
  const char* Check(const std::string& state, bool features_ok, bool driver_ok) override;
  void Restore(const std::string& state) override;
  std::shared_ptr<const GuestMemory> memory() override { return registers_.memory(); }

  // --- Interrupts. ---

  // Serialised. What the configuration space says of interrupts holds from now on.
  void ApplyInterruptControl();
  void SetIsr(uint8_t cause);
  uint8_t TakeIsr();
  bool LineIsHigh() const;
  void UpdateLine();
  std::atomic<uint16_t>& config_vector() { return vectors_.back(); }

  VirtioDevice& device_;
  InterruptLine& line_;
  DriverRegisters registers_;
  Msix msix_;
  const uint64_t notify_bytes_;

  // Lock-free.
  std::vector<std::atomic<uint16_t>> vectors_;  // By queue, then of configuration changes.
  std::atomic<uint8_t> isr_{0};
  std::atomic<bool> intx_{true};  // Neither disabled nor replaced by MSI-X.
  std::atomic<bool> gone_{false};

  // Under the device's serialiser.
  PciConfig config_;
  uint32_t msix_at_ = 0;  // Capabilities; 0: none.
  uint32_t window_at_ = 0;
  // config_generation, and the device's when it was last counted (4.1.4.3.1).
  uint8_t generation_ = 0;
  uint32_t seen_generation_ = 0;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_VIRTIO_PCI_TRANSPORT_H_
