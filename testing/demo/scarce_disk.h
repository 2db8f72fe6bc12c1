// SPDX-License-Identifier: Apache-2.0
//
// ScarceDisk: a disk over scarce space, on one bus or another, plugged into the running machine
// with a policy for writes that fail, and out again.
//
// Ownership: the stage outlives it. Threading: as the stage. Units: bytes.
// Errors: absl::Status with a sentence.

#ifndef PLATTER_TESTING_DEMO_SCARCE_DISK_H_
#define PLATTER_TESTING_DEMO_SCARCE_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "testing/demo/demo_options.h"
#include "testing/demo/guest_disk.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/stage.h"

namespace platter {

// How a disk is plugged, and what a test breaks of the steps with it.
struct DiskKind {
  const char* device;  // Its options but drive and policy.
  const char* id;
  // Where on the disk the writes of this kind go: others leave the room there alone.
  uint64_t first_offset;
  Sabotage room_left;
  Sabotage wrong_policy;
  Sabotage lost_stop_event;
  Sabotage no_room_made;
  Sabotage corrupted_new_data;
};
extern const DiskKind kVirtioDisk;
extern const DiskKind kScsiDisk;

class ScarceDisk {
 public:
  static absl::StatusOr<std::unique_ptr<ScarceDisk>> Plug(Stage& stage, const DiskKind& kind,
                                                          const std::string& policy);
  ScarceDisk(Stage& stage, const DiskKind& kind, std::unique_ptr<GuestDisk> driver)
      : stage_(stage), kind_(kind), driver_(std::move(driver)) {}

  const DiskKind& kind() const { return kind_; }
  GuestDisk& driver() { return *driver_; }

  // Afterwards no byte is free, and when room has been made some are.
  absl::Status Fill();
  absl::Status MakeRoom(ScarceSpace::Room how);

  absl::Status Unplug();

 private:
  Stage& stage_;
  const DiskKind& kind_;
  std::unique_ptr<GuestDisk> driver_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_SCARCE_DISK_H_
