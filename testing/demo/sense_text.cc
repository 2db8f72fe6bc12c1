// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/sense_text.h"

#include "absl/strings/str_format.h"

namespace platter {
namespace {

struct CodeName {
  uint16_t code;
  const char* name;
};
constexpr CodeName kNames[] = {
    {0x1100, "unrecovered read error"},      {0x2707, "no space could be allocated"},
    {0x2800, "the medium may have changed"}, {0x2900, "power on or reset"},
    {0x2a09, "the capacity has changed"},    {0x3a00, "no medium"},
    {0x3a01, "no medium, tray closed"},      {0x3a02, "no medium, tray open"},
};

}  // namespace

std::string SenseText(uint8_t key, uint16_t code) {
  std::string text = absl::StrFormat("%x/%02x/%02x", key, code >> 8, code & 0xff);
  for (const CodeName& row : kNames) {
    if (row.code == code) return absl::StrFormat("%s, %s", text, row.name);
  }
  return text;
}

}  // namespace platter
