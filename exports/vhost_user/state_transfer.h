// SPDX-License-Identifier: Apache-2.0
//
// StateTransfer: a device's state on its way through a descriptor that a front-end gave ("Migrating
// back-end state"): written until all is there and closed, or read until its end.
//
//   transfer = *StateTransfer::Save(context, std::move(fd), state, [this](auto result) { ... });
//
// The peer is not trusted: nothing waits for it but the transfer itself, what it sends is bounded,
// and only pipes and unix stream sockets are taken, since a file may keep its reader waiting.
//
// Ownership: of the descriptor, closed before `done` is called. Ended before `done`, it tells
//   nothing. Threading: in its context; `done` may end it. Units: bytes.
// Errors: of Save and Load: INVALID_ARGUMENT for the descriptor; to `done`: what reading or writing
//   said, RESOURCE_EXHAUSTED for more than kMostBytes.
// Limits: a peer of another user whose pipe can't be opened anew shares O_NONBLOCK; when it takes
//   that off, the context's thread waits for it.

#ifndef PLATTER_EXPORTS_VHOST_USER_STATE_TRANSFER_H_
#define PLATTER_EXPORTS_VHOST_USER_STATE_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/owned_descriptor.h"

namespace platter {

class StateTransfer final : private FdWatch {
 public:
  static constexpr size_t kMostBytes = size_t{4} << 20;
  // What was loaded; nothing when it was saved.
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::string>) &&>;

  static absl::StatusOr<std::unique_ptr<StateTransfer>> Save(AioContext& context,
                                                             OwnedDescriptor descriptor,
                                                             std::string state, Done done);
  static absl::StatusOr<std::unique_ptr<StateTransfer>> Load(AioContext& context,
                                                             OwnedDescriptor descriptor, Done done);
  ~StateTransfer();
  StateTransfer(const StateTransfer&) = delete;
  StateTransfer& operator=(const StateTransfer&) = delete;

 private:
  // Read at once.
  static constexpr size_t kPart = size_t{64} << 10;
  enum class Direction : uint8_t { kSave, kLoad };

  StateTransfer(AioContext& context, OwnedDescriptor descriptor, Direction direction,
                std::string state, Done done);
  static absl::StatusOr<OwnedDescriptor> Prepare(OwnedDescriptor given, Direction direction);

  void OnFdReady(uint32_t events) override;
  void WriteSome();
  void ReadSome();
  void Finish(absl::StatusOr<std::string> result);

  AioContext& context_;
  OwnedDescriptor descriptor_;
  const Direction direction_;
  std::string state_;
  size_t written_ = 0;
  Done done_;
};

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_STATE_TRANSFER_H_
