// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/shrink_reporter.h"

#include <string>

#include "base/quote.h"

namespace platter {

void ShrinkReporter::Report(uint64_t offset, uint64_t known_bytes) {
  if (pending_.exchange(true, std::memory_order_acq_rel)) return;
  control_.Post([weak = weak_from_this(), offset, known_bytes] {
    if (const auto self = weak.lock(); self != nullptr) self->WriteLine(offset, known_bytes);
  });
}

void ShrinkReporter::WriteLine(uint64_t offset, uint64_t known_bytes) {
  pending_.store(false, std::memory_order_release);
  HostFileStat now;
  const int error = host_->Stat(file_, now);
  log_.Log(LogLevel::kError,
           QuoteWhole(file_.path) + " shrank under us: it had " + std::to_string(known_bytes) +
               " bytes and " +
               (error < 0 ? std::string("cannot be measured now")
                          : "has " + std::to_string(now.length) + " now") +
               "; a request met its end at " + std::to_string(offset) + " and failed",
           control_.Now().time_since_epoch().count());
}

}  // namespace platter
