// SPDX-License-Identifier: Apache-2.0
//
// Value: what an option text says, before a schema gives it a type. keyval.h and json.h make
// values, binder.h turns a value into a message. One tree serves both syntaxes:
//
//   file.driver=null-co,size=1M    object{file: object{driver: text}, size: text}
//   {"size": 1048576}              object{size: unsigned}
//
// A scalar written in key=value form is `text`: whether "10" is a number or a name is for the
// schema to say. A JSON string is a `string` and never becomes a number.
//
// Ownership: a value owns everything below it. Copies are deep.
// Threading: a plain value; no sharing, no locks.
// Units: positions are bytes from the start of the text parsed.
// Errors: none; an accessor of the wrong kind is a programming error (std::bad_variant_access).

#ifndef PLATTER_CONFIG_VALUE_H_
#define PLATTER_CONFIG_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace platter {

// Limits that hold for every syntax, so that no text makes the parsers or the binder run long, deep
// or large. Real configurations stay far below them.
inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;
inline constexpr int kMaxConfigDepth = 64;
inline constexpr size_t kMaxConfigMembers = 4096;  // of one object or list

class Value {
 public:
  // An untyped scalar of the key=value syntax.
  struct Text {
    std::string text;
    bool operator==(const Text&) const = default;
  };
  struct Member;
  using List = std::vector<Value>;
  using Object = std::vector<Member>;  // in the order written; names are unique
  struct Null {
    bool operator==(const Null&) const = default;
  };

  // Where it stood in the text: the byte behind it for JSON, its first byte for key=value.
  static constexpr size_t kNoPosition = static_cast<size_t>(-1);

  Value();  // null
  static Value Bool(bool value);
  static Value Int(int64_t value);
  static Value Uint(uint64_t value);
  static Value Double(double value);
  static Value String(std::string value);
  static Value FromText(std::string text);
  static Value FromList(List list);
  static Value FromObject(Object object);

  bool is_null() const { return Is<Null>(); }
  bool is_bool() const { return Is<bool>(); }
  bool is_int() const { return Is<int64_t>(); }  // negative numbers
  bool is_uint() const { return Is<uint64_t>(); }
  bool is_double() const { return Is<double>(); }
  bool is_string() const { return Is<std::string>(); }
  bool is_text() const { return Is<Text>(); }
  bool is_list() const { return Is<List>(); }
  bool is_object() const { return Is<Object>(); }

  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const { return std::get<int64_t>(data_); }
  uint64_t as_uint() const { return std::get<uint64_t>(data_); }
  double as_double() const { return std::get<double>(data_); }
  const std::string& as_string() const { return std::get<std::string>(data_); }
  const std::string& as_text() const { return std::get<Text>(data_).text; }
  const List& as_list() const { return std::get<List>(data_); }
  const Object& as_object() const { return std::get<Object>(data_); }
  List& mutable_list() { return std::get<List>(data_); }
  Object& mutable_object() { return std::get<Object>(data_); }

  // The member of an object, or null. Linear: objects are bounded by kMaxConfigMembers.
  const Value* Find(std::string_view name) const;

  size_t position() const { return position_; }
  Value& at(size_t position) {
    position_ = position;
    return *this;
  }

  // What it is, for messages: "an object", "a number", "true", "the string 'x'".
  std::string Describe() const;

  // Equal kinds and contents; positions don't count.
  bool operator==(const Value& other) const;

 private:
  using Data = std::variant<Null, bool, int64_t, uint64_t, double, std::string, Text, List, Object>;

  explicit Value(Data data);
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(data_);
  }

  Data data_;
  size_t position_ = kNoPosition;
};

struct Value::Member {
  std::string name;
  Value value;
  bool operator==(const Member&) const = default;
};

}  // namespace platter

#endif  // PLATTER_CONFIG_VALUE_H_
