// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/scsi_task.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace platter {

void ReplyTo(ScsiTask& task, std::span<const uint8_t> data, uint64_t allocation) {
  const std::span wanted = data.first(std::min<uint64_t>(data.size(), allocation));
  if (wanted.size() > task.data_in.bytes) {
    task.overrun = true;
  } else {
    task.transferred = CopyToBuffer(wanted, task.data_in);
  }
}

uint64_t CopyToBuffer(std::span<const uint8_t> data, const ScsiBuffer& buffer, uint64_t skip) {
  uint64_t done = 0;
  for (const iovec& piece : buffer.pieces) {
    if (done == data.size()) break;
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    const uint64_t here = std::min<uint64_t>(piece.iov_len - skip, data.size() - done);
    std::memcpy(static_cast<uint8_t*>(piece.iov_base) + skip, data.data() + done, here);
    done += here;
    skip = 0;
  }
  return done;
}

uint64_t CopyFromBuffer(const ScsiBuffer& buffer, uint64_t skip, std::span<uint8_t> out) {
  uint64_t done = 0;
  for (const iovec& piece : buffer.pieces) {
    if (done == out.size()) break;
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    const uint64_t here = std::min<uint64_t>(piece.iov_len - skip, out.size() - done);
    std::memcpy(out.data() + done, static_cast<const uint8_t*>(piece.iov_base) + skip, here);
    done += here;
    skip = 0;
  }
  return done;
}

std::span<iovec> Shorten(ScsiBuffer& buffer, uint64_t bytes) {
  PLATTER_CHECK(bytes <= buffer.bytes);
  if (bytes == buffer.bytes) [[likely]]
    return buffer.pieces;
  size_t count = 0;
  uint64_t left = bytes;
  while (left > 0) {
    iovec& piece = buffer.pieces[count++];
    piece.iov_len = std::min<uint64_t>(piece.iov_len, left);
    left -= piece.iov_len;
  }
  buffer.pieces = buffer.pieces.first(count);
  buffer.bytes = bytes;
  return buffer.pieces;
}

}  // namespace platter
