// SPDX-License-Identifier: Apache-2.0
//
// The guest reads a disc in its CD-ROM drive, by DMA.
//
// Ownership: functions. Threading: as the stage. Units: bytes; blocks of 2048 bytes.
// Errors: what the drive said, or what is not as the host has it.

#ifndef PLATTER_TESTING_DEMO_READ_DISC_H_
#define PLATTER_TESTING_DEMO_READ_DISC_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/demo/cd_disc.h"
#include "testing/demo/stage.h"
#include "testing/guest/atapi_driver.h"

namespace platter {

// The first `bytes` from `block` on.
absl::StatusOr<std::vector<uint8_t>> ReadBlocks(AtapiDriver& drive, uint32_t block, uint64_t bytes);

// Finds the volume, its file in the root folder, and its data, and compares them with what the host
// knows; where there is no file system, all of the disc.
absl::Status ReadDisc(Stage& stage, AtapiDriver& drive, const CdDisc& disc);

// TEST UNIT READY until the drive is ready; tells what it says. `news` is what it has to say
// before, in this order.
absl::Status ExpectNews(Stage& stage, AtapiDriver& drive, const std::vector<AtapiSense>& news);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_READ_DISC_H_
