// SPDX-License-Identifier: Apache-2.0
//
// ExportRig: an export, and front-ends for it, all on one thread: the back-end's event loop turns
// while a front-end waits. session_fixture.h and scsi_fixture.h have one of a kind.
//
// Ownership: owns all of it; front-ends go before it. Threading: one thread. Errors: failed checks.

#ifndef PLATTER_EXPORTS_VHOST_USER_EXPORT_RIG_FIXTURE_H_
#define PLATTER_EXPORTS_VHOST_USER_EXPORT_RIG_FIXTURE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/create.h"
#include "aio/socket_folder.h"
#include "aio/task.h"
#include "base/check.h"
#include "base/log.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"

namespace platter {

template <typename Export>
class ExportRig {
 public:
  static constexpr int kMostTurns = 10'000;

  ExportRig() = default;
  ~ExportRig() { Close(); }
  ExportRig(const ExportRig&) = delete;
  ExportRig& operator=(const ExportRig&) = delete;

  void Close() {
    if (exported != nullptr) BlockOn(*control, exported->Close());
    exported.reset();
  }
  // Until the back-end has nothing to do.
  void Turn() {
    for (int i = 0; i < kMostTurns && control->RunReady(); ++i) {
    }
  }
  std::unique_ptr<VhostUserFrontEnd> Connect() {
    auto front = VhostUserFrontEnd::Connect(exported->path(), {.turn = [this] { Turn(); }});
    PLATTER_CHECK(front.ok());
    Turn();
    return *std::move(front);
  }
  VhostUserBus::Options BusOptions() {
    VhostUserBus::Options options;
    options.turn = [this] { Turn(); };
    return options;
  }
  // The last thing that was logged, or nothing.
  std::string LastLine() const {
    const std::vector<std::string> lines = log.Lines();
    return lines.empty() ? "" : lines.back();
  }

  // Of this process.
  static size_t OpenDescriptors() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  }

  MemoryLog log;
  std::unique_ptr<AioContext> control =
      *CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
  std::unique_ptr<Export> exported;

 protected:
  std::string SocketPath() const { return folder_ / "sock"; }

 private:
  SocketFolder folder_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_EXPORT_RIG_FIXTURE_H_
