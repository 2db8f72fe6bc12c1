// SPDX-License-Identifier: Apache-2.0
//
// IdeDevice: what a channel needs of a drive, and IdeOutcome and IdeWork, what the two tell each
// other. The drive's way to the channel is IdePort (ide_port.h); IdeDrive (ide_drive.h) does what
// ATA disks and packet drives have in common.
//
// Ownership: the drive outlives its attachment to a port.
// Threading: said at each function. Units, errors: none.

#ifndef PLATTER_DEVICES_IDE_IDE_DEVICE_H_
#define PLATTER_DEVICES_IDE_IDE_DEVICE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "devices/ide/ata_spec.h"
#include "devices/ide/bus_master.h"
#include "devices/ide/task_file.h"

namespace platter {

// ATA/ATAPI-6, 9.12: what a drive's registers say after a reset.
struct IdeSignature {
  uint8_t count = 1;
  uint8_t lba_low = 1;
  uint8_t lba_mid = 0;
  uint8_t lba_high = 0;
  uint8_t status = ata::kStatusGood;
  bool operator==(const IdeSignature&) const = default;
};
inline constexpr IdeSignature kAtaSignature = {};
inline constexpr IdeSignature kPacketSignature = {.lba_mid = 0x14, .lba_high = 0xeb, .status = 0};

enum class IdeReset : uint8_t {
  kPower,       // The machine's: Device::Reset.
  kSoftware,    // SRST of device control, both drives.
  kDiagnostic,  // EXECUTE DEVICE DIAGNOSTIC, both drives.
  kDevice,      // DEVICE RESET, a packet drive.
};

// What a drive has to do next.
enum class IdeEvent : uint8_t {
  kNone,
  kCommand,   // Run the command of the task file.
  kDataDone,  // The guest has moved the whole block that DataIn or DataOut offered.
  kDmaReady,  // The bus master has begun: move the data, then say EndDma.
  kReset,     // Stop everything, then say ResetDone.
};
struct IdeWork {
  IdeEvent event = IdeEvent::kNone;
  IdeReset reset = IdeReset::kSoftware;  // Of kReset.
  TaskFile task_file = {};               // Of kCommand.
  uint32_t prd_table = 0;                // Of kDmaReady: where the table is.
};

enum class IdeInterrupt : uint8_t { kNo, kYes };

// The end of a command.
struct IdeOutcome {
  uint8_t status = ata::kStatusGood;  // Without BSY and DRQ.
  uint8_t error = 0;
  IdeInterrupt interrupt = IdeInterrupt::kYes;
  // Of a transfer that EndDma has not ended: the engine shows it before the interrupt.
  std::optional<DmaEnd> dma = {};
};

class IdeDevice {
 public:
  // Any thread, under the channel's lock: returns at once. The port has work: the drive calls
  // IdePort::Take in its context, soon.
  virtual void OnWork() = 0;
  // Any thread; constant.
  virtual const std::string& name() const = 0;
  virtual IdeSignature signature() const = 0;
  // Whether DEVICE RESET is the drive's own command, taken even while it is busy (9.11).
  virtual bool takes_device_reset() const = 0;

 protected:
  ~IdeDevice() = default;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_DEVICE_H_
