// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/guest_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

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

void GuestDisk::OnAnswer(size_t index, DiskAnswer answer) {
  requests_[index].answer = std::move(answer);
  ++answered_;
}

absl::Status GuestDisk::Begin(Direction direction, const DiskPiece& piece, size_t index) {
  const absl::StatusOr<uint64_t> buffer = bus_.Allocate(piece.data.size(), kPageBytes);
  if (!buffer.ok()) return buffer.status();
  if (direction == Direction::kWrite) bus_.Write(*buffer, piece.data);
  requests_[index] = {.buffer = *buffer, .answer = std::nullopt};
  if (Submit(direction, piece, *buffer, index)) return absl::OkStatus();
  bus_.Free(*buffer);
  return ErrorWithErrno(EBUSY, "the guest's queue is full");
}

absl::Status GuestDisk::Finish(size_t index, std::string_view what, DiskPiece* read_into,
                               const DiskPiece& piece) {
  const Request& request = requests_[index];
  if (read_into != nullptr) bus_.Read(request.buffer, read_into->data);
  bus_.Free(request.buffer);
  if (request.answer->good) return absl::OkStatus();
  return ErrorWithErrno(EIO, absl::StrCat("the guest's ", std::string(what), " of ", Place(piece),
                                          " was answered '", request.answer->text, "'"));
}

absl::Status GuestDisk::RunAll(Direction direction, const std::vector<DiskPiece>& pieces,
                               std::vector<DiskPiece>* read_into) {
  const char* what = direction == Direction::kWrite ? "write" : "read";
  requests_.assign(pieces.size(), {});
  answered_ = 0;
  absl::Status result = absl::OkStatus();
  for (size_t first = 0; first < pieces.size() && result.ok(); first += kDepth) {
    const size_t end = std::min(pieces.size(), first + kDepth);
    for (size_t i = first; i < end; ++i) PLATTER_RETURN_IF_ERROR(Begin(direction, pieces[i], i));
    Kick();
    const auto all_answered = [&] {
      HandleInterrupts();
      return answered_ == end;
    };
    // Buffers of requests without an answer stay with the device.
    if (!bus_.WaitFor(all_answered, patience_)) {
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
  return RunAll(Direction::kRead, pieces, &pieces);
}

absl::Status GuestDisk::Write(const std::vector<DiskPiece>& pieces) {
  return RunAll(Direction::kWrite, pieces, nullptr);
}

absl::Status GuestDisk::StartWrite(const DiskPiece& piece) {
  requests_.assign(1, {});
  answered_ = 0;
  PLATTER_RETURN_IF_ERROR(Begin(Direction::kWrite, piece, 0));
  Kick();
  return absl::OkStatus();
}

std::optional<DiskAnswer> GuestDisk::PollWrite() {
  HandleInterrupts();
  if (requests_.empty() || !requests_[0].answer.has_value()) return std::nullopt;
  bus_.Free(requests_[0].buffer);
  return std::exchange(requests_, {})[0].answer;
}

}  // namespace platter
