// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scsi_guest_disk.h"

#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/sense_text.h"

namespace platter {
namespace {

std::string AnswerText(const ScsiAnswer& answer) {
  if (answer.good()) return "OK";
  if (answer.transport != 0) return absl::StrCat("response ", answer.transport);
  if (answer.sense.empty()) return absl::StrCat("status ", answer.status);
  return SenseText(answer.key(), answer.code());
}

}  // namespace

absl::StatusOr<ScsiAnswer> ExpectGood(absl::StatusOr<ScsiAnswer> answer, const char* what) {
  if (!answer.ok()) return Annotate(answer.status(), what);
  if (answer->good()) return answer;
  return ErrorWithErrno(
      EIO, absl::StrCat("the guest's ", what, " was answered '", AnswerText(*answer), "'"));
}

ScsiGuestDisk::ScsiGuestDisk(VirtioScsiDriver& driver, const guest::ScsiLun& lun, Duration patience)
    : GuestDisk(driver.bus(), patience), driver_(driver), unit_(driver, lun), initiator_(unit_) {}

absl::Status ScsiGuestDisk::Probe() {
  const auto ready = ExpectGood(initiator_.ClearAttentions(), "TEST UNIT READY");
  if (!ready.ok()) return ready.status();
  const auto capacity = ExpectGood(initiator_.ReadCapacity16(), "READ CAPACITY(16)");
  if (!capacity.ok()) return capacity.status();
  const uint64_t block = capacity->Number(8, 4);
  if (block != kSectorSize) {
    return ErrorWithErrno(ENOTSUP, absl::StrCat("the guest's SCSI disk has blocks of ", block));
  }
  capacity_ = (capacity->Number(0, 8) + 1) * block;
  return absl::OkStatus();
}

absl::Status ScsiGuestDisk::Flush() {
  return ExpectGood(initiator_.SynchronizeCache(), "SYNCHRONIZE CACHE").status();
}

bool ScsiGuestDisk::Submit(Direction direction, const DiskPiece& piece, uint64_t buffer,
                           size_t index) {
  driver_.set_listener(this);
  const auto lba = static_cast<uint32_t>(piece.offset / kSectorSize);
  const auto blocks = static_cast<uint16_t>(piece.data.size() / kSectorSize);
  const bool write = direction == Direction::kWrite;
  const std::vector<uint8_t> cdb = write ? ScsiWrite10(lba, blocks) : ScsiRead10(lba, blocks);
  const GuestSegment segment = {buffer, static_cast<uint32_t>(piece.data.size())};
  ScsiQueueCommand command = {.lun = lun(), .tag = index, .cdb = cdb};
  (write ? command.out : command.in) = std::span(&segment, 1);
  return driver_.Submit(0, command, index);
}

void ScsiGuestDisk::OnScsiDone(uint64_t token, const ScsiQueueAnswer& answer) {
  ScsiAnswer said;
  said.transport = answer.response;
  said.status = answer.status;
  said.sense.assign(answer.sense.begin(), answer.sense.end());
  OnAnswer(token, {.good = said.good(), .text = AnswerText(said)});
}

}  // namespace platter
