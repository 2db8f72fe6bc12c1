// SPDX-License-Identifier: Apache-2.0
//
// FileOptionsFrom: the part of a blockdev's options that the drivers `file` and `host_device` look
// at. What every driver has alike (discard, detect-zeroes, cache.no-flush) is the factory's.
//
// Ownership: values. Threading: any. Units: none. Errors: none; OpenHostFile checks the values.

#ifndef PLATTER_DRIVERS_FILE_FILE_CONFIG_H_
#define PLATTER_DRIVERS_FILE_FILE_CONFIG_H_

#include "drivers/file/file_options.h"

namespace platter {

namespace config {
class BlockdevOptions;
}  // namespace config

// `options` has the variant file or host_device.
FileOptions FileOptionsFrom(const config::BlockdevOptions& options);

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_CONFIG_H_
