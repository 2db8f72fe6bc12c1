// SPDX-License-Identifier: Apache-2.0
//
// QemuMachine: a PC in QEMU without an operating system, for a test to be both its guest, through
// bus(), and its host, through Qmp().
//
//   if (const std::string why = WhyNoPeer({kQemuSystem}); !why.empty()) GTEST_SKIP() << why;
//   auto machine = QemuMachine::Start({"-device", "ide-cd,id=cd0"});
//   (*machine)->Qmp(R"({"execute": "eject", "arguments": {"id": "cd0"}})");
//
// Debian's QEMU has no qtest accelerator: the machine runs under TCG with a ROM that halts the CPU.
//
// Ownership: the process and its files, gone with it. Threading: one thread. Units: the host's
// time. Errors: Start says what QEMU printed; Qmp gives QEMU's own error as a Status.

#ifndef PLATTER_TESTING_PEERS_QEMU_MACHINE_H_
#define PLATTER_TESTING_PEERS_QEMU_MACHINE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/clock.h"
#include "testing/peers/line_socket.h"
#include "testing/peers/peer_process.h"
#include "testing/peers/qtest_bus.h"

namespace platter {

inline constexpr const char* kQemuSystem = "/usr/bin/qemu-system-x86_64";

class QemuMachine {
 public:
  // An i440FX with these further arguments.
  static absl::StatusOr<std::unique_ptr<QemuMachine>> Start(
      const std::vector<std::string>& arguments);
  ~QemuMachine();

  QtestBus& bus() { return *bus_; }

  // The reply's "return", as JSON. QEMU's "desc" is the message of an error.
  absl::StatusOr<std::string> Qmp(std::string_view command);
  // The next event of that name that Qmp has not thrown away, as JSON of its "data"; nothing when
  // none comes within `timeout`.
  absl::StatusOr<std::optional<std::string>> NextEvent(std::string_view name, Duration timeout);

 private:
  QemuMachine() = default;
  absl::Status Connect(const std::vector<std::string>& arguments);

  std::string folder_;
  std::unique_ptr<LineSocket> qtest_;
  std::unique_ptr<LineSocket> qmp_;
  std::unique_ptr<PeerProcess> process_;
  std::unique_ptr<QtestBus> bus_;
  std::vector<std::string> events_;  // Whole lines, not yet taken.
};

}  // namespace platter

#endif  // PLATTER_TESTING_PEERS_QEMU_MACHINE_H_
