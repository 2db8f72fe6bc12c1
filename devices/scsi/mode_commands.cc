// SPDX-License-Identifier: Apache-2.0
//
// MODE SENSE and MODE SELECT: header, block descriptor and pages around what the unit has of them.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "devices/scsi/primary_commands.h"

namespace platter {

namespace {

constexpr uint8_t kPageMask = 0x3f;
constexpr uint8_t kAllSubpages = 0xff;
constexpr unsigned kSubpageFormatBit = 6;
constexpr size_t kMaxPageBytes = 256;
// More than all pages and descriptors together have.
constexpr size_t kMaxListBytes = 1024;

using ModeBytes = std::array<uint8_t, kMaxListBytes>;

bool IsLong(const Cdb& cdb) { return cdb.ExpectedBytes() == 10; }
size_t HeaderBytes(const Cdb& cdb) { return IsLong(cdb) ? 8 : 4; }

// The short or long block descriptor of direct access devices (SBC-3, 6.4.2); returns its length.
size_t WriteBlockDescriptor(const ScsiUnit& unit, bool long_lba, std::span<uint8_t> out) {
  const uint64_t blocks = unit.blocks();
  if (long_lba) {
    const Be64 wide = blocks;
    const Be32 size = unit.block_size();
    std::memcpy(&out[0], &wide, sizeof(wide));
    std::memcpy(&out[12], &size, sizeof(size));
    return 16;
  }
  const Be32 narrow = static_cast<uint32_t>(std::min<uint64_t>(blocks, UINT32_MAX));
  const Be32 size = unit.block_size();
  std::memcpy(&out[0], &narrow, sizeof(narrow));
  std::memcpy(&out[4], &size, sizeof(size));  // Its first byte is reserved: sizes have 24 bits.
  return 8;
}

void WriteHeader(const ScsiUnit& unit, const Cdb& cdb, size_t descriptor_bytes, bool long_lba,
                 size_t total, std::span<uint8_t> out) {
  if (IsLong(cdb)) {
    const Be16 length = static_cast<uint16_t>(total - 2);
    std::memcpy(&out[0], &length, sizeof(length));
    out[3] = unit.mode_device_parameter();
    out[4] = long_lba ? 1 : 0;
    out[7] = static_cast<uint8_t>(descriptor_bytes);
  } else {
    out[0] = static_cast<uint8_t>(total - 1);
    out[2] = unit.mode_device_parameter();
    out[3] = static_cast<uint8_t>(descriptor_bytes);
  }
}

// Appends the page, or all pages; returns the length that was added, 0 when there is no such page.
size_t WritePages(const ScsiUnit& unit, ModePage wanted, PageControl control,
                  std::span<uint8_t> out) {
  size_t at = 0;
  for (const ModePage page : unit.mode_pages()) {
    if (wanted != ModePage::kAll && wanted != page) continue;
    at += unit.WriteModePage(page, control, out.subspan(at));
  }
  return at;
}

}  // namespace

Execution ModeSense(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kNoDescriptorsBit = 3;  // DBD.
  constexpr unsigned kLongLbaBit = 4;        // LLBAA, of the 10-byte command.
  const Cdb& cdb = task.cdb;
  const auto page = static_cast<ModePage>(cdb[2] & kPageMask);
  const auto control = static_cast<PageControl>(cdb[2] >> 6);
  const uint8_t subpage = cdb[3];
  // Checked first, as it is for any page (SPC-4, 6.11.5).
  if (control == PageControl::kSaved) {
    return lane.Fail(task, SenseCode::kSavingParametersNotSupported);
  }
  if (subpage != 0 && subpage != kAllSubpages) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  ModeBytes data{};
  size_t at = HeaderBytes(cdb);
  const bool long_lba = IsLong(cdb) && cdb.Bit(1, kLongLbaBit);
  size_t descriptor_bytes = 0;
  const bool is_disk = lane.unit().identity().type == ScsiDeviceType::kDisk;
  if (is_disk && !cdb.Bit(1, kNoDescriptorsBit) && lane.unit().Readiness().ok()) {
    descriptor_bytes = WriteBlockDescriptor(lane.unit(), long_lba, std::span(data).subspan(at));
    at += descriptor_bytes;
  }
  const size_t bytes = WritePages(lane.unit(), page, control, std::span(data).subspan(at));
  if (bytes == 0) return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  at += bytes;
  WriteHeader(lane.unit(), cdb, descriptor_bytes, long_lba, at, data);
  return lane.Reply(task, std::span(data).first(at), IsLong(cdb) ? cdb.Be16At(7) : cdb[4]);
}

namespace {

// The list of MODE SELECT, walked twice: to check, then to take.
class ModeList {
 public:
  ModeList(ScsiUnit& unit, const Cdb& cdb, std::span<const uint8_t> data)
      : unit_(unit), cdb_(cdb), data_(data) {}

