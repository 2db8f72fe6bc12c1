// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/mmc_streaming.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/bytes.h"

namespace platter {

namespace {

// Of any disc, all over it: 8 times a DVD's, in 1000 bytes a second.
constexpr uint32_t kReadRate = 11080;

constexpr uint8_t kPerformanceType = 0;

// MMC-6, 6.39: a rate as so many 1000 bytes in so many milliseconds. What is said of writing means
// nothing to a drive that does not write.
struct PerformanceDescriptor {
  uint8_t flags;
  uint8_t reserved[3];
  Be32 first;
  Be32 last;
  Be32 read_size;
  Be32 read_time;
  Be32 write_size;
  Be32 write_time;
};
static_assert(sizeof(PerformanceDescriptor) == kMaxMmcDataOut);

// RA (bit 0), that the host will seek, asks for nothing that is not so.
bool CanPerform(const PerformanceDescriptor& wish, uint64_t blocks) {
  constexpr uint8_t kExact = 0x02;
  constexpr uint8_t kRestoreDefaults = 0x04;  // RDD: nothing else is looked at.
  constexpr uint8_t kRotation = 0x18;         // WRC: feature 0107h says that there is none.
  constexpr uint32_t kToTheEnd = UINT32_MAX;  // As DVD players say it, whatever the disc.
  if ((wish.flags & kRestoreDefaults) != 0) return true;
  if ((wish.flags & kRotation) != 0) return false;
  const uint64_t first = wish.first.get();
  const uint64_t last = wish.last.get();
  if (first > last || first >= blocks || (last >= blocks && last != kToTheEnd)) return false;
  // Otherwise the drive does what is nearest, which is what it does.
  if ((wish.flags & kExact) == 0) return true;
  const uint64_t time = wish.read_time.get();
  return time != 0 && wish.read_size.get() * uint64_t{1000} == kReadRate * time;
}

}  // namespace

Execution GetPerformance(ScsiLane& lane, ScsiTask& task) {
  // MMC-6, 6.8: nominal read performance only.
  if (task.cdb[10] != 0 || (task.cdb[1] & 0x07) != 0) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  std::array<uint8_t, 8 + 16> data{};
  const uint64_t blocks = lane.unit().blocks();
  const Be32 first = task.cdb.Be32At(2);
  if (first.get() >= blocks) return lane.Fail(task, SenseCode::kLbaOutOfRange);
  const uint16_t most = task.cdb.Be16At(8);
  const size_t bytes = most == 0 ? 8 : 8 + 16;
  const Be32 length = static_cast<uint32_t>(bytes - 4);
  std::memcpy(data.data(), &length, sizeof(length));
  if (most != 0) {
    const Be32 last = static_cast<uint32_t>(std::min<uint64_t>(blocks - 1, UINT32_MAX));
    const Be32 speed = kReadRate;
    std::memcpy(&data[8], &first, sizeof(first));
    std::memcpy(&data[12], &speed, sizeof(speed));
    std::memcpy(&data[16], &last, sizeof(last));
    std::memcpy(&data[20], &speed, sizeof(speed));
  }
  return lane.Reply(task, std::span(data).first(bytes), bytes);
}

uint32_t MmcDataOutBytes(const Cdb& cdb) {
  const bool takes = cdb.opcode() == static_cast<uint8_t>(ScsiOpcode::kSetStreaming) &&
                     cdb[8] == kPerformanceType && cdb.Be16At(9) == kMaxMmcDataOut;
  return takes ? kMaxMmcDataOut : 0;
}

Execution SetStreaming(ScsiLane& lane, ScsiTask& task) {
  if (task.cdb[8] != kPerformanceType) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  PerformanceDescriptor wish = {};
  const uint16_t length = task.cdb.Be16At(9);
  if (length == 0) return lane.Good(task);
  if (length != sizeof(wish)) return lane.Fail(task, SenseCode::kParameterListLengthError);
  if (length > task.data_out.bytes) return lane.Overrun(task);
  CopyFromBuffer(task.data_out, 0, {reinterpret_cast<uint8_t*>(&wish), sizeof(wish)});
  if (!CanPerform(wish, lane.unit().blocks())) {
    return lane.Fail(task, SenseCode::kInvalidFieldInParameterList);
  }
  return lane.Good(task, length);
}

Execution SetReadAhead(ScsiLane& lane, ScsiTask& task) {
  const uint64_t blocks = lane.unit().blocks();
  if (task.cdb.Be32At(2) >= blocks || task.cdb.Be32At(6) >= blocks) {
    return lane.Fail(task, SenseCode::kLbaOutOfRange);
  }
  return lane.Good(task);
}

}  // namespace platter
