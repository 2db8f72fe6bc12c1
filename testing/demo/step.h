// SPDX-License-Identifier: Apache-2.0
//
// The steps of the demonstration, in their order. Each does one thing with the stage, tells it, and
// checks that it held.
//
// Ownership: names are literals. Threading: as the stage.
// Errors: a step returns what did not hold, in a sentence.

#ifndef PLATTER_TESTING_DEMO_STEP_H_
#define PLATTER_TESTING_DEMO_STEP_H_

#include <array>

#include "absl/status/status.h"

#include "testing/demo/stage.h"

namespace platter {

struct Step {
  const char* name;
  const char* title;
  absl::Status (*run)(Stage& stage);
};

absl::Status StepIdentify(Stage& stage);
absl::Status StepDrives(Stage& stage);
absl::Status StepReadWrite(Stage& stage);
absl::Status StepDisc(Stage& stage);
absl::Status StepEject(Stage& stage);
absl::Status StepDiscChange(Stage& stage);
absl::Status StepGrowth(Stage& stage);
absl::Status StepScsiGrowth(Stage& stage);
absl::Status StepNoSpaceReport(Stage& stage);
absl::Status StepNoSpaceIgnore(Stage& stage);
absl::Status StepNoSpaceEnospc(Stage& stage);
absl::Status StepNoSpaceStop(Stage& stage);
absl::Status StepScsiNoSpaceReport(Stage& stage);
absl::Status StepScsiNoSpaceIgnore(Stage& stage);
absl::Status StepScsiNoSpaceEnospc(Stage& stage);
absl::Status StepScsiNoSpaceStop(Stage& stage);
absl::Status StepReadErrorReport(Stage& stage);
absl::Status StepReadErrorIgnore(Stage& stage);
absl::Status StepReadErrorEnospc(Stage& stage);
absl::Status StepReadErrorStop(Stage& stage);
absl::Status StepShutdown(Stage& stage);

inline constexpr auto kDemoSteps = std::to_array<Step>({
    {"identify", "the guest finds its disk", StepIdentify},
    {"drives", "it finds its CD-ROM drive and its SCSI disk", StepDrives},
    {"read-write", "verified reads and writes through the ring", StepReadWrite},
    {"disc", "a file on the disc in the CD-ROM drive", StepDisc},
    {"eject", "a locked tray: the host asks, the guest grants, the disc is changed", StepEject},
    {"disc-change", "the same of the CD-ROM drive, by its commands", StepDiscChange},
    {"growth", "the disk grows while it is used", StepGrowth},
    {"scsi-growth", "so does the SCSI disk", StepScsiGrowth},
    {"nospace-report", "no space left, werror=report: the guest is told", StepNoSpaceReport},
    {"nospace-ignore", "no space left, werror=ignore: nobody is told", StepNoSpaceIgnore},
    {"nospace-enospc", "no space left, werror=enospc: the machine waits for room",
     StepNoSpaceEnospc},
    {"nospace-stop", "no space left, werror=stop: the machine waits, twice", StepNoSpaceStop},
    {"scsi-nospace-report", "the same on a SCSI disk, werror=report: the guest is told",
     StepScsiNoSpaceReport},
    {"scsi-nospace-ignore", "on a SCSI disk, werror=ignore: nobody is told", StepScsiNoSpaceIgnore},
    {"scsi-nospace-enospc", "on a SCSI disk, werror=enospc: the machine waits",
     StepScsiNoSpaceEnospc},
    {"scsi-nospace-stop", "on a SCSI disk, werror=stop: it waits, twice", StepScsiNoSpaceStop},
    {"readerror-report", "a disc with a scratch, rerror=report: the guest is told",
     StepReadErrorReport},
    {"readerror-ignore", "a disc with a scratch, rerror=ignore: nobody is told",
     StepReadErrorIgnore},
    {"readerror-enospc", "rerror=enospc: reads never lack space, so it is refused",
     StepReadErrorEnospc},
    {"readerror-stop", "a disc with a scratch, rerror=stop: the machine waits", StepReadErrorStop},
    {"shutdown", "the machine goes, the host looks at the images by itself", StepShutdown},
});

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STEP_H_
