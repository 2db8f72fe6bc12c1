// SPDX-License-Identifier: Apache-2.0
//
// PCI and virtio over PCI as a driver sees them. The guest has definitions of its own: one shared
// with the device would hide the device's mistakes.
// Sources: PCI Local Bus 3.0, virtio 1.3; clauses are given at each block.

#ifndef PLATTER_TESTING_GUEST_PCI_SPEC_H_
#define PLATTER_TESTING_GUEST_PCI_SPEC_H_

#include <cstdint>

namespace platter::guest {

// --- PCI 3.0, 3.2.2.3.2 configuration mechanism 1. ---
inline constexpr uint64_t kPciAddressPort = 0xcf8;
inline constexpr uint64_t kPciDataPort = 0xcfc;
inline constexpr uint32_t kPciAddressEnable = 0x80000000;

// --- 6.1 type 0 header. ---
inline constexpr uint32_t kPciVendor = 0x00;
inline constexpr uint32_t kPciDevice = 0x02;
inline constexpr uint32_t kPciCommand = 0x04;
inline constexpr uint32_t kPciStatus = 0x06;
inline constexpr uint32_t kPciRevision = 0x08;
inline constexpr uint32_t kPciClass = 0x0a;  // Class and subclass.
inline constexpr uint32_t kPciBar = 0x10;
inline constexpr uint32_t kPciSubsystem = 0x2e;
inline constexpr uint32_t kPciCapabilityPointer = 0x34;
inline constexpr uint32_t kPciNoVendor = 0xffff;
inline constexpr uint16_t kPciCommandMemory = 1 << 1;
inline constexpr uint16_t kPciCommandMaster = 1 << 2;
inline constexpr uint16_t kPciCommandNoIntx = 1 << 10;
inline constexpr uint16_t kPciStatusIntx = 1 << 3;
inline constexpr uint16_t kPciStatusCapabilities = 1 << 4;
inline constexpr uint32_t kPciBarCount = 6;
inline constexpr uint32_t kPciBarTypeMask = 0xf;
inline constexpr uint32_t kPciBarType64 = 4;

// --- 6.8.2 MSI-X. ---
inline constexpr uint8_t kPciMsix = 0x11;
inline constexpr uint32_t kPciMsixControl = 2;
inline constexpr uint32_t kPciMsixTable = 4;
inline constexpr uint32_t kPciMsixPending = 8;
inline constexpr uint16_t kPciMsixSizeMask = 0x7ff;
inline constexpr uint16_t kPciMsixMaskAll = 1 << 14;
inline constexpr uint16_t kPciMsixEnable = 1 << 15;
inline constexpr uint64_t kPciMsixEntry = 16;  // Address low and high, data, control.
inline constexpr uint64_t kPciMsixEntryData = 8;
inline constexpr uint64_t kPciMsixEntryControl = 12;

// --- virtio 1.3, 4.1.2. ---
inline constexpr uint32_t kVirtioVendor = 0x1af4;
inline constexpr uint32_t kVirtioModernDevice = 0x1040;

// --- 4.1.4 capabilities, offsets from their first byte. ---
inline constexpr uint8_t kPciVendorCapability = 0x09;
inline constexpr uint32_t kVirtioCapType = 3;
inline constexpr uint32_t kVirtioCapBar = 4;
inline constexpr uint32_t kVirtioCapOffset = 8;
inline constexpr uint32_t kVirtioCapLength = 12;
inline constexpr uint32_t kVirtioCapMultiplier = 16;  // Of notifications.
inline constexpr uint32_t kVirtioCapData = 16;        // Of the access window.
inline constexpr uint8_t kVirtioCapCommon = 1;
inline constexpr uint8_t kVirtioCapNotify = 2;
inline constexpr uint8_t kVirtioCapIsr = 3;
inline constexpr uint8_t kVirtioCapDevice = 4;
inline constexpr uint8_t kVirtioCapWindow = 5;

// --- 4.1.4.3 common configuration. ---
inline constexpr uint64_t kCommonDeviceFeatureSelect = 0x00;
inline constexpr uint64_t kCommonDeviceFeature = 0x04;
inline constexpr uint64_t kCommonDriverFeatureSelect = 0x08;
inline constexpr uint64_t kCommonDriverFeature = 0x0c;
inline constexpr uint64_t kCommonConfigVector = 0x10;
inline constexpr uint64_t kCommonNumQueues = 0x12;
inline constexpr uint64_t kCommonStatus = 0x14;
inline constexpr uint64_t kCommonGeneration = 0x15;
inline constexpr uint64_t kCommonQueueSelect = 0x16;
inline constexpr uint64_t kCommonQueueSize = 0x18;
inline constexpr uint64_t kCommonQueueVector = 0x1a;
inline constexpr uint64_t kCommonQueueEnable = 0x1c;
inline constexpr uint64_t kCommonQueueNotifyOff = 0x1e;
inline constexpr uint64_t kCommonQueueDesc = 0x20;
inline constexpr uint64_t kCommonQueueDriver = 0x28;
inline constexpr uint64_t kCommonQueueDevice = 0x30;
inline constexpr uint64_t kCommonQueueReset = 0x3a;
inline constexpr uint16_t kVirtioNoVector = 0xffff;

// --- 4.1.4.5 ISR. ---
inline constexpr uint8_t kIsrQueue = 1;
inline constexpr uint8_t kIsrConfig = 2;

}  // namespace platter::guest

#endif  // PLATTER_TESTING_GUEST_PCI_SPEC_H_
