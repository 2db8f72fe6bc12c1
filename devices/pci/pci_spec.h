// SPDX-License-Identifier: Apache-2.0
//
// Numbers of "PCI Local Bus Specification, Revision 3.0" (clauses are given at each block) that
// functions and the bus share.
//
// Threading: constants. Units: bytes unless said.

#ifndef PLATTER_DEVICES_PCI_PCI_SPEC_H_
#define PLATTER_DEVICES_PCI_PCI_SPEC_H_

#include <cstdint>

namespace platter {

// 6.1 Configuration Space Organization.
inline constexpr uint32_t kPciConfigBytes = 256;
inline constexpr uint32_t kPciDwordBytes = 4;
inline constexpr uint32_t kPciVendorId = 0x00;
inline constexpr uint32_t kPciDeviceId = 0x02;
inline constexpr uint32_t kPciCommand = 0x04;
inline constexpr uint32_t kPciStatus = 0x06;
inline constexpr uint32_t kPciRevisionId = 0x08;
inline constexpr uint32_t kPciClassCode = 0x09;  // Three bytes: interface, subclass, class.
inline constexpr uint32_t kPciCacheLineSize = 0x0c;
inline constexpr uint32_t kPciHeaderType = 0x0e;
inline constexpr uint32_t kPciBar0 = 0x10;
inline constexpr uint32_t kPciSubsystemVendorId = 0x2c;
inline constexpr uint32_t kPciSubsystemId = 0x2e;
inline constexpr uint32_t kPciCapabilities = 0x34;
inline constexpr uint32_t kPciInterruptLine = 0x3c;
inline constexpr uint32_t kPciInterruptPin = 0x3d;
inline constexpr uint32_t kPciHeaderEnd = 0x40;

// 6.2.2 Device Control: the command register.
inline constexpr uint16_t kPciCommandIo = 1 << 0;
inline constexpr uint16_t kPciCommandMemory = 1 << 1;
inline constexpr uint16_t kPciCommandBusMaster = 1 << 2;
inline constexpr uint16_t kPciCommandParity = 1 << 6;
inline constexpr uint16_t kPciCommandSerr = 1 << 8;
inline constexpr uint16_t kPciCommandIntxDisable = 1 << 10;

// 6.2.3 Device Status. Errors are cleared by writing 1 to them.
inline constexpr uint16_t kPciStatusInterrupt = 1 << 3;
inline constexpr uint16_t kPciStatusCapabilityList = 1 << 4;
inline constexpr uint16_t kPciStatusErrors = 0xf900;

// 6.2.4 Miscellaneous Registers: the pin INTA#.
inline constexpr uint8_t kPciPinA = 1;

// 6.2.5.1 Address Maps: the type bits of a base address register, its smallest sizes.
inline constexpr uint32_t kPciBars = 6;
inline constexpr uint32_t kPciBarIo = 1;
inline constexpr uint32_t kPciBarMemory64 = 4;
inline constexpr uint64_t kPciMinIoBar = 4;
inline constexpr uint64_t kPciMaxIoBar = 256;  // 6.2.5.1: a device may not ask for more.
inline constexpr uint64_t kPciMinMemoryBar = 16;

// 6.7 Capabilities List: two bytes (identifier, next), at a multiple of four.
inline constexpr uint32_t kPciCapabilityNext = 1;
inline constexpr uint32_t kPciCapabilityHeader = 2;
inline constexpr uint8_t kPciCapabilityVendor = 0x09;
inline constexpr uint8_t kPciCapabilityMsix = 0x11;

// 6.8.2 MSI-X Capability and Table Structure. Offsets in the capability ...
inline constexpr uint32_t kMsixControl = 2;
inline constexpr uint32_t kMsixTable = 4;
inline constexpr uint32_t kMsixPending = 8;
inline constexpr uint32_t kMsixCapabilityBytes = 12;
inline constexpr uint16_t kMsixFunctionMask = 1 << 14;
inline constexpr uint16_t kMsixEnable = 1 << 15;
inline constexpr uint32_t kMsixMaxVectors = 2048;
// ... and in an entry of the table.
inline constexpr uint32_t kMsixEntryBytes = 16;
inline constexpr uint32_t kMsixEntryMasked = 1;

// 3.2.2.3.2 Software Generation of Configuration Transactions (mechanism 1).
inline constexpr uint64_t kPciConfigPorts = 0xcf8;
inline constexpr uint64_t kPciConfigPortsBytes = 8;
inline constexpr uint64_t kPciConfigDataPort = 4;  // From the first.
inline constexpr uint32_t kPciConfigEnable = 0x80000000;
inline constexpr uint32_t kPciConfigAddressBits = 0x80fffffc;

// PCI Express Base 3.0, 7.2.2 Enhanced Configuration Access Mechanism: a page per function.
inline constexpr uint64_t kPciEcamFunctionBytes = 4096;
inline constexpr uint32_t kPciFunctionsPerDevice = 8;
inline constexpr uint32_t kPciDevicesPerBus = 32;
inline constexpr uint64_t kPciEcamBusBytes =
    kPciEcamFunctionBytes * kPciFunctionsPerDevice * kPciDevicesPerBus;

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_PCI_SPEC_H_
