// SPDX-License-Identifier: Apache-2.0

#include "config/text.h"

#include <cstddef>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

#include "base/quote.h"
#include "config/error.h"
#include "config/scalar.h"
#include "config/schema.h"
#include "config/suggest.h"
#include "config/text_place.h"
#include "config/value.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr size_t kMaxChoicesListed = 8;

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& what) override {
    if (!text_.empty()) return;
    at_ = {line, column};
    // The message may quote the text, and the text may hold anything.
    for (const char c : what) text_ += c >= 0x20 && c < 0x7F ? c : '?';
  }

  const std::string& text() const { return text_; }
  TextPosition at() const { return at_; }

 private:
  std::string text_;
  TextPosition at_;
};

// A name as it is written here, and the one that the other syntaxes have for it: a user who knows
// that one is told this one.
struct TwoNames {
  std::string here;
  std::string outside;
};

// The name to write here that is nearest to what was typed, or "".
std::string NearestHere(const std::string& typed, const std::vector<TwoNames>& names) {
  std::vector<std::string> candidates;
  for (const TwoNames& name : names) candidates.push_back(name.here);
  for (const TwoNames& name : names) candidates.push_back(name.outside);
  const std::string nearest = Nearest(typed, candidates);
  for (const TwoNames& name : names) {
    if (nearest == name.here || nearest == name.outside) return name.here;
  }
  return "";
}

std::string ListHere(const std::vector<TwoNames>& names, std::string_view last_separator) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != 0) list += i + 1 == names.size() ? last_separator : ", ";
    list += names[i].here;
  }
  return list;
}

std::string DidYouMeanHere(const std::string& nearest) {
  return nearest.empty() ? "" : "; did you mean " + Quote(nearest) + "?";
}

absl::Status ErrorAt(const std::string& path, TextPosition at, const std::string& what) {
  return ConfigError(path, "line " + std::to_string(at.line + 1) + ", column " +
                               std::to_string(at.column + 1) + ": " + what);
}

absl::Status UnknownField(const TextPlace& place) {
  const std::string path = JoinPath(place.path, place.name);
  std::vector<TwoNames> names;
  for (int i = 0; i < place.type->field_count(); ++i) {
    const FieldDescriptor* field = place.type->field(i);
    names.push_back({field->name(), OptionName(field)});
    // Of a driver or device, and written beside it instead of inside.
    const Descriptor* inner =
        field->real_containing_oneof() == nullptr ? nullptr : field->message_type();
    if (inner != nullptr && inner->FindFieldByName(place.name) != nullptr) {
      return ErrorAt(path, place.name_at,
                     "unknown option here; it is one of " + Quote(field->name()));
    }
  }
  const std::string nearest = NearestHere(place.name, names);
  return ErrorAt(path, place.name_at,
                 "unknown option" + (nearest.empty() ? "; there are " + ListHere(names, ", ")
                                                     : DidYouMeanHere(nearest)));
}

absl::Status UnknownChoice(const TextPlace& place) {
  std::vector<TwoNames> names;
  const google::protobuf::EnumDescriptor* type = place.field->enum_type();
  for (const SchemaChoice& choice : EnumChoices(type)) {
    names.push_back({type->FindValueByNumber(choice.number)->name(), choice.name});
  }
  const std::string expected =
      names.size() <= kMaxChoicesListed ? ListHere(names, " or ") : "a value of " + type->name();
  return ErrorAt(FieldPath(place), place.value_at,
                 "takes " + expected + ", not " + Quote(place.value) +
                     DidYouMeanHere(NearestHere(place.value, names)));
}

// Whether the value read last is a name that its field doesn't have.
bool IsUnknownChoice(const TextPlace& place) {
  return place.field != nullptr && place.field->enum_type() != nullptr &&
         google::protobuf::io::Tokenizer::IsIdentifier(place.value) &&
         place.field->enum_type()->FindValueByName(place.value) == nullptr;
}

// What the error is in the words of the other syntaxes, or else in protobuf's.
absl::Status Explain(const TextPlace& place, const FirstError& error) {
  const bool has_field = place.field != nullptr;
  if (!has_field && !place.name.empty() && place.type != nullptr) return UnknownField(place);
  if (IsUnknownChoice(place)) return UnknownChoice(place);
  // With a value read, the parser is past the field: unless it is the value that it minds.
  const bool at_field =
      has_field && (place.value.empty() || error.text().find(place.value) != std::string::npos);
  return ErrorAt(at_field ? FieldPath(place) : place.path, error.at(), error.text());
}

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
  if (error.text().empty()) return ConfigError(root, "not valid text form");
  return Explain(FindTextPlace(text, error.at(), root, message->GetDescriptor()), error);
}

}  // namespace platter
