// SPDX-License-Identifier: Apache-2.0
//
// What a saved state has of a virtio-blk device besides its rings.

#include <cstdint>
#include <string>

#include "base/arith.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_state.pb.h"

namespace platter {

std::string VirtioBlk::SaveType() {
  state::VirtioBlk to;
  to.set_write_cache(backend_.write_cache_enabled());
  to.set_capacity_sectors(config_.capacity.get());
  return to.SerializeAsString();
}

const char* VirtioBlk::CheckType(const std::string& state) {
  state::VirtioBlk from;
  return from.ParseFromString(state) ? nullptr : "its configuration is no message";
}

void VirtioBlk::RestoreType(const std::string& state) {
  state::VirtioBlk from;
  from.ParseFromString(state);
  backend_.set_write_cache_enabled(from.write_cache());
  const uint64_t sectors = backend_.length() / kSectorSize;
  config_.capacity = sectors;
  shared_.capacity.store(sectors * kSectorSize, std::memory_order_relaxed);
  // The medium may have another size than the driver was told.
  if (sectors != from.capacity_sectors()) ConfigChanged();
}

}  // namespace platter
