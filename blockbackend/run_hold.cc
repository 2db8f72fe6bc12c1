// SPDX-License-Identifier: Apache-2.0
//
// What a backend does when its machine stops and runs.

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

void BlockBackendImpl::OnVmRun() {
  stopped_ = false;
  errors_.ResetIostatus();
  // Lets kept requests go on, too.
  hub_.SetHold(ChannelHub::Hold::kStop, ChannelHub::Switch::kOff);
}

}  // namespace platter
