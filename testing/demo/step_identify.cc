// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/status.h"
#include "testing/demo/find_virtio.h"
#include "testing/demo/step.h"
#include "testing/guest/virtio_spec.h"

namespace platter {
namespace {

struct FeatureName {
  uint64_t bit;
  const char* name;
};
constexpr std::array<FeatureName, 10> kFeatureNames = {{
    {guest::kFeatureVersion1, "VERSION_1"},
    {guest::kFeatureEventIndex, "EVENT_IDX"},
    {guest::kFeatureIndirectDesc, "INDIRECT_DESC"},
    {guest::kBlkFeatureSegMax, "SEG_MAX"},
    {guest::kBlkFeatureBlkSize, "BLK_SIZE"},
    {guest::kBlkFeatureFlush, "FLUSH"},
    {guest::kBlkFeatureTopology, "TOPOLOGY"},
    {guest::kBlkFeatureConfigWce, "CONFIG_WCE"},
    {guest::kBlkFeatureDiscard, "DISCARD"},
    {guest::kBlkFeatureWriteZeroes, "WRITE_ZEROES"},
}};

std::string FeatureText(uint64_t features) {
  std::string text;
  for (const FeatureName& feature : kFeatureNames) {
    if ((features & feature.bit) != 0)
      absl::StrAppend(&text, text.empty() ? "" : " ", feature.name);
  }
  return text;
}

}  // namespace

absl::Status StepIdentify(Stage& stage) {
  Narrator& tell = stage.narrator();
  const BlockBackendRef backend = stage.machine().BackendOfDevice("vda");
  tell.Host(absl::StrCat("virtio-blk,id=vda,serial=", Stage::kSerial, " over driver=file, ",
                         FormatBytes(backend->length())));
  const auto places = FindVirtioDevices(stage.bus(), guest::kBlkDeviceId);
  PLATTER_RETURN_IF_ERROR(Require(places.size() == 1, "the guest does not find exactly one disk"));
  tell.Guest(absl::StrFormat("finds 'virt', version 2, a block device at 0x%08x, interrupt %u",
                             places[0].base, places[0].line));

  auto disk = std::make_unique<VirtioGuestDisk>(stage.bus(), places[0], stage.options().patience);
  tell.ToHost("resets it, accepts its features, starts a ring");
  PLATTER_RETURN_IF_ERROR(disk->Probe());
  const BlkDeviceInfo& info = disk->driver().info();
  tell.Guest(FeatureText(disk->driver().features()));
  tell.Guest(absl::StrCat("capacity ", info.capacity_sectors, " sectors = ",
                          FormatBytes(disk->capacity_bytes()), ", blocks of ", info.block_size,
                          " bytes, ring of ", disk->driver().queue(0).ring().layout().size));

  tell.ToHost("asks for its serial number");
  const absl::StatusOr<std::string> serial = disk->driver().GetId();
  if (!serial.ok()) return serial.status();
  tell.Guest(absl::StrCat("serial ", *serial));

  PLATTER_RETURN_IF_ERROR(Require(disk->capacity_bytes() == backend->length(),
                                  absl::StrCat("the guest sees ", disk->capacity_bytes(),
                                               " bytes, the image has ", backend->length())));
  PLATTER_RETURN_IF_ERROR(Require(
      *serial == Stage::kSerial,
      absl::StrCat("the guest sees serial number '", *serial, "', not '", Stage::kSerial, "'")));
  stage.set_vda(std::move(disk));
  return absl::OkStatus();
}

}  // namespace platter
