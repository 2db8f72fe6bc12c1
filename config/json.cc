// SPDX-License-Identifier: Apache-2.0

#include "config/json.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "base/quote.h"
#include "config/error.h"
#include "config/scalar.h"
#include <nlohmann/json.hpp>

namespace platter {
namespace {

constexpr std::string_view kTooMany = "too many members";

// Reads the text and leaves in *position how far it got: the library's events don't tell.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(std::string_view text, size_t index, size_t* position)
      : text_(text), index_(index), position_(position) {}

  reference operator*() const { return text_[index_]; }
  CountingIterator& operator++() {
    *position_ = ++index_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return index_ == other.index_; }

 private:
  std::string_view text_;
  size_t index_;
  size_t* position_;
};

// Takes the parser's events (nlohmann::json_sax) and builds the tree. A false return stops it.
class TreeBuilder {
 public:
  using Json = nlohmann::json;

  TreeBuilder(std::string_view root, const size_t* position) : root_(root), position_(position) {}

  bool null() { return Add(Value()); }
  bool boolean(bool value) { return Add(Value::Bool(value)); }
  bool number_integer(int64_t value) {
    return Add(value < 0 ? Value::Int(value) : Value::Uint(static_cast<uint64_t>(value)));
  }
  bool number_unsigned(uint64_t value) { return Add(Value::Uint(value)); }
  bool number_float(double value, const std::string& text) {
    if (text.find_first_of(".eE") == std::string::npos) {
      return Fail(Quote(text) + " does not fit in 64 bits");
    }
    return Add(Value::Double(value));
  }
  bool string(std::string& value) { return Add(Value::String(std::move(value))); }
  bool binary(Json::binary_t& /*value*/) { return Fail("binary data"); }
  bool start_object(size_t /*count*/) { return Open(Value::FromObject({})); }
  bool start_array(size_t /*count*/) { return Open(Value::FromList({})); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(std::string& name);
  bool parse_error(size_t position, const std::string& /*token*/, const Json::exception& error);

  absl::Status& status() { return status_; }
  Value& result() { return result_; }

 private:
  // An object or list not closed yet, and the name its next member gets.
  struct Frame {
    Value value;
    std::string name;
  };

  bool Add(Value value);
  bool Open(Value value);
  bool Close();
  bool Fail(std::string_view what);
  std::string Path() const;

  const std::string_view root_;
  const size_t* const position_;
  std::vector<Frame> open_;
  Value result_;
  absl::Status status_;
};

std::string TreeBuilder::Path() const {
  std::string path(root_);
  for (const Frame& frame : open_) {
    if (frame.value.is_list()) {
      path = JoinPath(path, std::to_string(frame.value.as_list().size()));
    } else if (!frame.name.empty()) {
      path = JoinPath(path, frame.name);
    }
  }
  return path;
}

bool TreeBuilder::Fail(std::string_view what) {
  status_ =
      ConfigError(Path(), std::string(what) + " (at byte " + std::to_string(*position_) + ")");
  return false;
}

bool TreeBuilder::Add(Value value) {
  value.at(*position_);
  if (open_.empty()) {
    result_ = std::move(value);
    return true;
  }
  Frame& frame = open_.back();
  if (frame.value.is_list()) {
    Value::List& list = frame.value.mutable_list();
    if (list.size() == kMaxConfigMembers) return Fail(kTooMany);
    list.push_back(std::move(value));
  } else {
    Value::Object& object = frame.value.mutable_object();
    if (object.size() == kMaxConfigMembers) return Fail(kTooMany);
    object.push_back({std::move(frame.name), std::move(value)});
    frame.name.clear();
  }
  return true;
}

bool TreeBuilder::key(std::string& name) {
  Frame& frame = open_.back();
  if (frame.value.Find(name) != nullptr) return Fail("the member " + Quote(name) + " given twice");
  frame.name = std::move(name);
  return true;
}

bool TreeBuilder::Open(Value value) {
  if (open_.size() == static_cast<size_t>(kMaxConfigDepth)) {
    return Fail("nested deeper than " + std::to_string(kMaxConfigDepth));
  }
  open_.push_back({std::move(value), ""});
  return true;
}

bool TreeBuilder::Close() {
  Value value = std::move(open_.back().value);
  open_.pop_back();
  return Add(std::move(value));
}

bool TreeBuilder::parse_error(size_t position, const std::string& /*token*/,
                              const Json::exception& error) {
  // The library's text repeats its own error number and position in front: keep what follows.
  const std::string_view text = error.what();
  constexpr std::string_view kMark = "while parsing ";
  const size_t mark = text.find(kMark);
  const std::string_view what =
      mark == std::string_view::npos ? text : text.substr(mark + kMark.size());
  std::string shown;
  for (const char c : what) shown += c >= 0x20 && c < 0x7F ? c : '?';
  status_ = ConfigError(root_,
                        "not valid JSON: " + shown + " (at byte " + std::to_string(position) + ")");
  return false;
}

}  // namespace

absl::StatusOr<Value> ParseJson(std::string_view text, std::string_view root) {
  if (text.size() > kMaxConfigBytes) {
    return ConfigError(root, "longer than " + FormatSize(kMaxConfigBytes) + " bytes");
  }
  size_t position = 0;
  TreeBuilder builder(root, &position);
  const bool done =
      nlohmann::json::sax_parse(CountingIterator(text, 0, &position),
                                CountingIterator(text, text.size(), &position), &builder);
  if (!builder.status().ok()) return builder.status();
  if (!done) return ConfigError(root, "not valid JSON");
  return std::move(builder.result());
}

}  // namespace platter
