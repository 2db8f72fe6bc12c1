// SPDX-License-Identifier: Apache-2.0

#include "config/keyval.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "base/quote.h"
#include "config/error.h"
#include "config/scalar.h"

namespace platter {
namespace {

constexpr size_t kMaxNameBytes = 127;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsIndex(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
  }
  return true;
}

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || !IsLetter(text[0])) return false;
  for (const char c : text) {
    if (!IsLetter(c) && !IsDigit(c) && c != '-' && c != '_') return false;
  }
  return true;
}

// The tree while it grows: a node has a text or members, never both.
struct Node {
  std::string name;
  size_t position = 0;
  std::optional<std::string> text;
  std::deque<Node> members;  // a deque: references stay valid

  Node* Find(std::string_view member) {
    for (Node& node : members) {
      if (node.name == member) return &node;
    }
    return nullptr;
  }
};

class Parser {
 public:
  Parser(std::string_view text, std::string_view root, std::string_view implied_key)
      : text_(text), root_(root), implied_key_(implied_key) {}

  absl::StatusOr<Keyval> Parse();

 private:
  absl::Status ParseOption();
  absl::Status Insert(std::string_view key, size_t position, std::string value);
  absl::Status CheckKey(std::string_view key, size_t position) const;
  std::string TakeText();
  absl::StatusOr<Value> Convert(Node& node, const std::string& path) const;

  bool AtEnd() const { return next_ == text_.size(); }
  absl::Status Error(std::string_view path, size_t position, std::string_view what) const {
    std::string where(root_);
    if (!path.empty()) where.append(".").append(path);
    return ConfigError(where, std::string(what) + " (at byte " + std::to_string(position) + ")");
  }

  const std::string_view text_;
  const std::string_view root_;
  const std::string_view implied_key_;
  size_t next_ = 0;
  Node tree_;
  bool help_ = false;
};

absl::StatusOr<Keyval> Parser::Parse() {
  if (text_.size() > kMaxConfigBytes) {
    return ConfigError(root_, "longer than " + FormatSize(kMaxConfigBytes) + " bytes");
  }
  if (const size_t nul = text_.find('\0'); nul != std::string_view::npos) {
    return Error("", nul, "a NUL byte");
  }
  if (!IsUtf8(text_)) return ConfigError(root_, Quote(text_) + " is not valid UTF-8");
  while (!AtEnd()) {
    if (absl::Status status = ParseOption(); !status.ok()) return status;
  }
  absl::StatusOr<Value> options = Convert(tree_, "");
  if (!options.ok()) return options.status();
  if (options->is_list()) return ConfigError(root_, "takes names, not list indices");
  return Keyval{*std::move(options), help_};
}

// One option and the comma behind it.
absl::Status Parser::ParseOption() {
  const size_t start = next_;
  const size_t stop = text_.find_first_of("=,", start);
  const bool has_value = stop != std::string_view::npos && text_[stop] == '=';
  if (has_value) {
    const std::string_view key = text_.substr(start, stop - start);
    next_ = stop + 1;
    return Insert(key, start, TakeText());
  }
  std::string word = TakeText();
  if (word == "help" || word == "?") {
    help_ = true;
    return absl::OkStatus();
  }
  if (start == 0 && !implied_key_.empty() && !word.empty()) {
    if (word.find('=') != std::string::npos) {
      return Error("", start, "the first option has a comma before its '='");
    }
    return Insert(implied_key_, start, std::move(word));
  }
  if (word.empty()) return Error("", start, "an empty option");
  return Error("", start,
               "no '=' behind " + Quote(word) + " (" + Quote(word + "=on") + ", perhaps?)");
}

// The text up to a single comma, which is consumed, with ",," made one.
std::string Parser::TakeText() {
  std::string out;
  while (!AtEnd()) {
    const size_t comma = text_.find(',', next_);
    if (comma == std::string_view::npos) {
      out.append(text_.substr(next_));
      next_ = text_.size();
      break;
    }
    out.append(text_.substr(next_, comma - next_));
    next_ = comma + 1;
    if (AtEnd() || text_[next_] != ',') break;
    out += ',';
    ++next_;
  }
  return out;
}

