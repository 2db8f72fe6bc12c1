// SPDX-License-Identifier: Apache-2.0
//
// For table_test: a message for every option of the schema and every kind of value it takes, made
// by reflection so that none is forgotten.
//
// Ownership: results own everything. Threading: pure functions. Errors: none (gtest checks).

#ifndef PLATTER_CONFIG_TABLE_SAMPLES_H_
#define PLATTER_CONFIG_TABLE_SAMPLES_H_

#include <memory>
#include <string>
#include <vector>

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace platter {

struct Sample {
  std::string name;  // "raw.file", with a number where an option has several samples
  std::shared_ptr<const google::protobuf::Message> message;
};

// Samples for a root type (BlockdevOptions, ...), each valid on its own: required options are
// there, and so is what rules.cc asks for beside the sampled option.
std::vector<Sample> MakeSamples(const google::protobuf::Descriptor* root);

}  // namespace platter

#endif  // PLATTER_CONFIG_TABLE_SAMPLES_H_
