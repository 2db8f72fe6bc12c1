// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/virtio_guest_disk.h"

#include <cerrno>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"

namespace platter {

std::string BlkStatusName(uint8_t status) {
  switch (status) {
    case guest::kBlkOk:
      return "OK";
    case guest::kBlkIoError:
      return "I/O error";
    case guest::kBlkUnsupported:
      return "unsupported";
    default:
      return absl::StrCat("status ", status);
  }
}

VirtioGuestDisk::VirtioGuestDisk(GuestBus& bus, VirtioMmioDriver::Place place, Duration patience)
    : GuestDisk(bus, patience),
      transport_(bus, place),
      driver_(bus, transport_, {.timeout = patience}) {
  driver_.set_listener(this);
}

void VirtioGuestDisk::OnBlkDone(uint64_t token, uint8_t status) {
  OnAnswer(token, {.good = status == guest::kBlkOk, .text = BlkStatusName(status)});
}

bool VirtioGuestDisk::Submit(Direction direction, const DiskPiece& piece, uint64_t buffer,
                             size_t index) {
  const GuestSegment segment = {buffer, static_cast<uint32_t>(piece.data.size())};
  const BlkCommand command = {
      .type = direction == Direction::kWrite ? guest::kBlkOut : guest::kBlkIn,
      .sector = piece.offset / kSectorSize,
      .data = std::span(&segment, 1)};
  return driver_.Submit(0, command, index);
}

absl::Status VirtioGuestDisk::Flush() {
  const absl::StatusOr<uint8_t> answer = driver_.Flush();
  if (!answer.ok()) return Annotate(answer.status(), "flush");
  if (*answer == guest::kBlkOk) return absl::OkStatus();
  return ErrorWithErrno(
      EIO, absl::StrCat("the guest's flush was answered '", BlkStatusName(*answer), "'"));
}

}  // namespace platter