absl::Status Parser::CheckKey(std::string_view key, size_t position) const {
  if (key.empty()) return Error("", position, "an option without a name");
  int depth = 1;
  for (size_t begin = 0;;) {
    const size_t dot = key.find('.', begin);
    const std::string_view name = key.substr(begin, dot - begin);
    const bool ok = IsName(name) || (begin != 0 && IsIndex(name));
    if (!ok) return Error("", position, Quote(key) + " is no option name: " + Quote(name));
    if (dot == std::string_view::npos) return absl::OkStatus();
    if (++depth > kMaxConfigDepth) {
      return Error("", position, "nested deeper than " + std::to_string(kMaxConfigDepth));
    }
    begin = dot + 1;
  }
}

absl::Status Parser::Insert(std::string_view key, size_t position, std::string value) {
  if (absl::Status status = CheckKey(key, position); !status.ok()) return status;
  Node* node = &tree_;
  for (size_t begin = 0; begin != std::string_view::npos;) {
    const size_t dot = key.find('.', begin);
    const std::string_view name = key.substr(begin, dot - begin);
    if (node->text.has_value()) {
      return Error(key.substr(0, begin - 1), position,
                   "has a value of its own and so can't have the member " + Quote(name));
    }
    Node* member = node->Find(name);
    if (member == nullptr) {
      if (node->members.size() == kMaxConfigMembers) {
        return Error("", position, "more than " + std::to_string(kMaxConfigMembers) + " members");
      }
      member = &node->members.emplace_back();
      member->name = name;
      member->position = position;
    }
    node = member;
    begin = dot == std::string_view::npos ? dot : dot + 1;
  }
  if (node->text.has_value()) return Error(key, position, "given twice");
  if (!node->members.empty()) {
    return Error(key, position, "has members and so can't have a value of its own");
  }
  node->text = std::move(value);
  return absl::OkStatus();
}

// Recursion is bounded by CheckKey.
absl::StatusOr<Value> Parser::Convert(Node& node, const std::string& path) const {
  if (node.text.has_value()) return Value::FromText(*std::move(node.text)).at(node.position);
  size_t indices = 0;
  for (const Node& member : node.members) indices += IsDigit(member.name[0]) ? 1 : 0;
  if (indices != 0 && indices != node.members.size()) {
    return Error(path, node.position, "has both list indices and names as members");
  }
  const auto member_path = [&path](const std::string& name) {
    return path.empty() ? name : path + "." + name;
  };
  if (indices == 0) {
    Value::Object object;
    for (Node& member : node.members) {
      absl::StatusOr<Value> value = Convert(member, member_path(member.name));
      if (!value.ok()) return value.status();
      object.push_back({std::move(member.name), *std::move(value)});
    }
    return Value::FromObject(std::move(object)).at(node.position);
  }
  Value::List list(indices);
  for (Node& member : node.members) {
    const std::optional<Integer> index = ParseInteger(member.name);
    // Names are unique: n indices below n are all of 0..n-1.
    if (!index.has_value() || index->magnitude >= indices) {
      return Error(member_path(member.name), member.position,
                   "the list has " + std::to_string(indices) +
                       " elements, to be numbered from 0 without a gap");
    }
    absl::StatusOr<Value> value = Convert(member, member_path(member.name));
    if (!value.ok()) return value.status();
    list[index->magnitude] = *std::move(value);
  }
  return Value::FromList(std::move(list)).at(node.position);
}

}  // namespace

absl::StatusOr<Keyval> ParseKeyval(std::string_view text, std::string_view root,
                                   std::string_view implied_key) {
  return Parser(text, root, implied_key).Parse();
}

}  // namespace platter
