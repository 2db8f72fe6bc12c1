// SPDX-License-Identifier: Apache-2.0
//
// VhostUserFrontEnd: the front-end's side of the vhost-user protocol, blocking, for tests and
// benchmarks of any back-end: whole messages with descriptors, and their answers.
//
//   auto front = *VhostUserFrontEnd::Connect("/run/e.sock", {});
//   const uint64_t features = *front->Ask(VhostUserRequest::kGetFeatures);
//   front->Tell(VhostUserRequest::kSetFeatures, BytesOf(features));
//
// With Options::turn the back-end may run on the calling thread: it is called while an answer is
// waited for.
//
// Ownership: owns the socket. Threading: one thread. Units: bytes.
// Errors: UNAVAILABLE when the back-end has closed the connection, DEADLINE_EXCEEDED when it does
//   not answer, ABORTED when it answered that it failed, INTERNAL for an answer of a wrong form.

#ifndef PLATTER_TESTING_GUEST_VHOST_USER_FRONT_END_H_
#define PLATTER_TESTING_GUEST_VHOST_USER_FRONT_END_H_

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/owned_descriptor.h"
#include "exports/vhost_user/vhost_user_spec.h"

namespace platter {

// A struct of the protocol as bytes.
template <typename T>
std::span<const uint8_t> BytesOf(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

class VhostUserFrontEnd {
 public:
  struct Options {
    absl::AnyInvocable<void()> turn = {};
    std::chrono::milliseconds timeout = std::chrono::seconds(30);
  };
  struct Answer {
    uint32_t request = 0;
    uint32_t flags = 0;
    std::vector<uint8_t> payload;
    OwnedDescriptor descriptor = {};  // The first that came along.
  };

  static absl::StatusOr<std::unique_ptr<VhostUserFrontEnd>> Connect(const std::string& path,
                                                                    Options options);
  VhostUserFrontEnd(OwnedDescriptor socket, Options options)
      : socket_(std::move(socket)), options_(std::move(options)) {}

  // --- Messages as they are. ---

  // Whether all of it was sent.
  bool Send(uint32_t request, uint32_t flags, std::span<const uint8_t> payload,
            std::span<const int> descriptors = {});
  bool SendBytes(std::span<const uint8_t> bytes, std::span<const int> descriptors = {});
  absl::StatusOr<Answer> Receive();
  // Until the back-end has closed the connection: OK. Answers are dropped.
  absl::Status WaitUntilClosed();
  bool closed();
  int socket() const { return socket_.get(); }

  // --- Messages that mean something. ---

  // Sent, and when REPLY_ACK is negotiated its acknowledgement waited for.
  absl::Status Tell(VhostUserRequest request, std::span<const uint8_t> payload,
                    std::span<const int> descriptors = {});
  // Sent, and its answer's payload returned, and a descriptor that came with it put there.
  absl::StatusOr<std::vector<uint8_t>> AskFor(VhostUserRequest request,
                                              std::span<const uint8_t> payload,
                                              std::span<const int> descriptors = {},
                                              OwnedDescriptor* descriptor = nullptr);
  // One whose answer is a number.
  absl::StatusOr<uint64_t> Ask(VhostUserRequest request);

  // Asks for the protocol features and takes those of `wanted` that are offered.
  absl::Status NegotiateProtocol(uint64_t wanted);
  uint64_t protocol_features() const { return protocol_features_; }
  bool Has(uint64_t protocol_feature) const { return (protocol_features_ & protocol_feature) != 0; }

  absl::StatusOr<uint32_t> GetVringBase(uint32_t index);
  absl::StatusOr<std::vector<uint8_t>> GetConfig(uint32_t offset, uint32_t bytes);
  absl::Status SetConfig(uint32_t offset, std::span<const uint8_t> data);
  // A file for requests in flight, of which `size` says the numbers of queues and entries.
  absl::StatusOr<OwnedDescriptor> GetInflight(VhostUserInflight* size);
  // Until the back-end has the descriptor's other end: then the state goes through it.
  absl::Status SetDeviceState(uint32_t direction, int descriptor);

 private:
  // False when nothing came in time. Never with the back-end on this thread: true then, and look.
  absl::Status ReadAll(std::span<uint8_t> into, OwnedDescriptor* descriptor = nullptr);

  OwnedDescriptor socket_;
  Options options_;
  uint64_t protocol_features_ = 0;
};

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_VHOST_USER_FRONT_END_H_
