// SPDX-License-Identifier: Apache-2.0
//
// Stage: the machine of the demonstration and everything that its steps share: a guest's bus, a
// machine on it with a virtio disk "vda", a toy drive "cd0", an IDE CD-ROM drive "cd1" and a SCSI
// disk "sd0" behind the adapter "scsi0", events, the guest's drivers, and what the host promised to
// keep.
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
#include "testing/demo/interrupt_wires.h"
#include "testing/demo/narrator.h"
#include "testing/demo/scarce_space.h"
#include "testing/demo/scsi_guest_disk.h"
#include "testing/demo/stage_files.h"
#include "testing/demo/virtio_guest_disk.h"
#include "testing/guest/atapi_driver.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/toy_driver.h"
#include "testing/model/random.h"

namespace platter {

// OK when `holds`; else an error that says so. For what steps check.
absl::Status Require(bool holds, std::string_view otherwise);

class Stage {
 public:
  // The serial numbers that the host gives its devices and tells the guest's owner.
  static constexpr const char* kSerial = "PLATTER-DEMO-0001";
  static constexpr const char* kDriveSerial = "PLATTER-CD-0001";
  static constexpr const char* kScsiSerial = "PLATTER-SCSI-0001";

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

  // The guest's drivers. Those with a setter: once a step has found them.
  VirtioGuestDisk* vda() { return vda_.get(); }
  void set_vda(std::unique_ptr<VirtioGuestDisk> disk) { vda_ = std::move(disk); }
  ToyDriver& cd0() { return *cd0_; }
  AtapiDriver* cd1() { return cd1_.get(); }
  void set_cd1(std::unique_ptr<AtapiDriver> drive) { cd1_ = std::move(drive); }
  GuestScsiAdapter* scsi0() { return scsi0_.get(); }
  void set_scsi0(std::unique_ptr<GuestScsiAdapter> adapter) { scsi0_ = std::move(adapter); }
  ScsiGuestDisk* sd0() { return sd0_.get(); }
  void set_sd0(std::unique_ptr<ScsiGuestDisk> disk) { sd0_ = std::move(disk); }

  template <typename T>
  T Run(Task<T> task) {
    return BlockOn(*control_, std::move(task));
  }
  void Run(Task<void> task) { BlockOn(*control_, std::move(task)); }

  // Until `done`; an error "`what` did not happen within ..." when it doesn't.
  absl::Status WaitFor(absl::FunctionRef<bool()> done, std::string_view what);

  // Adds a device, in the words of a command line ("scsi-hd,id=sd1,drive=node").
  absl::Status AddDevice(const std::string& text);
  // The guest's driver of a virtio disk of the machine, probed.
  absl::StatusOr<std::unique_ptr<VirtioGuestDisk>> FindDisk(const std::string& device_id);
  // The same of a SCSI disk behind scsi0.
  absl::StatusOr<std::unique_ptr<ScsiGuestDisk>> FindScsiDisk(const std::string& device_id);

  // The guest was told that the disk of `image` holds this, durably; later promises about the place
  // replace it.
  void Promise(const std::string& image, const std::vector<DiskPiece>& pieces);
  // Image, offset and length to checksum.
  struct Place {
    std::string image;
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
  absl::Status AddFileNode(const std::string& node_name, const std::string& path);
  absl::Status AddDisk();
  absl::Status AddToyDrive();
  absl::Status AddCdDrive();
  absl::Status AddScsiDisk();
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
  std::unique_ptr<VirtioGuestDisk> vda_;
  std::unique_ptr<ToyDriver> cd0_;
  std::unique_ptr<AtapiDriver> cd1_;
  std::unique_ptr<GuestScsiAdapter> scsi0_;
  std::unique_ptr<ScsiGuestDisk> sd0_;
  std::map<Place, uint64_t> promises_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_STAGE_H_
