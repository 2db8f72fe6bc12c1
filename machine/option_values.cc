// SPDX-License-Identifier: Apache-2.0

#include "machine/option_values.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace platter {
namespace {

using VqMapping = google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>;

// Queues of entries that name none are dealt out in turn over all entries (QEMU's
// iothread-vq-mapping); otherwise every queue must be named once.
absl::StatusOr<std::vector<AioContext*>> MapQueues(const VqMapping& mapping, uint32_t num_queues,
                                                   FindIoContextFn find_context) {
  std::vector<AioContext*> by_entry;
  bool named = false;
  for (const config::IoThreadVqMapping& entry : mapping) {
    absl::StatusOr<AioContext*> context = find_context(entry.iothread());
    if (!context.ok()) return context.status();
    by_entry.push_back(*context);
    named = named || entry.vqs_size() > 0;
  }
  if (!named) return by_entry;
  const auto bad = [](uint32_t queue, const char* why) {
    return ErrorWithErrno(EINVAL, absl::StrCat("iothread-vq-mapping: queue ", queue, why));
  };
  std::vector<AioContext*> by_queue(num_queues, nullptr);
  for (int i = 0; i < mapping.size(); ++i) {
    for (const uint32_t queue : mapping[i].vqs()) {
      if (queue >= num_queues) return bad(queue, " does not exist");
      if (by_queue[queue] != nullptr) return bad(queue, " is mapped twice");
      by_queue[queue] = by_entry[i];
    }
  }
  for (uint32_t queue = 0; queue < num_queues; ++queue) {
    if (by_queue[queue] == nullptr) return bad(queue, " has no iothread");
  }
  return by_queue;
}

}  // namespace

OnError OnErrorFrom(config::ErrorPolicy policy) {
  switch (policy) {
    case config::ERROR_POLICY_REPORT:
      return OnError::kReport;
    case config::ERROR_POLICY_IGNORE:
      return OnError::kIgnore;
    case config::ERROR_POLICY_ENOSPC:
      return OnError::kEnospc;
    case config::ERROR_POLICY_STOP:
      return OnError::kStop;
    case config::ERROR_POLICY_STALL:
      return OnError::kStall;
    case config::ERROR_POLICY_RETRY:
      return OnError::kRetry;
    default:
      return OnError::kAuto;
  }
}

OnError OnErrorFrom(config::RetryAction action) {
  switch (action) {
    case config::RETRY_ACTION_IGNORE:
      return OnError::kIgnore;
    case config::RETRY_ACTION_ENOSPC:
      return OnError::kEnospc;
    case config::RETRY_ACTION_STOP:
      return OnError::kStop;
    case config::RETRY_ACTION_STALL:
      return OnError::kStall;
    default:
      return OnError::kReport;
  }
}

std::optional<bool> OnOffFrom(config::OnOffAuto value) {
  if (value == config::ON_OFF_AUTO_AUTO) return std::nullopt;
  return value == config::ON_OFF_AUTO_ON;
}

absl::StatusOr<std::vector<AioContext*>> IoThreadsFrom(std::string_view iothread,
                                                       const VqMapping& mapping,
                                                       uint32_t num_queues,
                                                       FindIoContextFn find_context) {
  if (!iothread.empty() && !mapping.empty()) {
    return ErrorWithErrno(EINVAL, "iothread and iothread-vq-mapping exclude each other");
  }
  if (!mapping.empty()) return MapQueues(mapping, num_queues, find_context);
  if (iothread.empty()) return std::vector<AioContext*>{};
  absl::StatusOr<AioContext*> context = find_context(iothread);
  if (!context.ok()) return context.status();
  return std::vector<AioContext*>{*context};
}

}  // namespace platter
