// SPDX-License-Identifier: Apache-2.0
#include "devices/scsi/inquiry.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"

namespace platter {

namespace {

constexpr size_t kVersionDescriptors = 3;
constexpr size_t kInquiryBytes = 58 + 2 * kVersionDescriptors;

struct InquiryData {  // SPC-4, table 148.
  uint8_t type = 0;
  uint8_t removable = 0;
  uint8_t version = 6;          // SPC-4.
  uint8_t response_format = 2;  // And no HISUP: one level of logical unit numbers.
  uint8_t additional_length = kInquiryBytes - 5;
  uint8_t byte5 = 0;
  uint8_t byte6 = 0;
  uint8_t byte7 = 2;  // CMDQUE.
  char vendor[8];
  char product[16];
  char revision[4];
  uint8_t unused[22] = {};
  Be16 versions[kVersionDescriptors];
};
static_assert(sizeof(InquiryData) == kInquiryBytes);

// SPC-4, table 152, "no version claimed" of SAM-5, SPC-4 and the type's own standard.
constexpr uint16_t kSam5 = 0x00a0;
constexpr uint16_t kSpc4 = 0x0460;
constexpr uint16_t kSbc3 = 0x04c0;
constexpr uint16_t kMmc6 = 0x04e0;

void Pad(std::string_view text, std::span<char> out) {
  std::fill(out.begin(), out.end(), ' ');
  // Only what is ASCII and printable may be there (SPC-4, 4.4.1).
  for (size_t i = 0; i < std::min(text.size(), out.size()); ++i) {
    if (text[i] >= ' ' && text[i] <= '~') out[i] = text[i];
  }
}

size_t WriteSupportedPages(const ScsiUnit& unit, std::span<uint8_t> out) {
  size_t at = kVpdHeaderBytes;
  for (const VpdPage page : unit.vpd_pages()) {
    if (page == VpdPage::kUnitSerialNumber && unit.identity().serial.empty()) continue;
    out[at++] = static_cast<uint8_t>(page);
  }
  return at - kVpdHeaderBytes;
}

size_t WriteSerial(const ScsiUnit& unit, std::span<uint8_t> out) {
  const std::string& serial = unit.identity().serial;
  const size_t bytes = std::min<size_t>(serial.size(), 255);
  Pad(serial, {reinterpret_cast<char*>(out.data()) + kVpdHeaderBytes, bytes});
  return bytes;
}

// One designation descriptor (SPC-4, 7.8.6): header and designator.
size_t WriteDesignator(uint8_t code_set, uint8_t type, std::span<const uint8_t> data,
                       std::span<uint8_t> out) {
  out[0] = code_set;
  out[1] = type;  // Associated with the logical unit.
  out[3] = static_cast<uint8_t>(data.size());
  std::copy(data.begin(), data.end(), out.begin() + 4);
  return 4 + data.size();
}

size_t WriteIdentification(const ScsiUnit& unit, std::span<uint8_t> out) {
  constexpr uint8_t kBinary = 1;
  constexpr uint8_t kAscii = 2;
  constexpr uint8_t kT10VendorId = 1;
  constexpr uint8_t kNaa = 3;
  const ScsiIdentity& identity = unit.identity();
  const std::string& name = identity.device_id.empty() ? identity.serial : identity.device_id;
  size_t at = kVpdHeaderBytes;
  if (!name.empty()) {
    uint8_t data[255 - 4];
    const size_t bytes = 8 + std::min<size_t>(name.size(), 64);
    Pad(identity.vendor, {reinterpret_cast<char*>(data), 8});
    Pad(name, {reinterpret_cast<char*>(data) + 8, bytes - 8});
    at += WriteDesignator(kAscii, kT10VendorId, std::span(data).first(bytes), out.subspan(at));
  }
  if (identity.wwn != 0) {
    const Be64 wwn = identity.wwn;
    uint8_t data[sizeof(wwn)];
    std::memcpy(data, &wwn, sizeof(wwn));
    at += WriteDesignator(kBinary, kNaa, data, out.subspan(at));
  }
  return at - kVpdHeaderBytes;
}

}  // namespace

size_t WriteInquiry(const ScsiIdentity& identity, std::span<uint8_t> out) {
  InquiryData data;
  data.type = static_cast<uint8_t>(identity.type);
  data.removable = identity.removable ? 0x80 : 0;
  Pad(identity.vendor, data.vendor);
  Pad(identity.product, data.product);
  Pad(identity.revision, data.revision);
  data.versions[0] = kSam5;
  data.versions[1] = kSpc4;
  data.versions[2] = identity.type == ScsiDeviceType::kCdRom ? kMmc6 : kSbc3;
  PLATTER_CHECK(out.size() >= sizeof(data));
  std::memcpy(out.data(), &data, sizeof(data));
  return sizeof(data);
}

size_t WriteCommonVpdPage(const ScsiUnit& unit, VpdPage page, std::span<uint8_t> out) {
  const ScsiIdentity& identity = unit.identity();
  switch (page) {
    case VpdPage::kSupportedPages:
      return FinishVpdPage(identity, page, WriteSupportedPages(unit, out), out);
    case VpdPage::kUnitSerialNumber:
      if (identity.serial.empty()) return 0;
      return FinishVpdPage(identity, page, WriteSerial(unit, out), out);
    case VpdPage::kDeviceIdentification:
      return FinishVpdPage(identity, page, WriteIdentification(unit, out), out);
    default:
      return 0;
  }
}

size_t FinishVpdPage(const ScsiIdentity& identity, VpdPage page, size_t bytes,
                     std::span<uint8_t> out) {
  const Be16 length = static_cast<uint16_t>(bytes);
  out[0] = static_cast<uint8_t>(identity.type);
  out[1] = static_cast<uint8_t>(page);
  std::memcpy(&out[2], &length, sizeof(length));
  return kVpdHeaderBytes + bytes;
}

}  // namespace platter
