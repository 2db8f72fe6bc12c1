// SPDX-License-Identifier: Apache-2.0

#include "config/text_place.h"

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

#include "config/error.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::Tokenizer;

// The parser has told what is wrong already.
class NoErrors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int /*line*/, int /*column*/, const std::string& /*what*/) override {}
};

// The fields of a oneof stand in the place of the message that has them, outside.
bool IsInPlace(const FieldDescriptor* field) { return field->real_containing_oneof() != nullptr; }

TextPosition PositionOf(const Tokenizer::Token& token) { return {token.line, token.column}; }

class Walker {
 public:
  Walker(std::string_view root, const Descriptor* type) { Open(std::string(root), type); }

  void Take(const Tokenizer::Token& token);
  TextPlace& place() { return levels_.back().place; }

 private:
  enum class Expect { kName, kExtensionEnd, kValue };

  // A message that is not closed yet.
  struct Level {
    TextPlace place;
    Expect expect = Expect::kName;
    bool in_list = false;
    std::map<const FieldDescriptor*, size_t> elements;  // how many there were, of lists
  };

  void TakeName(const Tokenizer::Token& token);
  void TakeValue(const Tokenizer::Token& token);
  void Open(std::string path, const Descriptor* type);
  void OpenMember();
  void Close();
  Expect AfterValue() const { return levels_.back().in_list ? Expect::kValue : Expect::kName; }

  std::vector<Level> levels_;  // never empty
};

void Walker::Take(const Tokenizer::Token& token) {
  Level& level = levels_.back();
  switch (level.expect) {
    case Expect::kName:
      return TakeName(token);
    case Expect::kValue:
      return TakeValue(token);
    case Expect::kExtensionEnd:
      if (token.text == "]") level.expect = Expect::kValue;
      return;
  }
}

void Walker::TakeName(const Tokenizer::Token& token) {
  Level& level = levels_.back();
  TextPlace& place = level.place;
  if (token.type == Tokenizer::TYPE_IDENTIFIER) {
    place.name = token.text;
    place.name_at = PositionOf(token);
    place.field = place.type == nullptr ? nullptr : place.type->FindFieldByName(token.text);
    place.value.clear();
    level.expect = Expect::kValue;
  } else if (token.text == "[") {  // "[package.extension]", which this schema has none of
    place.name.clear();
    place.field = nullptr;
    level.expect = Expect::kExtensionEnd;
  } else if (token.text == "}" || token.text == ">") {
    Close();
  }
}

void Walker::TakeValue(const Tokenizer::Token& token) {
  Level& level = levels_.back();
  if (token.type != Tokenizer::TYPE_SYMBOL) {
    level.place.value = token.text;
    level.place.value_at = PositionOf(token);
    level.expect = AfterValue();
    return;
  }
  switch (token.text[0]) {
    case '{':
    case '<':
      return OpenMember();
    case '}':
    case '>':
      return Close();
    case '[':
      level.in_list = true;
      return;
    case ']':
      level.in_list = false;
      [[fallthrough]];
    case ';':
    case ',':
      level.expect = AfterValue();
      return;
    default:
      return;  // ':' and '-' stand in front of the value
  }
}

void Walker::Open(std::string path, const Descriptor* type) {
  Level& level = levels_.emplace_back();
  level.place.path = std::move(path);
  level.place.type = type;
}

void Walker::OpenMember() {
  Level& level = levels_.back();
  level.expect = AfterValue();
  const FieldDescriptor* field = level.place.field;
  if (field == nullptr) return Open(JoinPath(level.place.path, level.place.name), nullptr);
  std::string path = FieldPath(level.place);
  if (field->is_repeated()) path = JoinPath(path, std::to_string(level.elements[field]++));
  Open(std::move(path), field->message_type());
}

void Walker::Close() {
  if (levels_.size() == 1) return;
  levels_.pop_back();
  TextPlace& place = levels_.back().place;
  if (levels_.back().in_list) return;
  place.name.clear();
  place.field = nullptr;
}

}  // namespace

TextPlace FindTextPlace(std::string_view text, TextPosition stop, std::string_view root,
                        const Descriptor* type) {
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  NoErrors no_errors;
  Tokenizer tokenizer(&input, &no_errors);
  // As protobuf's parser of the text form sets it up, so that both count alike.
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_require_space_after_number(false);
  tokenizer.set_allow_multiline_strings(true);
  Walker walker(root, type);
  while (tokenizer.Next() && PositionOf(tokenizer.current()) < stop) {
    walker.Take(tokenizer.current());
  }
  TextPlace place = walker.place();
  const bool is_unknown = !place.name.empty() && place.field == nullptr && place.value.empty();
  TextPosition end = place.name_at;
  end.column += static_cast<int>(place.name.size());
  while (
      is_unknown && PositionOf(tokenizer.current()) == end &&
      (tokenizer.current().text == "-" || tokenizer.current().type == Tokenizer::TYPE_IDENTIFIER)) {
    place.name += tokenizer.current().text;
    end.column += static_cast<int>(tokenizer.current().text.size());
    if (!tokenizer.Next()) break;
  }
  return place;
}

std::string FieldPath(const TextPlace& place) {
  return IsInPlace(place.field) ? place.path : JoinPath(place.path, OptionName(place.field));
}

}  // namespace platter
