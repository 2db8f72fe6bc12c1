// SPDX-License-Identifier: Apache-2.0
//
// The rules of a whole machine: names are given once, and what a name refers to is there.
//
// Ownership: nothing is kept. Threading: pure function.
// Errors: EINVAL, "machine.devices.1.drive: ...", the first problem in the order things are made:
//   objects, block nodes, devices.

#ifndef PLATTER_CONFIG_MACHINE_RULES_H_
#define PLATTER_CONFIG_MACHINE_RULES_H_

#include <string>

#include "absl/status/status.h"

namespace platter {

namespace config {
class MachineConfig;
}  // namespace config

// Every top-level node has a node-name; node names, object ids and device ids are each unique
// (nested nodes count); a node refers to nodes made before it only (hence no circles); drives and
// I/O threads exist.
absl::Status CheckMachine(const std::string& path, const config::MachineConfig& machine);

}  // namespace platter

#endif  // PLATTER_CONFIG_MACHINE_RULES_H_
