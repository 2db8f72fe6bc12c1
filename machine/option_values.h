// SPDX-License-Identifier: Apache-2.0
//
// From values of the configuration to those of device models: what several kinds of devices have.
//
// Ownership: values; contexts belong to the machine. Threading: control context. Errors: see there.

#ifndef PLATTER_MACHINE_OPTION_VALUES_H_
#define PLATTER_MACHINE_OPTION_VALUES_H_

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "blockbackend/device_view.h"
#include "config/proto/common.pb.h"
#include "config/proto/device.pb.h"

namespace platter {

using FindIoContextFn = absl::FunctionRef<absl::StatusOr<AioContext*>(std::string_view)>;

OnError OnErrorFrom(config::ErrorPolicy policy);
OnError OnErrorFrom(config::RetryAction action);

// Changes in `retry` what a message with x-retry-... options says. Whether it says anything.
template <typename Message>
bool ChangeRetry(const Message& message, RetryPolicy& retry) {
  if (message.has_x_retry_delay()) {
    retry.delay = std::chrono::milliseconds(message.x_retry_delay());
  }
  if (message.has_x_retry_limit()) retry.limit = message.x_retry_limit();
  if (message.has_x_retry_action()) retry.then = OnErrorFrom(message.x_retry_action());
  return message.has_x_retry_delay() || message.has_x_retry_limit() || message.has_x_retry_action();
}

// Nothing: no such option is given.
template <typename Message>
std::optional<RetryPolicy> RetryFrom(const Message& message) {
  RetryPolicy retry;
  if (!ChangeRetry(message, retry)) return std::nullopt;
  return retry;
}

// Nothing: auto.
std::optional<bool> OnOffFrom(config::OnOffAuto value);

// The context of each queue, or of queues in turn when there are fewer; empty: the control context.
// `iothread` may be empty. NOT_FOUND for a thread that does not exist, INVALID_ARGUMENT for both
// ways at once or a mapping that leaves a queue out or names one twice.
absl::StatusOr<std::vector<AioContext*>> IoThreadsFrom(
    std::string_view iothread,
    const google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>& mapping,
    uint32_t num_queues, FindIoContextFn find_context);

}  // namespace platter

#endif  // PLATTER_MACHINE_OPTION_VALUES_H_
