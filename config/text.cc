// SPDX-License-Identifier: Apache-2.0

#include "config/text.h"

#include <string>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

#include "config/error.h"
#include "config/quote.h"
#include "config/scalar.h"
#include "config/value.h"

namespace platter {
namespace {

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& what) override {
    if (!text_.empty()) return;
    text_ = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": ";
    // The message may quote the text, and the text may hold anything.
    for (const char c : what) text_ += c >= 0x20 && c < 0x7F ? c : '?';
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

absl::Status ParseText(std::string_view text, std::string_view root,
                       google::protobuf::Message* message) {
  if (text.size() > kMaxConfigBytes) {
    return ConfigError(root, "longer than " + FormatSize(kMaxConfigBytes) + " bytes");
  }
  if (text.find('\0') != std::string_view::npos) return ConfigError(root, "holds a NUL byte");
  if (!IsUtf8(text)) return ConfigError(root, "is not valid UTF-8");
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kMaxConfigDepth);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&input, message)) return absl::OkStatus();
  return ConfigError(root, error.text().empty() ? "not valid text form" : error.text());
}

}  // namespace platter
