// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/mmc_disc.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace platter {

namespace {

constexpr uint64_t kFramesPerSecond = 75;
constexpr uint64_t kSecondsPerMinute = 60;
constexpr uint64_t kFramesPerMinute = kFramesPerSecond * kSecondsPerMinute;
constexpr uint64_t kLeadInFrames = 150;

constexpr uint8_t kTrack = 1;
constexpr uint8_t kSession = 1;
constexpr uint8_t kLeadOut = 0xaa;
// ADR 1: the entry is a position; CONTROL 4: a data track, not to be copied (MMC-6, tables 468,
// 469).
constexpr uint8_t kDataTrack = 0x14;

void PutAddress(uint64_t lba, AddressForm form, uint8_t* out) {
  if (form == AddressForm::kMsf) {
    const Msf msf = MsfOf(lba);
    out[1] = msf.minute;
    out[2] = msf.second;
    out[3] = msf.frame;
    return;
  }
  const Be32 address = static_cast<uint32_t>(std::min<uint64_t>(lba, UINT32_MAX));
  std::memcpy(out, &address, sizeof(address));
}

// The header in front of `bytes` of descriptors; both numbers are of a track or session.
size_t FinishToc(size_t bytes, std::span<uint8_t> out) {
  const Be16 length = static_cast<uint16_t>(bytes + 2);
  std::memcpy(out.data(), &length, sizeof(length));
  out[2] = out[3] = 1;
  return bytes + 4;
}

void PutTrack(uint8_t track, uint64_t lba, AddressForm form, uint8_t* out) {
  out[1] = kDataTrack;
  out[2] = track;
  PutAddress(lba, form, out + 4);
}

}  // namespace

Msf MsfOf(uint64_t lba) {
  constexpr uint64_t kLast = 256 * kFramesPerMinute - 1;
  const uint64_t frames = std::min(lba + kLeadInFrames, kLast);
  return {.minute = static_cast<uint8_t>(frames / kFramesPerMinute),
          .second = static_cast<uint8_t>(frames / kFramesPerSecond % kSecondsPerMinute),
          .frame = static_cast<uint8_t>(frames % kFramesPerSecond)};
}

bool LbaOf(const Msf& msf, uint64_t* lba) {
  if (msf.second >= kSecondsPerMinute || msf.frame >= kFramesPerSecond) return false;
  const uint64_t frames = msf.minute * kFramesPerMinute + msf.second * kFramesPerSecond + msf.frame;
  if (frames < kLeadInFrames) return false;
  *lba = frames - kLeadInFrames;
  return true;
}

size_t WriteToc(uint64_t blocks, uint8_t track, AddressForm form, std::span<uint8_t> out) {
  if (track > kTrack && track != kLeadOut) return 0;
  size_t at = 4;
  if (track <= kTrack) {
    PutTrack(kTrack, 0, form, &out[at]);
    at += 8;
  }
  PutTrack(kLeadOut, blocks, form, &out[at]);
  at += 8;
  return FinishToc(at - 4, out);
}

size_t WriteSessions(AddressForm form, std::span<uint8_t> out) {
  PutTrack(kTrack, 0, form, &out[4]);
  return FinishToc(8, out);
}

size_t WriteFullToc(uint64_t blocks, uint8_t first_session, std::span<uint8_t> out) {
  if (first_session > kSession) return 0;
  constexpr size_t kEntryBytes = 11;
  constexpr uint8_t kFirstTrackPoint = 0xa0;
  constexpr uint8_t kLastTrackPoint = 0xa1;
  constexpr uint8_t kLeadOutPoint = 0xa2;
  size_t at = 4;
  const auto put = [&](uint8_t point, const Msf& where) {
    out[at] = kSession;
    out[at + 1] = kDataTrack;
    out[at + 3] = point;
    out[at + 8] = where.minute;
    out[at + 9] = where.second;
    out[at + 10] = where.frame;
    at += kEntryBytes;
  };
  // Of the first and last track the minute is the number; the second of the former the type of the
  // disc, 0 for CD-ROM.
  put(kFirstTrackPoint, {.minute = kTrack, .second = 0, .frame = 0});
  put(kLastTrackPoint, {.minute = kTrack, .second = 0, .frame = 0});
  put(kLeadOutPoint, MsfOf(blocks));
  put(kTrack, MsfOf(0));
  return FinishToc(at - 4, out);
}

