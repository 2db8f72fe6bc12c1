// SPDX-License-Identifier: Apache-2.0
//
// Rules between options that no annotation of a single field can say: one function per message
// type, listed in rules.cc. A rule is here when options alone decide it; what depends on a file, a
// node or a host is for the driver or device to say.
//
// Ownership: nothing is kept. Threading: pure function.
// Errors: EINVAL, "PATH.OPTION: which rule is broken".

#ifndef PLATTER_CONFIG_RULES_H_
#define PLATTER_CONFIG_RULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// What is written out where a name could stand (a node below another one) may take options from
// what it is written in: it is judged together with that.
enum class RulePlace : uint8_t { kOutside, kWrittenOut };

// The rules of this one message; not of the messages in it, unless they stand kWrittenOut in it.
// Its options are each valid and its defaults filled in. Ok for a type without rules.
absl::Status CheckRules(const std::string& path, const google::protobuf::Message& message,
                        RulePlace place);

}  // namespace platter

#endif  // PLATTER_CONFIG_RULES_H_
