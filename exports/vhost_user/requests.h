// SPDX-License-Identifier: Apache-2.0
//
// The messages of a front-end as rows: what each is called, how long its payload is, how many
// descriptors come with it and which protocol feature it needs. Checked before a handler sees it.
//
// Threading: constants and pure functions. Units: bytes. Errors: UNIMPLEMENTED for messages that
// are not served, INVALID_ARGUMENT or FAILED_PRECONDITION otherwise; each names the message.

#ifndef PLATTER_EXPORTS_VHOST_USER_REQUESTS_H_
#define PLATTER_EXPORTS_VHOST_USER_REQUESTS_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

#include "exports/vhost_user/message_stream.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

struct RequestRule {
  VhostUserRequest id = VhostUserRequest::kGetFeatures;
  const char* name = "";
  uint32_t min_payload = 0;
  uint32_t max_payload = 0;
  uint32_t min_descriptors = 0;
  uint32_t max_descriptors = 0;
  uint64_t needs = 0;  // Protocol features that have to be negotiated.
};

// The protocol features that are served: nothing else is offered.
inline constexpr uint64_t kServedProtocolFeatures =
    kVhostUserProtocolMq | kVhostUserProtocolLogShmfd | kVhostUserProtocolReplyAck |
    kVhostUserProtocolBackendReq | kVhostUserProtocolConfig | kVhostUserProtocolInflightShmfd |
    kVhostUserProtocolResetDevice | kVhostUserProtocolConfigureMemSlots | kVhostUserProtocolStatus |
    kVhostUserProtocolDeviceState;

// Those that are served, by number.
std::span<const RequestRule> ServedRequests();

// "SET_FEATURES"; "message 99" for what the specification does not have.
std::string NameOfRequest(uint32_t request);

// The row of a message whose form is right, with these protocol features negotiated.
absl::StatusOr<const RequestRule*> CheckRequest(const VhostUserMessage& message,
                                                uint64_t protocol_features);

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_REQUESTS_H_
