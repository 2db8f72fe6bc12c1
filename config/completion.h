// SPDX-License-Identifier: Apache-2.0
//
// Completion: the defaults filled in and everything checked that the type of a field doesn't say.
// Every way to a message ends here: the binder's, the text form's, and a program's that filled the
// message itself.
//
// After CompleteOptions a driver or device reads each option without asking whether it was given,
// except those whose default the schema only describes (`default_text`): there has_x() tells.
//
// Ownership: borrows its arguments for the call. Threading: one thread per message.
// Errors: EINVAL, "ROOT.PATH: what is wrong": the first problem in schema order.

#ifndef PLATTER_CONFIG_COMPLETION_H_
#define PLATTER_CONFIG_COMPLETION_H_

#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// ApplyDefaults, then CheckOptions.
absl::Status CompleteOptions(std::string_view root, google::protobuf::Message* message);

// Sets every option that is not set and has a default, at every depth; lists stay as they are, and
// a node below that is not given stays away.
void ApplyDefaults(google::protobuf::Message* message);

// Required options, variants, ranges, lengths, names, and the rules between options (rules.h).
absl::Status CheckOptions(std::string_view root, const google::protobuf::Message& message);

}  // namespace platter

#endif  // PLATTER_CONFIG_COMPLETION_H_
