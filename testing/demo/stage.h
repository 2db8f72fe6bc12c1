// SPDX-License-Identifier: Apache-2.0
//
// Stage: the machine of the demonstration and everything that its steps share: a guest's bus, a
// machine on it with a virtio disk "vda" and a drive "cd0" with a tray, events, the guest's
// drivers, and what the host promised to keep.
//
// Ownership: owns machine, bus and context; narrator, space and files outlive it.
// Threading: one thread, the context's. Units: bytes.
// Errors: absl::Status with a sentence that says what did not hold.

#ifndef PLATTER_TESTING_DEMO_STAGE_H_
#define PLATTER_TESTING_DEMO_STAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "base/log.h"
#include "machine/machine.h"
#include "testing/demo/demo_options.h"
#include "testing/demo/event_log.h"
#include "testing/demo/guest_disk.h"
#include "testing/demo/interrupt_wires.h"
#include "testing/demo/narrator.h"
#include "testing/demo/scarce_space.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/toy_driver.h"
#include "testing/model/random.h"

namespace platter {

// Images that the machine uses: the run's own.
struct StageFiles {
  std::string disk;
  // The volume label when mkfs.ext4 made the disk; empty when it is somebody's, or a pattern.
  std::string ext4_label;
  std::string disc_a;
  std::string disc_b;
};

// What the tray's discs hold: the pattern of the seed plus this.
inline constexpr uint64_t kDiscASeed = 0xa;
inline constexpr uint64_t kDiscBSeed = 0xb;
inline constexpr uint64_t kDiscABytes = uint64_t{256} << 10;
inline constexpr uint64_t kDiscBBytes = uint64_t{384} << 10;

// OK when `holds`; else an error that says so. For what steps check.
absl::Status Require(bool holds, std::string_view otherwise);

class Stage {
 public:
  // The serial number that the host gives the disk and tells the guest's owner.
  static constexpr const char* kSerial = "PLATTER-DEMO-0001";

  static absl::StatusOr<std::unique_ptr<Stage>> Open(const DemoOptions& options,
                                                     const StageFiles& files, ScarceSpace& space,
                                                     Narrator& narrator);
  // Takes the machine down when no step has.
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  const DemoOptions& options() const { return options_; }
  const StageFiles& files() const { return files_; }
  bool Sabotaged(Sabotage sabotage) const { return options_.sabotage == sabotage; }
  const char* context_kind() const { return context_kind_; }

  Narrator& narrator() { return narrator_; }
  ScarceSpace& space() { return space_; }
  AioContext& control() { return *control_; }
  InProcessBus& bus() { return *bus_; }
  InterruptWires& wires() { return *wires_; }
  Machine& machine() { return *machine_; }
  EventLog& events() { return events_; }
  Random& random() { return random_; }
  bool vcpus_running() const { return vcpus_running_; }

  // The guest's drivers. vda: once a step has found it.
  GuestDisk* vda() { return vda_.get(); }
  void set_vda(std::unique_ptr<GuestDisk> disk) { vda_ = std::move(disk); }
  ToyDriver& cd0() { return *cd0_; }

  template <typename T>
  T Run(Task<T> task) {
    return BlockOn(*control_, std::move(task));
  }
  void Run(Task<void> task) { BlockOn(*control_, std::move(task)); }

  // Until `done`; an error "`what` did not happen within ..." when it doesn't.
  absl::Status WaitFor(absl::FunctionRef<bool()> done, std::string_view what);

  // Opens a node over the file at `path`.
  absl::Status AddFileNode(const std::string& node_name, const std::string& path);
  // The guest's driver of a virtio disk of the machine, probed.
  absl::StatusOr<std::unique_ptr<GuestDisk>> FindDisk(const std::string& device_id);

  // The guest was told that vda holds this, durably; later promises about the place replace it.
  void Promise(const std::vector<DiskPiece>& pieces);
  // Offset and length to checksum.
  struct Place {
    uint64_t offset;
    uint64_t bytes;
    auto operator<=>(const Place&) const = default;
  };
  const std::map<Place, uint64_t>& promises() const { return promises_; }

  // Everything goes; the rest of this object stays.
  void TakeDown();

 private:
  Stage(const DemoOptions& options, const StageFiles& files, ScarceSpace& space,
        Narrator& narrator);

  absl::Status MakeContext();
  void MakeMachine();
  absl::Status Configure();
  absl::Status AddDisk();
  absl::StatusOr<std::unique_ptr<Device>> MakeToyDrive(const std::string& id,
                                                       const std::string& backend_name);

  const DemoOptions options_;
  const StageFiles files_;
  ScarceSpace& space_;
  Narrator& narrator_;
  StderrLog log_;
  EventLog events_;
  Random random_;
  std::unique_ptr<AioContext> control_;
  const char* context_kind_ = "";
  std::unique_ptr<InProcessBus> bus_;
  std::unique_ptr<InterruptWires> wires_;
  bool vcpus_running_ = true;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<GuestDisk> vda_;
  std::unique_ptr<ToyDriver> cd0_;
  std::map<Place, uint64_t> promises_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STAGE_H_
