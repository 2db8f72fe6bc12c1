// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/block_status.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace platter {

namespace {

BlockStatus Data(uint64_t bytes) {
  BlockStatus status;
  status.bytes = bytes;
  return status;
}

BlockStatus Zeroes(uint64_t bytes) {
  BlockStatus status = Data(bytes);
  status.data = false;
  status.zero = true;
  return status;
}

}  // namespace

BlockStatus HostBlockStatus(HostCalls& host, const HostFile& file, uint64_t file_bytes,
                            uint64_t offset, uint64_t bytes) {
  if (offset >= file_bytes) return Zeroes(bytes);
  bytes = std::min(bytes, file_bytes - offset);

  const int64_t data = host.Seek(file, offset, SEEK_DATA);
  if (data == -ENXIO) {
    // No data up to the end, unless the file has become shorter: then reads fail there.
    const int64_t end = host.Seek(file, 0, SEEK_END);
    if (end < 0 || static_cast<uint64_t>(end) <= offset) return Data(bytes);
    return Zeroes(std::min(bytes, static_cast<uint64_t>(end) - offset));
  }
  if (data < 0 || static_cast<uint64_t>(data) < offset) return Data(bytes);
  if (static_cast<uint64_t>(data) > offset) {
    return Zeroes(std::min(bytes, static_cast<uint64_t>(data) - offset));
  }
  const int64_t hole = host.Seek(file, offset, SEEK_HOLE);
  if (hole < 0 || static_cast<uint64_t>(hole) <= offset) return Data(bytes);
  return Data(std::min(bytes, static_cast<uint64_t>(hole) - offset));
}

}  // namespace platter