namespace {

constexpr size_t kStructureHeaderBytes = 4;

// What a DVD has, headers included.
struct DiscStructure {
  uint8_t format;
  uint16_t bytes;
};
constexpr uint8_t kPhysicalFormat = 0x00;
constexpr uint8_t kCopyright = 0x01;
constexpr uint8_t kManufacturing = 0x04;
constexpr DiscStructure kDvdStructures[] = {
    {kPhysicalFormat, kStructureHeaderBytes + 17},
    {kCopyright, kStructureHeaderBytes + 4},        // No protection, every region.
    {kManufacturing, kStructureHeaderBytes + 100},  // Nothing is there.
};

void PutPhysicalFormat(uint64_t blocks, std::span<uint8_t> out) {
  constexpr uint64_t kFirstSector = 0x30000;
  out[0] = 0x01;  // DVD-ROM, part version 1.
  out[1] = 0x0f;  // 120 mm, maximum rate not specified.
  out[2] = 0x01;  // One layer, read only.
  const Be32 first = static_cast<uint32_t>(kFirstSector);
  const Be32 last = static_cast<uint32_t>(std::min<uint64_t>(kFirstSector + blocks - 1, 0xffffff));
  std::memcpy(&out[4], &first, sizeof(first));
  std::memcpy(&out[8], &last, sizeof(last));
}

// A row for each format that can be read, and for this one.
size_t PutStructureList(std::span<const DiscStructure> structures, std::span<uint8_t> out) {
  constexpr size_t kRowBytes = 4;
  constexpr uint8_t kReadable = 0x40;  // RDS; nothing can be sent.
  const size_t bytes = kStructureHeaderBytes + (structures.size() + 1) * kRowBytes;
  size_t at = kStructureHeaderBytes;
  const auto put = [&](uint8_t format, size_t structure_bytes) {
    const Be16 length = static_cast<uint16_t>(structure_bytes);
    out[at] = format;
    out[at + 1] = kReadable;
    std::memcpy(&out[at + 2], &length, sizeof(length));
    at += kRowBytes;
  };
  for (const DiscStructure& structure : structures) put(structure.format, structure.bytes);
  put(kDiscStructureList, bytes);
  return bytes;
}

}  // namespace

size_t WriteDiscStructure(uint64_t blocks, uint8_t format, std::span<uint8_t> out) {
  const bool dvd = ProfileOf(blocks) == MmcProfile::kDvdRom;
  const auto structures = dvd ? std::span(kDvdStructures) : std::span<const DiscStructure>();
  size_t bytes = 0;
  if (format == kDiscStructureList) {
    bytes = PutStructureList(structures, out);
  } else {
    for (const DiscStructure& structure : structures) {
      if (structure.format == format) bytes = structure.bytes;
    }
    if (bytes == 0) return 0;
    if (format == kPhysicalFormat) PutPhysicalFormat(blocks, out.subspan(kStructureHeaderBytes));
  }
  const Be16 length = static_cast<uint16_t>(bytes - 2);
  std::memcpy(out.data(), &length, sizeof(length));
  return bytes;
}

size_t WriteDiscInformation(std::span<uint8_t> out) {
  constexpr size_t kBytes = 34;
  out[1] = kBytes - 2;
  out[2] = 0x0e;  // Last session complete, disc complete, not erasable.
  out[3] = kTrack;
  out[4] = kSession;
  out[5] = out[6] = kTrack;
  out[7] = 0x20;  // URU: no restriction of use.
  // Where a next session could begin and end: nowhere.
  std::fill_n(&out[16], 8, 0xff);
  return kBytes;
}

size_t WriteTrackInformation(uint64_t blocks, std::span<uint8_t> out) {
  constexpr size_t kBytes = 36;
  out[1] = kBytes - 2;
  out[2] = kTrack;
  out[3] = kSession;
  out[5] = 4;  // Track mode: data, uninterrupted.
  out[6] = 1;  // Data mode 1.
  const Be32 size = static_cast<uint32_t>(std::min<uint64_t>(blocks, UINT32_MAX));
  std::memcpy(&out[24], &size, sizeof(size));
  return kBytes;
}

MmcProfile ProfileOf(uint64_t blocks) {
  constexpr uint64_t kLargestCd = 80 * kFramesPerMinute;
  if (blocks == 0) return MmcProfile::kNone;
  return blocks > kLargestCd ? MmcProfile::kDvdRom : MmcProfile::kCdRom;
}