  // What is wrong with it; nothing when it can be taken.
  std::optional<SenseCode> Check() {
    const size_t header = HeaderBytes(cdb_);
    if (data_.size() < header) return SenseCode::kParameterListLengthError;
    const bool long_lba = IsLong(cdb_) && (data_[4] & 1) != 0;
    const size_t descriptors = IsLong(cdb_) ? size_t{data_[6]} << 8 | data_[7] : data_[3];
    if (descriptors > data_.size() - header) return SenseCode::kParameterListLengthError;
    if (!DescriptorIsOurs(data_.subspan(header, descriptors), long_lba)) {
      return SenseCode::kInvalidFieldInParameterList;
    }
    pages_ = data_.subspan(header + descriptors);
    return ForEachPage(
        [this](ModePage page, std::span<const uint8_t> bytes) { return PageIsValid(page, bytes); });
  }

  void Take() {
    ForEachPage([this](ModePage page, std::span<const uint8_t> bytes) {
      unit_.SelectModePage(page, bytes);
      return true;
    });
  }

 private:
  // None, or the one that says what is so already.
  bool DescriptorIsOurs(std::span<const uint8_t> descriptor, bool long_lba) const {
    if (descriptor.empty()) return true;
    uint8_t ours[16] = {};
    const size_t bytes = WriteBlockDescriptor(unit_, long_lba, ours);
    if (descriptor.size() != bytes) return false;
    const size_t size_at = long_lba ? 12 : 5;
    const auto size = descriptor.subspan(size_at);
    if (!std::equal(size.begin(), size.end(), ours + size_at)) return false;
    const auto blocks = descriptor.first(long_lba ? 8 : 4);
    // 0 leaves the capacity as it is (SBC-3, 6.4.2.2).
    return std::all_of(blocks.begin(), blocks.end(), [](uint8_t byte) { return byte == 0; }) ||
           std::equal(blocks.begin(), blocks.end(), ours);
  }

  template <typename Visit>
  std::optional<SenseCode> ForEachPage(Visit visit) {
    for (size_t at = 0; at < pages_.size();) {
      if (pages_.size() - at < 2) return SenseCode::kParameterListLengthError;
      if ((pages_[at] >> kSubpageFormatBit & 1) != 0)
        return SenseCode::kInvalidFieldInParameterList;
      const size_t bytes = size_t{pages_[at + 1]} + 2;
      if (bytes > pages_.size() - at) return SenseCode::kParameterListLengthError;
      if (!visit(static_cast<ModePage>(pages_[at] & kPageMask), pages_.subspan(at, bytes))) {
        return SenseCode::kInvalidFieldInParameterList;
      }
      at += bytes;
    }
    return std::nullopt;
  }

  // A page that is there, as long as it is, and different only where it may be changed.
  bool PageIsValid(ModePage page, std::span<const uint8_t> bytes) const {
    const auto pages = unit_.mode_pages();
    if (std::find(pages.begin(), pages.end(), page) == pages.end()) return false;
    std::array<uint8_t, kMaxPageBytes> current{};
    std::array<uint8_t, kMaxPageBytes> changeable{};
    if (unit_.WriteModePage(page, PageControl::kCurrent, current) != bytes.size()) return false;
    unit_.WriteModePage(page, PageControl::kChangeable, changeable);
    for (size_t i = 2; i < bytes.size(); ++i) {
      if (((bytes[i] ^ current[i]) & ~changeable[i]) != 0) return false;
    }
    return true;
  }

  ScsiUnit& unit_;
  const Cdb& cdb_;
  const std::span<const uint8_t> data_;
  std::span<const uint8_t> pages_;
};

}  // namespace

Execution ModeSelect(ScsiLane& lane, ScsiTask& task) {
  constexpr unsigned kSavePagesBit = 0;
  constexpr unsigned kPageFormatBit = 4;
  const Cdb& cdb = task.cdb;
  const size_t length = IsLong(cdb) ? cdb.Be16At(7) : cdb[4];
  if (!cdb.Bit(1, kPageFormatBit) || cdb.Bit(1, kSavePagesBit)) {
    return lane.Fail(task, SenseCode::kInvalidFieldInCdb);
  }
  if (length == 0) return lane.Good(task);
  if (length > kMaxListBytes) return lane.Fail(task, SenseCode::kParameterListLengthError);
  if (length > task.data_out.bytes) return lane.Overrun(task);
  ModeBytes data{};
  CopyFromBuffer(task.data_out, 0, std::span(data).first(length));
  ModeList list(lane.unit(), cdb, std::span(data).first(length));
  if (const auto wrong = list.Check()) return lane.Fail(task, *wrong);
  list.Take();
  lane.unit().attentions().EstablishForOthers(SenseCode::kModeParametersChanged, task.work.nexus);
  // Without a write cache nothing that was answered may wait in one any more (SBC-3, 6.4.5: WCE).
  // Also when it was off: a task that a saved state had finds it so.
  if (!lane.unit().backend().write_cache_enabled() && lane.unit().Readiness().ok()) {
    task.flags = IoFlags::kNone;
    task.work.taken = length;
    return lane.Submit(task, ScsiStep::kTransfer, IoOp::kFlush, 0, 0);
  }
  return lane.Good(task, length);
}

}  // namespace platter
