// SPDX-License-Identifier: Apache-2.0
//
// VhostUserServer: serves a virtio device to the vhost-user front-ends that connect to a socket,
// one after another. Whoever comes while one is served waits in the socket's queue. Between two
// front-ends the device is reset.
//
//   VhostUserServer server({.name = "exp0"}, *std::move(listener), device, control, log);
//   ... the control context runs ...
//   BlockOn(control, server.Close());
//
// Ownership: owns the socket and the device's transport. The device is connected to that once, and
//   destroyed before the server; control and log outlive it. Close has finished before it ends
//   (checked). Threading: the device's control context; notifications from any thread.
// Errors: those of a front-end end its session and are logged; the server goes on.

#ifndef PLATTER_EXPORTS_VHOST_USER_SERVER_H_
#define PLATTER_EXPORTS_VHOST_USER_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "aio/aio_context.h"
#include "aio/await.h"
#include "aio/task.h"
#include "aio/timer.h"
#include "aio/unix_listener.h"
#include "base/log.h"
#include "devices/bus/interrupt.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/virtio_device.h"
#include "exports/vhost_user/memory_table.h"
#include "exports/vhost_user/session.h"

namespace platter {

class VhostUserServer final : private FdWatch, private InterruptVectors {
 public:
  struct Options {
    std::string name;  // Of the export, for messages.
    SealedMemory sealed = SealedMemory::kAsGiven;
  };

  VhostUserServer(const Options& options, UnixListener listener, VirtioDevice& device,
                  AioContext& control, LogSink& log);
  ~VhostUserServer();

  const std::string& path() const { return listener_.path(); }
  bool serving() const { return session_ != nullptr; }

  // Ends the session, waits until nothing of it is left, and takes no other one.
  Task<void> Close();

 private:
  void OnFdReady(uint32_t events) override;
  void WatchAsNeeded();
  void OnSessionEnd();
  // InterruptVectors: what no descriptor of the front-end takes.
  void Raise(uint16_t vector) override;

  UnixListener listener_;
  AioContext& control_;
  DirectTransport transport_;
  VhostUserTarget target_;
  BottomHalf config_;
  Timer accept_again_;  // The host had no descriptor left for a front-end.
  std::unique_ptr<VhostUserSession> session_;
  AsyncEvent idle_;  // While there is no session.
  bool watched_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_SERVER_H_