namespace {

// Appends features that are wanted, each with its header (MMC-6, 5.2.2).
class FeatureWriter {
 public:
  FeatureWriter(FeatureRequest request, uint16_t starting, std::span<uint8_t> out)
      : request_(request), starting_(starting), out_(out) {}

  enum class State : uint8_t { kNow, kAlways, kNotNow };

  // `version` of the feature descriptor; `data` behind its header.
  void Add(uint16_t code, uint8_t version, State state, std::span<const uint8_t> data) {
    if (code < starting_ || (request_ == FeatureRequest::kOne && code != starting_)) return;
    if (request_ == FeatureRequest::kCurrent && state == State::kNotNow) return;
    const Be16 wire = code;
    std::memcpy(&out_[at_], &wire, sizeof(wire));
    const unsigned persistent = state == State::kAlways ? 2 : 0;
    const unsigned current = state == State::kNotNow ? 0 : 1;
    out_[at_ + 2] = static_cast<uint8_t>(unsigned{version} << 2 | persistent | current);
    out_[at_ + 3] = static_cast<uint8_t>(data.size());
    std::copy(data.begin(), data.end(), out_.begin() + static_cast<long>(at_) + 4);
    at_ += 4 + data.size();
  }
  size_t end() const { return at_; }

 private:
  const FeatureRequest request_;
  const uint16_t starting_;
  const std::span<uint8_t> out_;
  size_t at_ = 8;
};

}  // namespace

size_t WriteConfiguration(uint64_t blocks, MmcInterface interface, FeatureRequest request,
                          uint16_t starting, std::span<uint8_t> out) {
  using enum FeatureWriter::State;
  const MmcProfile profile = ProfileOf(blocks);
  const bool cd = profile == MmcProfile::kCdRom;
  const bool dvd = profile == MmcProfile::kDvdRom;
  FeatureWriter features(request, starting, out);
  const uint8_t profiles[] = {0, 0x10, dvd ? uint8_t{1} : uint8_t{0}, 0,
                              0, 0x08, cd ? uint8_t{1} : uint8_t{0},  0};
  features.Add(0x0000, 0, kAlways, profiles);
  // INQ2: INQUIRY refuses pages that are not there and takes an allocation length of 16 bits. DBE:
  // GET EVENT STATUS NOTIFICATION has the class of a busy device.
  const uint8_t core[] = {0, 0, 0, static_cast<uint8_t>(interface), 0x03, 0, 0, 0};
  features.Add(0x0001, 2, kAlways, core);
  const uint8_t morphing[] = {0, 0, 0, 0};  // GET EVENT STATUS NOTIFICATION is polled.
  features.Add(0x0002, 1, kAlways, morphing);
  // A tray; loads (a bit since version 2), ejects, has no Prevent Jumper (0 if there were one),
  // locks.
  const uint8_t removable[] = {0x20 | 0x10 | 0x08 | 0x04 | 0x01, 0, 0, 0};
  features.Add(0x0003, 2, kAlways, removable);
  const uint8_t random[] = {0, 0, kCdBlockBytes >> 8, 0, 0, 1, 0, 0};
  features.Add(0x0010, 0, cd || dvd ? kNow : kNotNow, random);
  const uint8_t cd_read[] = {0, 0, 0, 0};
  features.Add(0x001e, 2, cd ? kNow : kNotNow, cd_read);
  const uint8_t dvd_read[] = {0, 0, 0, 0};
  features.Add(0x001f, 1, dvd ? kNow : kNotNow, dvd_read);
  // START STOP UNIT takes power conditions, mode page 1Ah and the class of power events are there.
  features.Add(0x0100, 0, kAlways, {});
  const uint8_t timeout[] = {0, 0, 0, 0};  // Mode page 1Dh, without a third group.
  features.Add(0x0105, 1, kAlways, timeout);
  // SCS: SET CD SPEED is there. No READ BUFFER CAPACITY, no write speeds in GET PERFORMANCE or mode
  // page 2Ah, no stream recording. Version 3 is the one with these bits.
  const uint8_t streaming[] = {0x08, 0, 0, 0};
  features.Add(0x0107, 3, dvd ? kNow : kNotNow, streaming);
  const Be32 length = static_cast<uint32_t>(features.end() - 4);
  std::memcpy(out.data(), &length, sizeof(length));
  const Be16 wire = static_cast<uint16_t>(profile);
  std::memcpy(&out[6], &wire, sizeof(wire));
  return features.end();
}

}  // namespace platter
