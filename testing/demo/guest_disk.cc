// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/guest_disk.h"

#include <cerrno>
#include <span>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "testing/demo/narrator.h"

namespace platter {
namespace {

// Of requests in flight: the queue has 128 entries, and a request is one of them (indirect) or
// three.
constexpr size_t kDepth = 32;
constexpr uint64_t kPageBytes = 4096;

std::string Place(const DiskPiece& piece) {
  return absl::StrCat(FormatBytes(piece.data.size()), " at byte ", piece.offset);
}

}  // namespace

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

GuestDisk::GuestDisk(GuestBus& bus, VirtioMmioDriver::Place place, Duration patience)
    : bus_(bus),
      transport_(bus, place),
      driver_(bus, transport_, {.timeout = patience}),
      patience_(patience) {
  driver_.set_listener(this);
}

void GuestDisk::OnBlkDone(uint64_t token, uint8_t status) {
  requests_[token].answer = status;
  ++answered_;
}

absl::Status GuestDisk::Submit(uint32_t type, const DiskPiece& piece, size_t index) {
  const absl::StatusOr<uint64_t> buffer = bus_.Allocate(piece.data.size(), kPageBytes);
  if (!buffer.ok()) return buffer.status();
  if (type == guest::kBlkOut) bus_.Write(*buffer, piece.data);
  requests_[index] = {.buffer = *buffer, .answer = std::nullopt};
  const GuestSegment segment = {*buffer, static_cast<uint32_t>(piece.data.size())};
  const BlkCommand command = {
      .type = type, .sector = piece.offset / kSectorSize, .data = std::span(&segment, 1)};
  if (driver_.Submit(0, command, index)) return absl::OkStatus();
  bus_.Free(*buffer);
  return ErrorWithErrno(EBUSY, "the guest's queue is full");
}

absl::Status GuestDisk::Finish(size_t index, std::string_view what, DiskPiece* read_into,
                               const DiskPiece& piece) {
  const Request& request = requests_[index];
  const uint8_t answer = *request.answer;
  if (read_into != nullptr) bus_.Read(request.buffer, read_into->data);
  bus_.Free(request.buffer);
  if (answer == guest::kBlkOk) return absl::OkStatus();
  return ErrorWithErrno(EIO, absl::StrCat("the guest's ", std::string(what), " of ", Place(piece),
                                          " was answered '", BlkStatusName(answer), "'"));
}

absl::Status GuestDisk::RunAll(uint32_t type, const std::vector<DiskPiece>& pieces,
                               std::vector<DiskPiece>* read_into) {
  const char* what = type == guest::kBlkOut ? "write" : "read";
  requests_.assign(pieces.size(), {});
  answered_ = 0;
  absl::Status result = absl::OkStatus();
  for (size_t first = 0; first < pieces.size() && result.ok(); first += kDepth) {
    const size_t end = std::min(pieces.size(), first + kDepth);
    for (size_t i = first; i < end; ++i) PLATTER_RETURN_IF_ERROR(Submit(type, pieces[i], i));
    driver_.Kick(0);
    // Buffers of requests without an answer stay with the device.
    if (!driver_.WaitUntil([&] { return answered_ == end; }, patience_)) {
      return ErrorWithErrno(
          ETIMEDOUT, absl::StrCat("the disk answered ", answered_, " of ", end, " requests to ",
                                  what, " within ", FormatDuration(patience_)));
    }
    for (size_t i = first; i < end; ++i) {
      const absl::Status done =
          Finish(i, what, read_into == nullptr ? nullptr : &(*read_into)[i], pieces[i]);
      if (result.ok()) result = done;
    }
  }
  return result;
}

absl::Status GuestDisk::Read(std::vector<DiskPiece>& pieces) {
  return RunAll(guest::kBlkIn, pieces, &pieces);
}

absl::Status GuestDisk::Write(const std::vector<DiskPiece>& pieces) {
  return RunAll(guest::kBlkOut, pieces, nullptr);
}

absl::Status GuestDisk::Flush() {
  const absl::StatusOr<uint8_t> answer = driver_.Flush();
  if (!answer.ok()) return Annotate(answer.status(), "flush");
  if (*answer == guest::kBlkOk) return absl::OkStatus();
  return ErrorWithErrno(
      EIO, absl::StrCat("the guest's flush was answered '", BlkStatusName(*answer), "'"));
}

absl::Status GuestDisk::StartWrite(const DiskPiece& piece) {
  requests_.assign(1, {});
  answered_ = 0;
  PLATTER_RETURN_IF_ERROR(Submit(guest::kBlkOut, piece, 0));
  driver_.Kick(0);
  return absl::OkStatus();
}

std::optional<uint8_t> GuestDisk::PollWrite() {
  driver_.HandleInterrupts();
  return requests_.empty() ? std::nullopt : requests_[0].answer;
}

}  // namespace platter
