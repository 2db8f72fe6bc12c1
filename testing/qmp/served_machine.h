// SPDX-License-Identifier: Apache-2.0
//
// ServedMachine: a machine of a configuration, its monitor on a unix socket, and, when wanted, a
// guest that uses its CD-ROM drives (cd_guest.h): all that platter-machine does. The guest begins
// when the machine first runs, and stands still with it.
//
// Ownership: owns all of it. Threading: its creator's thread. Units: the host's time.
// Errors: what the configuration, the host or the socket refused, by name.

#ifndef PLATTER_TESTING_QMP_SERVED_MACHINE_H_
#define PLATTER_TESTING_QMP_SERVED_MACHINE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "machine/machine.h"
#include "monitor/qmp_events.h"
#include "monitor/qmp_monitor.h"
#include "monitor/qmp_server.h"
#include "testing/guest/in_process_bus.h"
#include "testing/qmp/cd_guest.h"

namespace platter {

struct ServedMachineOptions {
  enum class Guest : uint8_t { kNone, kUsesDiscs };
  // kIncoming: Machine::ExpectIncoming.
  enum class Start : uint8_t { kRunning, kStopped, kIncoming };

  std::string socket = {};  // Empty: no monitor.
  Guest guest = Guest::kNone;
  Start start = Start::kRunning;
  AioKind aio = AioKind::kThreads;
};

class ServedMachine final : private InterruptController {
 public:
  static absl::StatusOr<std::unique_ptr<ServedMachine>> Create(const config::MachineConfig& config,
                                                               const ServedMachineOptions& options,
                                                               LogSink& log);
  ~ServedMachine();
  ServedMachine(const ServedMachine&) = delete;
  ServedMachine& operator=(const ServedMachine&) = delete;

  // Until a client says quit or `stop`, which is asked now and then, says so, whatever the guest is
  // doing: it goes on in the next Run. `did` is told what the guest does.
  void Run(absl::FunctionRef<bool()> stop, absl::FunctionRef<void(std::string_view)> did);

  AioContext& control() { return *control_; }
  Machine& machine() { return *machine_; }

 private:
  struct Drive {
    std::string id;
    CdGuest guest;
  };

  ServedMachine() = default;
  absl::Status Build(const config::MachineConfig& config, const ServedMachineOptions& options,
                     LogSink& log);
  void StartGuest();
  bool runs() const { return machine_->state() == MachineState::kRunning; }
  Task<void> Guest();
  Task<void> Look(Drive& drive);
  InterruptLine& Line(uint32_t number) override { return bus_->Line(number); }

  std::unique_ptr<AioContext> control_;
  std::unique_ptr<InProcessBus> bus_;
  QmpEvents events_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<QmpMonitor> monitor_;
  std::unique_ptr<QmpServer> server_;
  std::vector<Drive> drives_;
  bool guest_began_ = false;
  std::vector<std::string> guest_did_;
  std::optional<Task<void>> guest_;
  bool quit_ = false;
};

}  // namespace platter

#endif  // PLATTER_TESTING_QMP_SERVED_MACHINE_H_
