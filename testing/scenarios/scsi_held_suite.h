// SPDX-License-Identifier: Apache-2.0
//
// The suite of a SCSI unit behind virtio-scsi while a command of its guest is held in blkdebug.
// Each unit's test instantiates it with cases of its own.
//
// Ownership, threading, units, errors: see scsi_held_machine.h.

#ifndef PLATTER_TESTING_SCENARIOS_SCSI_HELD_SUITE_H_
#define PLATTER_TESTING_SCENARIOS_SCSI_HELD_SUITE_H_

#include <string>

#include "gtest/gtest.h"

#include "testing/scenarios/scsi_held_machine.h"

namespace platter {

class ScsiHeld : public testing::TestWithParam<ScsiHeldCase> {
 protected:
  BlockBackend& backend() { return *machine_.world.backend; }
  // A function with the command held: late, answered after the command, and complete.
  void CheckFunction(guest::ScsiFunction function, uint8_t cancelled_as);

  ScsiHeldMachine machine_{GetParam()};
};

inline std::string NameOfScsiHeld(const testing::TestParamInfo<ScsiHeldCase>& test) {
  return test.param.name;
}

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_SCSI_HELD_SUITE_H_
