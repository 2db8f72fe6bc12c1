// SPDX-License-Identifier: Apache-2.0

#include "monitor/json_stream.h"

#include <cctype>
#include <cerrno>
#include <utility>

#include "base/quote.h"
#include "base/status.h"
#include "config/json.h"

namespace platter {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; }
// In no UTF-8.
bool IsMark(char c) { return static_cast<unsigned char>(c) >= 0xFE; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsStructural(char c) { return std::string_view("{}[],:").find(c) != std::string_view::npos; }
bool IsWordByte(char c) {
  return static_cast<unsigned char>(c) < 0x80 &&
         (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '+' || c == '.' ||
          c == '_');
}
bool IsJsonWord(std::string_view word) {
  const char first = word[0];
  if (first == '-' || (first >= '0' && first <= '9')) return true;  // Or ParseJson says why not.
  return word == "true" || word == "false" || word == "null";
}

}  // namespace

void JsonStream::Feed(std::string_view bytes) {
  if (at_ == fed_.size()) {
    fed_.clear();
    at_ = 0;
  }
  fed_ += bytes;
}

std::optional<absl::StatusOr<Value>> JsonStream::Next() {
  while (at_ < fed_.size()) {
    std::optional<Item> item = Step();
    if (item.has_value()) return item;
    if (text_.size() > kMaxConfigBytes) {
      return TooMuch("a value is longer than " + std::to_string(kMaxConfigBytes) + " bytes");
    }
  }
  return std::nullopt;
}

std::optional<JsonStream::Item> JsonStream::Step() {
  const char c = fed_[at_];
  switch (state_) {
    case State::kBetween:
      return Between(c);
    case State::kWord:
      return InWord(c);
    case State::kString:
      return InString(c);
    case State::kEscape:
      if (IsControl(c) || IsMark(c)) return Stray(c);
      Take();
      if (c != '\'') text_ += '\\';
      text_ += c;
      state_ = State::kString;
      return std::nullopt;
    case State::kRecovery:
      if (IsStructural(c)) {
        state_ = State::kBetween;
        return std::nullopt;
      }
      Take();
      if (IsControl(c) || IsMark(c)) state_ = State::kBetween;
      return std::nullopt;
    case State::kSkipValue:
      if (skip_depth_ == 0 && !skip_string_ && !IsWordByte(c)) {
        state_ = State::kBetween;  // Behind a word that was all of the value.
        return std::nullopt;
      }
      Take();
      Skip(c);
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<JsonStream::Item> JsonStream::Between(char c) {
  if (IsBlank(c)) {
    Take();
    if (!text_.empty()) text_ += ' ';
    return std::nullopt;
  }
  if (IsStructural(c)) return Structural(c);
  if (c == '"' || c == '\'') {
    Take();
    quote_ = c;
    text_ += '"';
    state_ = State::kString;
    return std::nullopt;
  }
  if (!IsWordByte(c)) return Stray(c);
  word_ = text_.size();
  state_ = State::kWord;
  return std::nullopt;
}

std::optional<JsonStream::Item> JsonStream::InWord(char c) {
  if (IsWordByte(c)) {
    Take();
    text_ += c;
    return std::nullopt;
  }
  // The byte is looked at again.
  const std::string_view word = std::string_view(text_).substr(word_);
  if (bad_word_.empty() && !IsJsonWord(word)) bad_word_ = std::string(word.substr(0, 64));
  return EndToken();
}

std::optional<JsonStream::Item> JsonStream::InString(char c) {
  if (IsControl(c) || IsMark(c)) return Stray(c);
  Take();
  if (c == '\\') {
    state_ = State::kEscape;
  } else if (c == quote_) {
    text_ += '"';
    return EndToken();
  } else {
    if (c == '"') text_ += '\\';
    text_ += c;
  }
  return std::nullopt;
}

std::optional<JsonStream::Item> JsonStream::Structural(char c) {
  Take();
  text_ += c;
  if (c == '{' || c == '[') {
    if (open_.size() == static_cast<size_t>(kMaxConfigDepth)) {
      open_ += c;
      return TooMuch("nested deeper than " + std::to_string(kMaxConfigDepth));
    }
    open_ += c;
    return std::nullopt;
  }
  if (c == '}' || c == ']') {
    const char opened = c == '}' ? '{' : '[';
    // Whatever comes next, this is no value: the parser says why.
    if (open_.empty() || open_.back() != opened) return EndValue();
    open_.pop_back();
  }
  return EndToken();
}

void JsonStream::Skip(char c) {
  if (IsControl(c) || IsMark(c)) {
    state_ = State::kBetween;
  } else if (skip_string_) {
    skip_string_ = skip_escape_ || c != quote_;
    skip_escape_ = !skip_escape_ && c == '\\';
    // A string that was all of the value.
    if (!skip_string_ && skip_depth_ == 0) state_ = State::kBetween;
  } else if (c == '"' || c == '\'') {
    quote_ = c;
    skip_string_ = true;
  } else if (c == '{' || c == '[') {
    ++skip_depth_;
  } else if (c == '}' || c == ']') {
    if (--skip_depth_ == 0) state_ = State::kBetween;
  }
}

std::optional<JsonStream::Item> JsonStream::EndToken() {
  state_ = State::kBetween;
  if (!open_.empty()) return std::nullopt;
  return EndValue();
}

std::optional<JsonStream::Item> JsonStream::EndValue() {
  if (!bad_word_.empty()) return Fail("invalid keyword " + Quote(bad_word_), State::kBetween);
  absl::StatusOr<Value> value = ParseJson(text_, "input");
  if (!value.ok()) return Fail(MessageOf(value.status()), State::kBetween);
  text_.clear();
  state_ = State::kBetween;
  return value;
}

JsonStream::Item JsonStream::Fail(const std::string& what, State next) {
  text_.clear();
  text_.shrink_to_fit();
  open_.clear();
  bad_word_.clear();
  state_ = next;
  return ErrorWithErrno(EINVAL, "JSON parse error, " + what);
}

JsonStream::Item JsonStream::TooMuch(const std::string& what) {
  skip_depth_ = open_.size();
  skip_string_ = state_ == State::kString || state_ == State::kEscape;
  skip_escape_ = state_ == State::kEscape;
  // A word or a string by itself that was just over has nothing more to skip.
  const bool more = skip_depth_ != 0 || state_ != State::kBetween;
  return Fail(what, more ? State::kSkipValue : State::kBetween);
}

JsonStream::Item JsonStream::Stray(char c) {
  Take();
  // A control character or a mark is itself where a value may begin behind.
  const bool marks = IsControl(c) || IsMark(c);
  const bool in_string = state_ == State::kString || state_ == State::kEscape;
  return Fail("stray " + Quote(std::string_view(&c, 1)) + (in_string ? " in a string" : ""),
              marks ? State::kBetween : State::kRecovery);
}

}  // namespace platter
