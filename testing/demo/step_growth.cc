// SPDX-License-Identifier: Apache-2.0

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/new_space.h"
#include "testing/demo/step.h"

namespace platter {
namespace {

constexpr uint64_t kGrowth = 8 * kMiB;

}  // namespace

absl::Status StepGrowth(Stage& stage) {
  Narrator& tell = stage.narrator();
  VirtioGuestDisk& disk = *stage.vda();
  const auto at = stage.machine().LocationOf<VirtioMmioLocation>("vda");
  if (!at.ok()) return at.status();
  if (stage.Sabotaged(Sabotage::kLostInterrupt)) stage.wires().Cut(at->irq);

  const uint64_t before = disk.capacity_bytes();
  const uint64_t after = before + kGrowth;
  const uint64_t changes = disk.driver().config_changes();
  tell.ToGuest(absl::StrCat("block_resize vda to ", FormatBytes(after)));
  PLATTER_RETURN_IF_ERROR(stage.Run(stage.machine().BackendOfDevice("vda")->Resize(after)));
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] {
        disk.driver().HandleInterrupts();
        return disk.driver().config_changes() > changes;
      },
      "the guest's configuration interrupt"));
  tell.Guest(absl::StrCat("configuration interrupt: capacity ", FormatBytes(before), ", now ",
                          FormatBytes(disk.capacity_bytes())));
  PLATTER_RETURN_IF_ERROR(Require(disk.capacity_bytes() == after,
                                  absl::StrCat("the guest sees ", disk.capacity_bytes(),
                                               " bytes after the growth, not ", after)));

  return UseNewSpace(stage, disk, stage.files().disk, before);
}

}  // namespace platter
