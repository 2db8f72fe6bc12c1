// SPDX-License-Identifier: Apache-2.0
//
// Any bytes, as each kind of option in each syntax. Held: nothing crashes or hangs; an error is
// EINVAL and its message is valid UTF-8 without control characters; what is accepted is complete:
// completing it again changes nothing.
//
// The first byte chooses the kind; the rest is the text.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

template <typename Options>
void CheckOutcome(const absl::StatusOr<Options>& parsed, absl::Status (*complete)(Options&)) {
  if (parsed.ok()) {
    Options again = *parsed;
    PLATTER_CHECK(complete(again).ok());
    PLATTER_CHECK(again.SerializeAsString() == parsed->SerializeAsString());
    return;
  }
  if (HelpRequested(parsed.status()).has_value()) return;
  PLATTER_CHECK(ErrnoOf(parsed.status()) == EINVAL);
  const std::string message = MessageOf(parsed.status());
  PLATTER_CHECK(IsUtf8(message));
  for (const char c : message) PLATTER_CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7F);
}

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Letters, and then whatever is left of the byte.
  switch (data[0]) {
    case 'e':
      platter::CheckOutcome(platter::ParseExport(text), &platter::CompleteExport);
      return 0;
    case 'c':
      platter::CheckOutcome(platter::ParseChardev(text), &platter::CompleteChardev);
      return 0;
    case 'm':
      platter::CheckOutcome(platter::ParseMonitor(text), &platter::CompleteMonitor);
      return 0;
    default:
      break;
  }
  switch (data[0] % 4) {
    case 0:
      platter::CheckOutcome(platter::ParseBlockdev(text), &platter::CompleteBlockdev);
      break;
    case 1:
      platter::CheckOutcome(platter::ParseDevice(text), &platter::CompleteDevice);
      break;
    case 2:
      platter::CheckOutcome(platter::ParseObject(text), &platter::CompleteObject);
      break;
    default:
      platter::CheckOutcome(platter::ParseMachineText(text), &platter::CompleteMachine);
      break;
  }
  return 0;
}
