// SPDX-License-Identifier: Apache-2.0
//
// FieldWriter: puts one scalar into one field of a message, checked against the schema's limits. On
// a list it appends.
//
// Ownership: borrows the message. Threading: one thread.
// Errors: EINVAL, "PATH: what is wrong"; the message is then as it was.

#ifndef PLATTER_CONFIG_FIELD_WRITER_H_
#define PLATTER_CONFIG_FIELD_WRITER_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "config/scalar.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace platter {

class FieldWriter {
 public:
  // `field` belongs to the message and is no message itself. `path` is for error messages.
  FieldWriter(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field,
              std::string path)
      : message_(message), field_(field), path_(std::move(path)) {}

  // As written in key=value form (or as a default in the schema): the field's type decides.
  absl::Status SetText(std::string_view text) const;

  // As typed by JSON; an error unless the field is of the type.
  absl::Status SetBool(bool value) const;
  absl::Status SetInteger(Integer number) const;
  absl::Status SetString(std::string_view text) const;  // strings and enumerations

  // "PATH: takes on or off, not WHAT".
  absl::Status WrongType(std::string_view what) const;

 private:
  absl::Status SetEnum(std::string_view text) const;

  google::protobuf::Message* message_;
  const google::protobuf::FieldDescriptor* field_;
  std::string path_;
};

}  // namespace platter

#endif  // PLATTER_CONFIG_FIELD_WRITER_H_
