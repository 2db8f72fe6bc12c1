// SPDX-License-Identifier: Apache-2.0
//
// What a backend does when its machine stops and runs, and when it stalls by itself.

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "blockbackend/backend_impl.h"

namespace platter {

Task<void> BlockBackendImpl::OnVmStop() {
  if (!stopped_) {
    stopped_ = true;
    hub_.SetHold(ChannelHub::Hold::kStop, ChannelHub::Switch::kOn);
  }
  while (stopped_ && !hub_.Quiet(ChannelHub::Hold::kStop)) co_await news_.Wait();
  // What failed on the way is told before the machine says that it has stopped.
  DeliverErrors();
  if (!is_inserted() || is_read_only()) co_return;
  const IoResult flushed = co_await Flush();
  if (flushed < 0 && flushed != -ENOMEDIUM && services_.log != nullptr) {
    const absl::Status failed =
        ErrnoError(-flushed, absl::StrCat(Title(), ": flushing when the machine stopped"));
    services_.log->Log(LogLevel::kError, MessageOf(failed));
  }
}

void BlockBackendImpl::BeginStall() {
  if (stalled()) return;
  errors_.SetStalled(true);
  hub_.SetHold(ChannelHub::Hold::kStall, ChannelHub::Switch::kOn);
}

void BlockBackendImpl::EndStall() {
  if (stalled()) errors_.ResetIostatus();
  errors_.SetStalled(false);
  // Without a stall, too: what waits for a retry goes on.
  hub_.SetHold(ChannelHub::Hold::kStall, ChannelHub::Switch::kOff);
}

void BlockBackendImpl::Resume() {
  // What failed before this is resumed with the rest.
  DeliverErrors();
  EndStall();
}

void BlockBackendImpl::OnVmRun() {
  stopped_ = false;
  if (stalled()) EndStall();
  errors_.ResetIostatus();
  // Lets kept requests go on, too.
  hub_.SetHold(ChannelHub::Hold::kStop, ChannelHub::Switch::kOff);
}

}  // namespace platter
