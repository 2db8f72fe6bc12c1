// SPDX-License-Identifier: Apache-2.0
//
// ToyDrive: a complete removable drive with tray and lock, as an example of a device model of your
// own; toy_registers.h is what its guest sees. It does one command at a time.
//
// Ownership: backend, control context, memory and line outlive it; destroy it after Unplug.
// Threading: registers() from any thread, everything else in the control context, where commands
//   run. Units: blocks of 512 bytes. Errors: Create: what Attach said; to the guest, toy::Error.

#ifndef PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_
#define PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/bus/guest_memory.h"
#include "devices/bus/interrupt.h"
#include "devices/device.h"
#include "examples/own_device/toy_register_file.h"
#include "examples/own_device/toy_registers.h"

namespace platter {

class ToyDrive final : public Device, private BlockRequest, private ChannelClient {
 public:
  struct Host {  // What the machine gives it.
    AioContext& control;
    std::shared_ptr<const GuestMemory> memory;
    InterruptLine& line;
  };
  struct Options {
    std::string id;
    OnError read_error = OnError::kAuto;
    OnError write_error = OnError::kAuto;
  };

  static absl::StatusOr<std::unique_ptr<ToyDrive>> Create(const Options& options,
                                                          BlockDeviceView& backend, Host host);

  const std::string& id() const override { return options_.id; }
  const char* model() const override { return "toy-drive"; }
  void Reset(DeviceDone done) override;
  void Pause(DeviceDone done) override;
  void Resume() override;
  void Unplug(DeviceDone done) override;

  RegisterBlock& registers() { return registers_; }

 private:
  using Values = ToyRegisterFile::Values;
  static constexpr int kMaxPieces = 16;  // Pieces of memory that one buffer may touch.

  ToyDrive(const Options& options, BlockDeviceView& backend, Host host);
  absl::Status Attach();

  void RunCommand();
  void StartTransfer(const Values& command);
  void SetLock(bool locked);
  bool MoveTray(MediumMove move);  // False: locked.
  void Finish(toy::Error error);
  void StopThen(DeviceDone then);
  void OnBlockDone(IoResult result) override;
  void OnBatchDone() override;

  const Options options_;
  BlockDeviceView& backend_;
  const Host host_;
  BottomHalf work_;  // From the register write, on any thread, to the control context.
  ToyRegisterFile registers_;
  std::unique_ptr<BlockChannel> channel_;
  bool paused_ = false;
  std::vector<DeviceDone> stopping_;  // Resets and unplugs that wait for the command to end.
  uint64_t buffer_ = 0;               // Of the transfer that runs.
  iovec pieces_[kMaxPieces];
};

}  // namespace platter

#endif  // PLATTER_EXAMPLES_OWN_DEVICE_TOY_DRIVE_H_
