// SPDX-License-Identifier: Apache-2.0
//
// Numbers of virtio over PCI (virtio 1.3, 4.1; clauses are given at each block).
//
// Threading: constants. Units: bytes unless said.

#ifndef PLATTER_DEVICES_PCI_VIRTIO_PCI_SPEC_H_
#define PLATTER_DEVICES_PCI_VIRTIO_PCI_SPEC_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "devices/pci/pci_spec.h"

namespace platter {

// 4.1.2 PCI Device Discovery.
inline constexpr uint16_t kVirtioPciVendor = 0x1af4;
inline constexpr uint16_t kVirtioPciFirstDevice = 0x1040;
inline constexpr uint8_t kVirtioPciRevision = 1;

// 4.1.4 Virtio Structure PCI Capabilities: struct virtio_pci_cap, behind its header ...
struct VirtioPciCapability {
  uint8_t length;
  uint8_t type;
  uint8_t bar;
  uint8_t id;
  uint8_t padding[2];
  Le32 offset;
  Le32 bytes;
};
static_assert(sizeof(VirtioPciCapability) + kPciCapabilityHeader == 16);
inline constexpr uint8_t kVirtioPciCommon = 1;
inline constexpr uint8_t kVirtioPciNotify = 2;
inline constexpr uint8_t kVirtioPciIsr = 3;
inline constexpr uint8_t kVirtioPciDevice = 4;
inline constexpr uint8_t kVirtioPciAccess = 5;
// ... followed by notify_off_multiplier (4.1.4.4) or pci_cfg_data (4.1.4.9). Offsets in the
// capability, with its header.
inline constexpr uint32_t kVirtioPciCapBar = 4;
inline constexpr uint32_t kVirtioPciCapOffset = 8;
inline constexpr uint32_t kVirtioPciCapBytes = 12;
inline constexpr uint32_t kVirtioPciCapExtra = 16;

// 4.1.4.3 Common configuration structure layout. Fields of 64 bits are two of 32 (4.1.3).
enum class VirtioPciField : uint8_t {
  kDeviceFeatureSelect = 0x00,
  kDeviceFeature = 0x04,
  kDriverFeatureSelect = 0x08,
  kDriverFeature = 0x0c,
  kConfigMsixVector = 0x10,
  kNumQueues = 0x12,
  kDeviceStatus = 0x14,
  kConfigGeneration = 0x15,
  kQueueSelect = 0x16,
  kQueueSize = 0x18,
  kQueueMsixVector = 0x1a,
  kQueueEnable = 0x1c,
  kQueueNotifyOff = 0x1e,
  kQueueDescLow = 0x20,
  kQueueDescHigh = 0x24,
  kQueueDriverLow = 0x28,
  kQueueDriverHigh = 0x2c,
  kQueueDeviceLow = 0x30,
  kQueueDeviceHigh = 0x34,
  kQueueNotifyData = 0x38,
  kQueueReset = 0x3a,
  kAdminQueueIndex = 0x3c,
  kAdminQueueNum = 0x3e,
};
inline constexpr uint64_t kVirtioPciCommonBytes = 0x40;

// 4.1.4.5 ISR status capability.
inline constexpr uint8_t kVirtioPciIsrQueue = 1;
inline constexpr uint8_t kVirtioPciIsrConfig = 2;

// 4.1.5.1.2 MSI-X Vector Configuration.
inline constexpr uint16_t kVirtioPciNoVector = 0xffff;

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_VIRTIO_PCI_SPEC_H_
