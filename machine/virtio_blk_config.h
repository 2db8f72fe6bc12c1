// SPDX-License-Identifier: Apache-2.0
//
// From the configuration's virtio-blk message to the device model's options.
//
// Ownership: values; contexts belong to the machine. Threading: control context.
// Errors: NOT_FOUND for an iothread that does not exist, INVALID_ARGUMENT for a queue mapping that
// leaves a queue out or names one twice; both name the device.

#ifndef PLATTER_MACHINE_VIRTIO_BLK_CONFIG_H_
#define PLATTER_MACHINE_VIRTIO_BLK_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "devices/virtio/virtio_blk_options.h"

namespace platter {

namespace config {
class VirtioBlkOptions;
}  // namespace config

using FindIoContextFn = absl::FunctionRef<absl::StatusOr<AioContext*>(std::string_view)>;

absl::StatusOr<VirtioBlkOptions> VirtioBlkOptionsFrom(const config::VirtioBlkOptions& message,
                                                      const std::string& id,
                                                      FindIoContextFn find_context);

}  // namespace platter

#endif  // PLATTER_MACHINE_VIRTIO_BLK_CONFIG_H_
