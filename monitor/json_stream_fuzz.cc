// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a client's stream. Held: the pieces in which they come make no difference; errors
// are told in printable text; what is held is bounded; and behind a mark (FFh) a value is a value
// again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/json_writer.h"
#include "monitor/json_stream.h"

namespace platter {
namespace {

void TakeAll(JsonStream& stream, std::vector<std::string>& items) {
  while (const auto item = stream.Next()) {
    if (item->ok()) {
      items.push_back(FormatJson(**item));
      continue;
    }
    const std::string message = MessageOf(item->status());
    PLATTER_CHECK(message.starts_with("JSON parse error, "));
    PLATTER_CHECK(IsUtf8(message));
    for (const char c : message) PLATTER_CHECK(static_cast<uint8_t>(c) >= 0x20);
    items.push_back("!" + message);
  }
  PLATTER_CHECK(stream.held() <= kMaxConfigBytes + 1);
}

}  // namespace
}  // namespace platter

// The first byte is the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = data[0] % 7 + size_t{1};
  const std::string text =
      std::string(reinterpret_cast<const char*>(data) + 1, size - 1) + "\xff{\"end\": 1}";
  std::vector<std::string> whole;
  platter::JsonStream stream;
  stream.Feed(text);
  platter::TakeAll(stream, whole);
  PLATTER_CHECK(!whole.empty() && whole.back() == "{\"end\": 1}");

  std::vector<std::string> pieces;
  platter::JsonStream other;
  for (size_t at = 0; at < text.size(); at += piece) {
    other.Feed(std::string_view(text).substr(at, piece));
    platter::TakeAll(other, pieces);
  }
  PLATTER_CHECK(pieces == whole);
  return 0;
}
