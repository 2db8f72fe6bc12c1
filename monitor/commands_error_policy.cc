// SPDX-License-Identifier: Apache-2.0
//
// Error policies of a drive of a machine that runs, and the end of a stall.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "machine/machine.h"
#include "machine/option_values.h"
#include "monitor/all_commands.h"
#include "monitor/drive_lookup.h"
#include "monitor/proto/error_policy.pb.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

constexpr char kSetOnError[] = "x-block-set-on-error";

absl::Status Refuse(const std::string& argument, const std::string& why) {
  return QmpError(QmpErrorClass::kGenericError, absl::StrCat(kSetOnError, argument, ": ", why));
}

// As help says of "auto".
OnError PolicyFrom(config::ErrorPolicy policy, OnError automatic) {
  const OnError wanted = OnErrorFrom(policy);
  return wanted == OnError::kAuto ? automatic : wanted;
}

// The first x-retry-... that is given.
std::string RetryArgument(const qmp::BlockSetOnError& arguments) {
  if (arguments.has_x_retry_delay()) return ".x-retry-delay";
  return arguments.has_x_retry_limit() ? ".x-retry-limit" : ".x-retry-action";
}

bool Stops(OnError policy) { return policy == OnError::kStop || policy == OnError::kEnospc; }

// What "auto" is for somebody who can't stop a machine.
constexpr BackendOptions Automatic(const CommandContext& context) {
  BackendOptions automatic;
  if (context.exports != nullptr) automatic.write_error = OnError::kReport;
  return automatic;
}

absl::Status CheckStops(const CommandContext& context, const ErrorPolicies& policies) {
  if (context.exports == nullptr) return absl::OkStatus();
  if (!Stops(policies.read) && !Stops(policies.write) && !Stops(policies.retry.then)) {
    return absl::OkStatus();
  }
  return Refuse("",
                "there is no machine to stop; stall holds the requests of this drive, and report "
                "tells the guest");
}

Task<QmpResult> SetOnError(CommandContext context, qmp::BlockSetOnError arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  const BackendOptions automatic = Automatic(context);
  ErrorPolicies policies = (*drive)->error_policies();
  if (arguments.has_rerror()) {
    policies.read = PolicyFrom(arguments.rerror(), automatic.read_error);
  }
  if (arguments.has_werror()) {
    policies.write = PolicyFrom(arguments.werror(), automatic.write_error);
  }
  const bool changes_retry = ChangeRetry(arguments, policies.retry);
  if (!arguments.has_rerror() && !arguments.has_werror() && !changes_retry) {
    co_return Refuse("", "there is nothing to change: give rerror, werror or an x-retry option");
  }
  const bool retries = policies.read == OnError::kRetry || policies.write == OnError::kRetry;
  if (changes_retry && !retries) {
    co_return Refuse(RetryArgument(arguments), "needs the error policy retry");
  }
  if (absl::Status refused = CheckStops(context, policies); !refused.ok()) co_return refused;
  co_return ResultOf((*drive)->SetErrorPolicies(policies));
}

// Nothing to resume is no error: a reset of the guest's may just have ended the stall.
Task<QmpResult> Resume(CommandContext context, qmp::BlockResume arguments) {
  absl::StatusOr<BlockBackendRef> drive = FindDrive(*context.machine, arguments);
  if (!drive.ok()) co_return drive.status();
  (*drive)->Resume();
  co_return NothingToReturn();
}

}  // namespace

std::vector<CommandRow> ErrorPolicyCommands() {
  constexpr auto kNothing = CommandReturns::kNothing;
  return {
      CommandFor<&SetOnError>(kSetOnError, kNothing),
      CommandFor<&Resume>("x-block-resume", kNothing),
  };
}

}  // namespace platter
