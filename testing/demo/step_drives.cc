// SPDX-License-Identifier: Apache-2.0
//
// The guest finds what else there is: a CD-ROM drive on an IDE channel, and a SCSI disk behind a
// virtio SCSI adapter.

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/status.h"
#include "testing/demo/find_virtio.h"
#include "testing/demo/step.h"

namespace platter {
namespace {

// Where a PC has its IDE channels.
constexpr std::array<IdeDriver::Place, 2> kIdeChannelPlaces = {{
    {.command = 0x1f0, .control = 0x3f6, .bus_master = 0xc000, .line = 14},
    {.command = 0x170, .control = 0x376, .bus_master = 0xc008, .line = 15},
}};
// ATA/ATAPI-6, 9.12: what a packet device leaves in the LBA mid and high registers after a reset.
constexpr uint8_t kPacketSignatureMid = 0x14;
constexpr uint8_t kPacketSignatureHigh = 0xeb;
constexpr uint8_t kSerialNumberPage = 0x80;  // SPC-4, 7.8.16.

// Packet devices that are device 0 of a channel.
std::vector<IdeDriver::Place> FindPacketDevices(Stage& stage) {
  std::vector<IdeDriver::Place> found;
  for (const IdeDriver::Place& place : kIdeChannelPlaces) {
    IdeDriver ide(stage.bus(), place);
    if (!ide.Gone() && ide.SoftReset(stage.options().patience) &&
        ide.Get(guest::kIdeLbaMid) == kPacketSignatureMid &&
        ide.Get(guest::kIdeLbaHigh) == kPacketSignatureHigh) {
      found.push_back(place);
    }
  }
  return found;
}

absl::Status RequireSerial(const std::string& seen, const char* given) {
  return Require(seen == given,
                 absl::StrCat("the guest sees serial number '", seen, "', not '", given, "'"));
}

absl::Status FindCdDrive(Stage& stage) {
  Narrator& tell = stage.narrator();
  tell.Host(
      absl::StrCat("ide-cd,id=cd1,bus=ide.0,serial=", Stage::kDriveSerial, " with a disc in it"));
  tell.ToHost("resets its IDE channels, looks for signatures");
  const std::vector<IdeDriver::Place> places = FindPacketDevices(stage);
  PLATTER_RETURN_IF_ERROR(
      Require(places.size() == 1, "the guest does not find exactly one packet device"));
  tell.Guest(absl::StrFormat("finds a packet device (EB14h) at port 0x%03x, interrupt %u",
                             places[0].command, places[0].line));
  auto drive = std::make_unique<AtapiDriver>(stage.bus(), places[0]);
  tell.ToHost("IDENTIFY PACKET DEVICE");
  const absl::StatusOr<IdeIdentity> identity = drive->IdentifyPacket();
  if (!identity.ok()) return identity.status();
  tell.Guest(absl::StrCat(identity->model, ", serial ", identity->serial));
  PLATTER_RETURN_IF_ERROR(RequireSerial(identity->serial, Stage::kDriveSerial));
  stage.set_cd1(std::move(drive));
  return absl::OkStatus();
}

std::string TextIn(const ScsiAnswer& answer, size_t at, size_t bytes) {
  if (at + bytes > answer.data.size()) return "";
  const std::string text(answer.data.begin() + static_cast<ptrdiff_t>(at),
                         answer.data.begin() + static_cast<ptrdiff_t>(at + bytes));
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::Status FindAdapter(Stage& stage) {
  const auto places = FindVirtioDevices(stage.bus(), guest::kScsiDeviceId);
  PLATTER_RETURN_IF_ERROR(
      Require(places.size() == 1, "the guest does not find exactly one SCSI adapter"));
  stage.narrator().Guest(absl::StrFormat("finds a SCSI host device at 0x%08x, interrupt %u",
                                         places[0].base, places[0].line));
  auto adapter =
      std::make_unique<GuestScsiAdapter>(stage.bus(), places[0], stage.options().patience);
  PLATTER_RETURN_IF_ERROR(adapter->Probe());
  stage.set_scsi0(std::move(adapter));
  return absl::OkStatus();
}

absl::Status FindScsiDisk(Stage& stage) {
  Narrator& tell = stage.narrator();
  const uint64_t length = stage.machine().BackendOfDevice("sd0")->length();
  tell.Host(absl::StrCat("virtio-scsi,id=scsi0 with scsi-hd,id=sd0,serial=", Stage::kScsiSerial,
                         " over driver=file, ", FormatBytes(length)));
  PLATTER_RETURN_IF_ERROR(FindAdapter(stage));
  auto disk = std::make_unique<ScsiGuestDisk>(stage.scsi0()->driver(), guest::ScsiLunOf(0, 0),
                                              stage.options().patience);
  tell.ToHost("REPORT LUNS, INQUIRY, READ CAPACITY, page 80h");
  const auto luns = ExpectGood(disk->initiator().ReportLuns(), "REPORT LUNS");
  if (!luns.ok()) return luns.status();
  PLATTER_RETURN_IF_ERROR(
      Require(luns->Number(0, 4) == sizeof(guest::ScsiLun), "target 0 does not have one unit"));
  const auto inquiry = ExpectGood(disk->initiator().Inquiry(), "INQUIRY");
  if (!inquiry.ok()) return inquiry.status();
  PLATTER_RETURN_IF_ERROR(disk->Probe());
  const auto page = ExpectGood(disk->initiator().InquiryPage(kSerialNumberPage), "INQUIRY");
  if (!page.ok()) return page.status();
  const std::string serial = TextIn(*page, 4, page->Number(2, 2));
  tell.Guest(absl::StrCat("one unit: ", TextIn(*inquiry, 8, 8), " ", TextIn(*inquiry, 16, 16), ", ",
                          FormatBytes(disk->capacity_bytes()), ", serial ", serial));
  PLATTER_RETURN_IF_ERROR(Require(
      disk->capacity_bytes() == length,
      absl::StrCat("the guest sees ", disk->capacity_bytes(), " bytes, the image has ", length)));
  PLATTER_RETURN_IF_ERROR(RequireSerial(serial, Stage::kScsiSerial));
  stage.set_sd0(std::move(disk));
  return absl::OkStatus();
}

}  // namespace

absl::Status StepDrives(Stage& stage) {
  PLATTER_RETURN_IF_ERROR(FindCdDrive(stage));
  return FindScsiDisk(stage);
}

}  // namespace platter
