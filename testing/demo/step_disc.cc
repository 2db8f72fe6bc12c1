// SPDX-License-Identifier: Apache-2.0

#include "base/status.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/read_disc.h"
#include "testing/demo/step.h"

namespace platter {

absl::Status StepDisc(Stage& stage) {
  const CdDisc& disc = stage.files().iso_a;
  if (stage.Sabotaged(Sabotage::kCorruptedDisc)) {
    PLATTER_RETURN_IF_ERROR(
        FlipByteOfFile(disc.path, uint64_t{disc.extent.block} * kIsoBlockBytes + 100));
  }
  PLATTER_RETURN_IF_ERROR(ExpectNews(stage, *stage.cd1(), {{.key = 6, .code = 0x2900}}));
  return ReadDisc(stage, *stage.cd1(), disc);
}

}  // namespace platter
