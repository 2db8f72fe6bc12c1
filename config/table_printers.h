// SPDX-License-Identifier: Apache-2.0
//
// For table_test: writes a message in each syntax. The printers know the syntax alone; names come
// from the schema, whose names schema_test pins down.
//
// Ownership: results are copies. Threading: pure functions. Errors: none.

#ifndef PLATTER_CONFIG_TABLE_PRINTERS_H_
#define PLATTER_CONFIG_TABLE_PRINTERS_H_

#include <string>

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

std::string PrintKeyval(const google::protobuf::Message& message);
std::string PrintJson(const google::protobuf::Message& message);
std::string PrintText(const google::protobuf::Message& message);

}  // namespace platter

#endif  // PLATTER_CONFIG_TABLE_PRINTERS_H_
