// SPDX-License-Identifier: Apache-2.0
//
// IdeDrive: what every drive on an IDE channel does the same way, whatever commands it knows: its
// life as a Device, its block channel, its work in its context, and resets with I/O in flight. A
// drive type (AtaDisk) derives from it and runs commands.
//
// A reset, whoever asks for it: BSY is set, nothing more is started, what is outstanding is
// cancelled and waited for; only then OnReset, and only then do the registers say the signature.
// What completes on the way is forgotten: no step of a command follows from it (R-IDE-03).
//
// Ownership: channel, backend and contexts outlive it; destroy it in the control context after
//   Unplug has finished (or when nothing was ever started).
// Threading: Device's functions in the control context; commands, requests and resets run in
//   `context`. Units: bytes. Errors: Connect: what the backend's Attach said, or that the unit is
//   taken.

#ifndef PLATTER_DEVICES_IDE_IDE_DRIVE_H_
#define PLATTER_DEVICES_IDE_IDE_DRIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/device.h"
#include "devices/ide/ide_port.h"

namespace platter {

class IdeDrive : public Device, private IdeDevice, private ChannelClient {
 public:
  struct Setup {
    std::string id;
    IdePort& port;
    BlockDeviceView& backend;
    AioContext& control;
    AioContext& context;  // Where the drive works; may be `control`.
  };
  ~IdeDrive() override;

  // Device.
  const std::string& id() const final { return setup_.id; }
  void Reset(DeviceDone done) final;
  void Pause(DeviceDone done) final;
  void Resume() final;
  void Unplug(DeviceDone done) final;
  void SaveState(StateSaved done) final;
  void RestoreState(std::string state, StateRestored done) final;

 protected:
  explicit IdeDrive(Setup setup);

  // Attaches to the backend and to the port. Once.
  absl::Status Connect(const DeviceAttachment& attachment, BlockDevOps ops);

  IdePort& port() { return setup_.port; }
  BlockDeviceView& backend() { return setup_.backend; }
  const BlockDeviceView& backend() const { return setup_.backend; }
  // Connected and not unplugged.
  BlockChannel& channel() { return *channel_; }
  // The reset is that of an unplugging: what the drive has inside goes with it as it is.
  bool leaving() const { return leaving_; }
  // What completes now belongs to a command that a reset ended: no answer, no next step.
  bool resetting() const { return resetting_; }

  // --- For the drive type to do, in the context. ---

  virtual void OnCommand(const TaskFile& file) = 0;
  virtual void OnDataDone() = 0;
  virtual void OnDmaReady(uint32_t prd_table) = 0;
  // A reset begins: a command that goes on in several requests begins no further one.
  virtual void OnResetBegins() {}
  // Nothing is outstanding: the command that was there is over, and settings go where the standard
  // has them after such a reset.
  virtual void OnReset(IdeReset kind) = 0;
  // Paused and quiet: what goes into a saved state, serialised, ...
  virtual std::string Save() = 0;
  // ... and back; what is wrong with it, and nothing has changed then. No request is started.
  virtual absl::Status Restore(const std::string& state) = 0;
  // What the restored command had asked the backend for is asked again.
  virtual void TakeUpAgain() = 0;

 private:
  // IdeDevice.
  void OnWork() final { work_.Schedule(); }
  const std::string& name() const final { return setup_.id; }
  // ChannelClient.
  void OnBatchDone() final;

  void Work();
  void BeginReset(IdeReset kind);
  void FinishReset();
  void BeginPowerReset(DeviceDone done);
  void FinishUnplug(DeviceDone done);
  absl::StatusOr<std::string> SaveInContext();
  absl::Status RestoreInContext(const std::string& state);

  const Setup setup_;
  bool attached_ = false;
  BottomHalf work_;

  // In the context.
  std::unique_ptr<BlockChannel> channel_;  // Opened by Connect, in the control context.
  bool paused_ = false;
  bool restored_ = false;  // And not resumed since.
  bool leaving_ = false;
  bool resetting_ = false;
  IdeReset reset_kind_ = IdeReset::kPower;
  std::vector<DeviceDone> power_resets_;  // Those that wait for the end of it; run in the context.
  std::vector<DeviceDone> pauses_;        // The same; run in the control context.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_IDE_DRIVE_H_
