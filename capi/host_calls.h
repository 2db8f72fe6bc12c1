// SPDX-License-Identifier: Apache-2.0
//
// HostCalls: the embedder's callbacks as what a Machine asks its surroundings for: interrupt lines,
// events, the log, the vCPUs.
//
// Ownership: the callbacks' opaque pointer outlives it. Threading: Line, OnMachineEvent and the
//   vCPUs in the control context; lines are set and lines logged from any thread.
// Errors: none; a callback that is missing is not called.

#ifndef PLATTER_CAPI_HOST_CALLS_H_
#define PLATTER_CAPI_HOST_CALLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "base/log.h"
#include "capi/platter.h"
#include "devices/bus/interrupt.h"
#include "machine/device_place.h"
#include "machine/events.h"
#include "machine/run_state_machine.h"

namespace platter::capi {

class HostCalls final : public LogSink, public InterruptController, public MachineEventSink {
 public:
  explicit HostCalls(const platter_host& host);
  ~HostCalls() override;

  // It must outlive what it returns.
  VcpuControl Vcpus();

  InterruptLine& Line(uint32_t number) override;
  void OnMachineEvent(const MachineEvent& event) override;
  void Log(LogLevel level, std::string_view text) override;

 private:
  class WiredLine;

  const platter_host host_;
  StderrLog stderr_;
  std::map<uint32_t, std::unique_ptr<WiredLine>> lines_;
};

}  // namespace platter::capi

#endif  // PLATTER_CAPI_HOST_CALLS_H_
