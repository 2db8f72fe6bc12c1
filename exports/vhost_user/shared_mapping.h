// SPDX-License-Identifier: Apache-2.0
//
// SharedMapping: a part of a file that a front-end gave, checked and mapped: guest memory, the area
// of requests in flight, the log of dirty pages.
//
// The descriptor comes from a peer that is not trusted. What it names has to be a file that is as
// long as is asked for; a peer that cuts it off later makes the next access to it a SIGBUS, unless
// the file is sealed (F_SEAL_SHRINK), which can be required.
//
// Ownership: of the mapping, not of the descriptor. Threading: what is mapped is for any.
// Units: bytes.
// Errors: INVALID_ARGUMENT or what the kernel said; whoever asks names the thing.

#ifndef PLATTER_EXPORTS_VHOST_USER_SHARED_MAPPING_H_
#define PLATTER_EXPORTS_VHOST_USER_SHARED_MAPPING_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"

namespace platter {

enum class SealedMemory : uint8_t { kAsGiven, kRequired };

class SharedMapping {
 public:
  // [offset, offset + bytes) of `file`; `bytes` is not 0. Offsets may lie anywhere.
  static absl::StatusOr<std::shared_ptr<const SharedMapping>> Create(const OwnedDescriptor& file,
                                                                     uint64_t offset,
                                                                     uint64_t bytes,
                                                                     SealedMemory sealed);
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;

  uint8_t* host() const { return host_; }
  uint64_t bytes() const { return bytes_; }

 private:
  SharedMapping(void* start, uint64_t mapped, uint64_t skip, uint64_t bytes)
      : start_(start), mapped_(mapped), host_(static_cast<uint8_t*>(start) + skip), bytes_(bytes) {}

  void* const start_;
  const uint64_t mapped_;
  uint8_t* const host_;
  const uint64_t bytes_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SHARED_MAPPING_H_
