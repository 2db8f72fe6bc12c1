// SPDX-License-Identifier: Apache-2.0
//
// JsonStream: cuts a stream of bytes into JSON values, as QMP's clients send them: with or without
// newlines between, in pieces of any size.
//
//   stream.Feed(bytes);
//   while (std::optional<absl::StatusOr<Value>> item = stream.Next()) Answer(*item);
//
// Single quotes may stand for double ones, and \' for ' in a string, as QEMU has it: a client that
// types by hand needs that. Behind a byte that no JSON has, what follows is skipped up to the next
// bracket, brace, colon, comma or control character (not a tab), or FEh or FFh, which are in no
// text: a client sends one of those to be sure that a new value begins. What is too long or too
// deep is skipped to its last bracket or brace, or to such a character.
//
// Ownership: holds what was fed and not taken yet, and the value begun. Threading: one thread.
// Units: bytes. What is held: what was fed since Next() said nothing, and kMaxConfigBytes.
// Errors: an item is an error where the stream holds no value: "JSON parse error, ...". The stream
//   goes on behind it.

#ifndef PLATTER_MONITOR_JSON_STREAM_H_
#define PLATTER_MONITOR_JSON_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "config/value.h"

namespace platter {

class JsonStream {
 public:
  void Feed(std::string_view bytes);

  // The next value or error; nullopt: all that was fed has been looked at.
  std::optional<absl::StatusOr<Value>> Next();

  // Bytes held, of either kind.
  size_t held() const { return fed_.size() - at_ + text_.size(); }

 private:
  using Item = absl::StatusOr<Value>;
  enum class State : uint8_t {
    kBetween,    // Between tokens.
    kWord,       // In a number, true, false, null, or what looks like it.
    kString,     // In a string.
    kEscape,     // Behind its backslash.
    kRecovery,   // Skips to where a value may begin.
    kSkipValue,  // Skips the rest of a value that is too much.
  };

  // Looks at the next byte, and takes it unless a value ended before it.
  std::optional<Item> Step();
  std::optional<Item> Between(char c);
  std::optional<Item> InWord(char c);
  std::optional<Item> InString(char c);
  std::optional<Item> Structural(char c);
  // Of a value that is not kept: its strings and its depth are all that matters.
  void Skip(char c);
  // A token has ended: an item when it is a value by itself.
  std::optional<Item> EndToken();
  std::optional<Item> EndValue();
  // What was begun is dropped.
  Item Fail(const std::string& what, State next);
  Item TooMuch(const std::string& what);
  Item Stray(char c);
  void Take() { ++at_; }

  std::string fed_;
  size_t at_ = 0;  // In fed_.

  State state_ = State::kBetween;
  std::string text_;      // The value so far, in proper JSON.
  std::string open_;      // Its brackets and braces that are open.
  char quote_ = '"';      // Of the string that is open.
  size_t word_ = 0;       // Where the word that is open begins in text_.
  std::string bad_word_;  // The first that is no word of JSON.

  // Of the value that is skipped.
  uint64_t skip_depth_ = 0;
  bool skip_string_ = false;  // In a string of quote_.
  bool skip_escape_ = false;  // Behind its backslash.
};

}  // namespace platter

#endif  // PLATTER_MONITOR_JSON_STREAM_H_
