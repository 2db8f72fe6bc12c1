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
absl::Status StepReadWrite(Stage& stage);
absl::Status StepEject(Stage& stage);
absl::Status StepGrowth(Stage& stage);
absl::Status StepNoSpaceReport(Stage& stage);
absl::Status StepNoSpaceIgnore(Stage& stage);
absl::Status StepNoSpaceEnospc(Stage& stage);
absl::Status StepNoSpaceStop(Stage& stage);
absl::Status StepShutdown(Stage& stage);

inline constexpr std::array<Step, 9> kDemoSteps = {{
    {"identify", "the guest finds its disk", StepIdentify},
    {"read-write", "verified reads and writes through the ring", StepReadWrite},
    {"eject", "a locked tray: the host asks, the guest grants, the disc is changed", StepEject},
    {"growth", "the disk grows while it is used", StepGrowth},
    {"nospace-report", "no space left, werror=report: the guest is told", StepNoSpaceReport},
    {"nospace-ignore", "no space left, werror=ignore: nobody is told", StepNoSpaceIgnore},
    {"nospace-enospc", "no space left, werror=enospc: the machine waits for room",
     StepNoSpaceEnospc},
    {"nospace-stop", "no space left, werror=stop: the machine waits, twice", StepNoSpaceStop},
    {"shutdown", "the machine goes, the host looks at the image by itself", StepShutdown},
}};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STEP_H_
