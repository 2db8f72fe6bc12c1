// SPDX-License-Identifier: Apache-2.0
//
// ScarceSpace: a place for a disk that promises more than there is, to fill up and to make room in:
// a small tmpfs with a sparse image in it, or a memory node with an allocation limit.
//
// Ownership: outlives the machine that uses it. Threading: control context; a tmpfs is best made
// before other threads exist. Units: bytes. Errors: absl::Status naming what was refused.

#ifndef PLATTER_TESTING_DEMO_SCARCE_SPACE_H_
#define PLATTER_TESTING_DEMO_SCARCE_SPACE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "config/proto/blockdev.pb.h"
#include "drivers/node.h"

namespace platter {

class ScarceSpace {
 public:
  // What the guest is told that the disk has.
  static constexpr uint64_t kDiskBytes = uint64_t{64} << 20;
  // What there really is, and what more room adds to it.
  static constexpr uint64_t kRealBytes = uint64_t{1} << 20;

  enum class Room : uint8_t { kDelete, kGrow };

  // `mount_point`: an empty folder. Fails where namespaces or mounts are refused.
  static absl::StatusOr<std::unique_ptr<ScarceSpace>> OnTmpfs(const std::string& mount_point);
  static std::unique_ptr<ScarceSpace> InMemory();
  virtual ~ScarceSpace() = default;

  // What it is, for people: at length, and in two words.
  virtual std::string Describe() const = 0;
  virtual const char* Kind() const = 0;
  // A node over it, to be opened under this name; then the node itself, while it is used.
  virtual config::BlockdevOptions NodeOptions(const std::string& node_name) const = 0;
  virtual void SetNode(NodeRef node) = 0;

  // Afterwards nothing more fits.
  virtual absl::Status Fill() = 0;
  // Makes room again; returns what was done, for people.
  virtual absl::StatusOr<std::string> MakeRoom(Room how) = 0;
  virtual absl::StatusOr<uint64_t> FreeBytes() const = 0;
  // Where the host can read the disk without Platter; empty: nowhere.
  virtual std::string ImagePath() const = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_SCARCE_SPACE_H_
