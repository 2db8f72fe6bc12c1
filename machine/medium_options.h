// SPDX-License-Identifier: Apache-2.0
//
// What a drive remembers of its last medium, as options for the next one.
//
//   ApplyRootState(drive.root_state(), medium);
//   co_await machine.ChangeMedium(drive, medium, force);
//
// Ownership: values. Threading: pure function. Errors: none.

#ifndef PLATTER_MACHINE_MEDIUM_OPTIONS_H_
#define PLATTER_MACHINE_MEDIUM_OPTIONS_H_

namespace platter {

namespace config {
class BlockdevOptions;
}  // namespace config

struct BlockRootState;

// Sets read-only, cache, discard and detect-zeroes of the node itself; what is nested in it takes
// from there what it does not say.
void ApplyRootState(const BlockRootState& state, config::BlockdevOptions& medium);

}  // namespace platter

#endif  // PLATTER_MACHINE_MEDIUM_OPTIONS_H_
