// SPDX-License-Identifier: Apache-2.0
//
// What a run of the demonstration can be told.
//
// Ownership: values. Threading: any. Units: nanoseconds. Errors: none.

#ifndef PLATTER_TESTING_DEMO_DEMO_OPTIONS_H_
#define PLATTER_TESTING_DEMO_DEMO_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "aio/clock.h"

namespace platter {

// What a test breaks, beneath the step that must notice it.
enum class Sabotage : uint8_t {
  kNone,
  kWrongSerial,           // identify: the device has another serial number than it was given.
  kWrongDriveSerial,      // drives: so has the CD-ROM drive.
  kWrongScsiSerial,       // drives: so has the SCSI disk.
  kFailingWrites,         // read-write: a blkdebug rule fails a write.
  kCorruptedData,         // read-write: a byte of the image changes behind the guest's back.
  kCorruptedDisc,         // disc: a byte of the disc's file changes.
  kLostTrayEvent,         // eject: DEVICE_TRAY_MOVED never arrives.
  kUnlockedTray,          // disc-change: the guest does not lock the tray.
  kSameDisc,              // disc-change: the host puts the old disc back in.
  kLostInterrupt,         // growth: the disk's interrupt line is cut.
  kLostScsiInterrupt,     // scsi-growth: so is the SCSI adapter's.
  kRoomLeft,              // nospace-report: the file system is not full.
  kWrongPolicy,           // nospace-ignore: the device was plugged with werror=report.
  kLostStopEvent,         // nospace-enospc: STOP never arrives.
  kNoRoomMade,            // nospace-stop: nobody makes room.
  kCorruptedNewData,      // nospace-enospc, on tmpfs: a byte of what was written changes.
  kScsiRoomLeft,          // scsi-nospace-report, ... : the same.
  kScsiWrongPolicy,       // scsi-nospace-ignore
  kScsiLostStopEvent,     // scsi-nospace-enospc
  kScsiNoRoomMade,        // scsi-nospace-stop
  kScsiCorruptedNewData,  // scsi-nospace-enospc, on tmpfs
  kNoReadError,           // readerror-report: no read fails.
  kWrongReadPolicy,       // readerror-ignore: the drive was plugged with rerror=report.
  kReadPolicyTaken,       // readerror-enospc: the drive is asked for rerror=stop instead.
  kReadErrorStays,        // readerror-stop: every read fails, not one.
  kLostDeletedEvent,      // shutdown: DEVICE_DELETED of the SCSI adapter never arrives.
  kCorruptedImage,        // shutdown: a byte of the image changes at the end.
};

struct DemoOptions {
  enum class Space : uint8_t {
    kTmpfs,            // A small tmpfs; where the host refuses it, as below.
    kAllocationLimit,  // A memory node with an allocation limit.
  };
  enum class Pace : uint8_t { kFull, kFast };
  enum class Files : uint8_t { kRemove, kKeep };

  std::string disk = {};  // A raw image to copy; empty: one is made.
  std::string iso = {};   // An ISO 9660 image to read; empty: one is made.
  // The program that makes it; where there is none the disk holds a pattern.
  std::string mkfs = "mkfs.ext4";
  // The program that makes discs; where there is none they hold patterns.
  std::string xorriso = "xorriso";
  // The program that looks at what mkfs made, at the end; where there is none nobody does.
  std::string fsck = "e2fsck";
  uint64_t seed = 1;
  Pace pace = Pace::kFull;
  Space space = Space::kTmpfs;
  Files files = Files::kRemove;
  // How long host and guest wait for what must happen at once.
  Duration patience = std::chrono::seconds(5);
  Sabotage sabotage = Sabotage::kNone;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_DEMO_OPTIONS_H_
