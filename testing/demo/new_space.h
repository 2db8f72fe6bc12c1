// SPDX-License-Identifier: Apache-2.0
//
// UseNewSpace: what a guest does with a disk that has grown: reads zeroes, writes, reads back.
//
// Ownership: functions. Threading: as the stage. Units: bytes. Errors: what was not so.

#ifndef PLATTER_TESTING_DEMO_NEW_SPACE_H_
#define PLATTER_TESTING_DEMO_NEW_SPACE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

#include "testing/demo/guest_disk.h"
#include "testing/demo/stage.h"

namespace platter {

// `disk`, over `image`, has grown from `before` bytes, and the guest knows how far.
absl::Status UseNewSpace(Stage& stage, GuestDisk& disk, const std::string& image, uint64_t before);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_NEW_SPACE_H_
