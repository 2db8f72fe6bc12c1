// SPDX-License-Identifier: Apache-2.0
//
// The binder: fills an annotated message from a value tree, by reflection. It knows no driver and
// no device; config/schema.h tells it what a message looks like from outside.
//
//   keyval.h, json.h  -> Value -> BindMessage -> CompleteOptions (completion.h) -> message
//
// Ownership: borrows its arguments for the call. Threading: one thread per message.
// Errors: EINVAL, "ROOT.PATH: what is wrong", with the nearest right name where a name is wrong.
//   After an error the message holds a part of the options: throw it away.

#ifndef PLATTER_CONFIG_BINDER_H_
#define PLATTER_CONFIG_BINDER_H_

#include <string_view>

#include "absl/status/status.h"

#include "config/value.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// `message` is empty on entry. Every member of the value must be an option of the message; whether
// required ones are missing is for CompleteOptions to say, except the discriminator of a union.
absl::Status BindMessage(const Value& value, std::string_view root,
                         google::protobuf::Message* message);

}  // namespace platter

#endif  // PLATTER_CONFIG_BINDER_H_
