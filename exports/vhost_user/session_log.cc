// SPDX-License-Identifier: Apache-2.0
//
// A session's messages about the log of dirty pages, for a migration.

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "exports/vhost_user/payload.h"
#include "exports/vhost_user/session.h"

namespace platter {

void VhostUserSession::SetLogBase(const VhostUserMessage& message) {
  auto log = DirtyBitmap::Create(PayloadAs<VhostUserLog>(message), message.descriptors[0],
                                 target_.sealed, log_changed_);
  if (!log.ok()) return Finish(log.status());
  const std::optional<uint64_t> last = table_.last_address();
  if (last && !(*log)->Covers(*last)) {
    return Finish(absl::InvalidArgumentError(
        absl::StrCat("the log has no bit for memory at 0x", absl::Hex(*last))));
  }
  // It has an answer of its own, whether one is asked for or not.
  ApplyLog(std::exchange(log_, *std::move(log)), [this] { ReplyNumber(0); });
}

DirtyLog* VhostUserSession::WantedLog() {
  const bool wanted = (features_ & kVhostFLogAll) != 0 || rings_.any_logged();
  return wanted ? log_.get() : nullptr;
}

void VhostUserSession::ApplyLog(std::unique_ptr<DirtyBitmap> before, DeviceDone then) {
  DirtyLog* const wanted = WantedLog();
  if (table_.dirty_log() == wanted) return std::move(then)();
  table_.SetDirtyLog(wanted);
  Wait();
  ++synchronising_;
  target_.device.Synchronise([this, kept = std::move(before), next = std::move(then)]() mutable {
    --synchronising_;
    if (ending_) return EndWhenQuiet();
    std::move(next)();
    Resume();
  });
}

}  // namespace platter
