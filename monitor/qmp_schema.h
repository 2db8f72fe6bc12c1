// SPDX-License-Identifier: Apache-2.0
//
// What query-qmp-schema says (SchemaInfo of QMP's schema): commands from their rows, arguments from
// the protobuf messages that the binder fills, events from theirs.
//
//   {"name": "eject", "meta-type": "command", "arg-type": "Eject", "ret-type": "q_empty"}
//   {"name": "Eject", "meta-type": "object", "members": [{"name": "id", "type": "str",
//     "default": null}, ...]}
//
// What a command returns is described as "any": no message says more of it.
//
// Ownership: a value. Threading: pure function. Units: none. Errors: none.

#ifndef PLATTER_MONITOR_QMP_SCHEMA_H_
#define PLATTER_MONITOR_QMP_SCHEMA_H_

#include "config/value.h"
#include "monitor/command_table.h"

namespace platter {

Value SchemaValue(const CommandTable& table);

}  // namespace platter

#endif  // PLATTER_MONITOR_QMP_SCHEMA_H_
