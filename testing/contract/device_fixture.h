// SPDX-License-Identifier: Apache-2.0
//
// DeviceFixture: what the device contract suite must know of a device model and of its guest's
// driver: how to make it, how the guest reads and writes, what the guest notices. One subclass per
// model (virtio_blk_fixture.h, toy_drive_fixture.h).
//
// What a device lacks it says in traits(); the suite then asserts that it is refused.
//
// Ownership: the suite owns the fixture, the fixture the device and its guest driver; machine and
//   backend outlive them. Threading: top level of the machine's control context.
// Units: bytes. Errors: absl::Status naming device and problem.

#ifndef PLATTER_TESTING_CONTRACT_DEVICE_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_DEVICE_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "devices/device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_ring.h"

namespace platter {

struct DeviceTraits {
  bool removable = false;
  bool tray = false;
  bool lock = false;
  // Requests that the guest can have outstanding.
  uint32_t max_in_flight = 1;
  // False of drives whose guests only read.
  bool writable = true;
  // The guest is told of another capacity; else it has to look.
  bool tells_capacity = true;
  uint32_t block_size = 512;  // At most 4096.
};

enum class GuestOp : uint8_t { kRead, kWrite, kFlush };

struct GuestIo {
  uint64_t token = 0;
  GuestOp op = GuestOp::kRead;
  uint64_t offset = 0;  // A multiple of the block size.
  GuestSegment buffer;
};

enum class GuestOutcome : uint8_t {
  kOk,
  kFailed,
  kTakenAway,  // A reset ended it: the guest never got an answer.
};

class GuestIoListener {
 public:
  virtual void OnGuestIo(uint64_t token, GuestOutcome outcome) = 0;

 protected:
  ~GuestIoListener() = default;
};

class DeviceFixture {
 public:
  struct Setup {
    AioContext& control;
    InProcessBus& bus;
    BlockDeviceView& backend;
    std::string id;
    OnError read_error = OnError::kAuto;
    OnError write_error = OnError::kAuto;
  };

  virtual ~DeviceFixture() = default;

  virtual DeviceTraits traits() const = 0;

  // --- The host's side. ---

  // Makes the device and places it on the bus. What Attach said when it refuses.
  virtual absl::Status Create(const Setup& setup) = 0;
  virtual Device& device() = 0;
  // Takes the device off the bus and destroys it; unplugged.
  virtual void Destroy() = 0;

  // --- The guest's side; after Create. ---

  // The driver finds the device and gets it ready. Again after a reset of the device.
  virtual absl::Status Probe(GuestIoListener& listener) = 0;
  // Starts a request; its completion comes to the listener from Poll or ForgetAll.
  virtual absl::Status Start(const GuestIo& io) = 0;
  // Looks at interrupts and does what they ask for.
  virtual void Poll() = 0;
  // The device was reset beneath the driver: what is outstanding is taken away.
  virtual void ForgetAll() = 0;
  // The device does not answer: it was pulled.
  virtual bool Gone() = 0;
  // What the device did wrong towards the driver, so far.
  virtual uint64_t Faults() = 0;

  virtual uint64_t Capacity() = 0;
  // Notifications of a changed capacity or medium, so far.
  virtual uint64_t CapacityChanges() = 0;
  virtual uint64_t MediumChanges() { return 0; }

  // --- With a tray or a lock (the suite calls them only then). ---

  virtual uint64_t EjectRequests() { return 0; }
  virtual bool TrayOpen() { return false; }
  virtual bool Locked() { return false; }
  // The guest's own commands; false when the drive refused.
  virtual bool GuestLock() { return false; }
  virtual bool GuestUnlock() { return false; }
  virtual bool GuestOpenTray() { return false; }
  virtual bool GuestCloseTray() { return false; }
};

// A parameter of the suite.
struct DeviceContractCase {
  const char* name;
  std::unique_ptr<DeviceFixture> (*make)();
};

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_DEVICE_FIXTURE_H_
