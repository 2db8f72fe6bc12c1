// SPDX-License-Identifier: Apache-2.0
//
// ThrottledQueue: a port of a throttle group for tests, whose requests end the moment that they may
// go.
//
// Ownership: owns its requests and its port. Threading: the test's; requests end in the port's
// context. Units: bytes.

#ifndef PLATTER_BLOCKBACKEND_TESTING_THROTTLED_QUEUE_H_
#define PLATTER_BLOCKBACKEND_TESTING_THROTTLED_QUEUE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "blockbackend/throttle/throttle_group.h"

namespace platter {

class ThrottledRequest final : public IoRequest {
 public:
  void OnIoDone(IoResult) override {}

  enum class State : uint8_t { kWaiting, kGone, kTaken };
  State state = State::kWaiting;
  int id = 0;
};

class ThrottledQueue final : public ThrottlePortClient {
 public:
  ThrottledQueue(std::shared_ptr<ThrottleMember> member, AioContext& context)
      : port(std::in_place, std::move(member), context, *this) {}
  ~ThrottledQueue() {
    if (port) TakeBack();
  }

  ThrottledRequest& Submit(IoOp op, uint64_t length) {
    requests.push_back(std::make_unique<ThrottledRequest>());
    ThrottledRequest& request = *requests.back();
    request.id = static_cast<int>(requests.size()) - 1;
    request.op = op;
    request.bytes = length;
    Offer(request);
    return request;
  }
  void Offer(ThrottledRequest& request) {
    request.state = ThrottledRequest::State::kWaiting;
    if (port->Admit(request)) Go(request);
  }
  // What a drain does.
  void TakeBack() {
    ThrottlePort::RequestFifo all;
    for (const ThrottleDirection direction : kThrottleDirections) port->TakeAll(direction, all);
    while (IoRequest* const request = all.PopFront()) {
      static_cast<ThrottledRequest*>(request)->state = ThrottledRequest::State::kTaken;
    }
  }
  void OnThrottleTurn(IoRequest& request) override { Go(static_cast<ThrottledRequest&>(request)); }

  uint64_t waiting() const { return Count(ThrottledRequest::State::kWaiting); }
  uint64_t Count(ThrottledRequest::State state) const {
    uint64_t count = 0;
    for (const auto& request : requests) count += request->state == state ? 1 : 0;
    return count;
  }

  std::optional<ThrottlePort> port;
  std::vector<std::unique_ptr<ThrottledRequest>> requests;
  std::vector<int> order;  // Ids as they went.
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t bytes = 0;
  // After a request went; it may offer it, or another one, again.
  std::function<void(ThrottledRequest&)> on_gone;

 private:
  void Go(ThrottledRequest& request) {
    PLATTER_CHECK(request.state == ThrottledRequest::State::kWaiting);  // Once.
    request.state = ThrottledRequest::State::kGone;
    order.push_back(request.id);
    ++(request.op == IoOp::kRead ? reads : writes);
    bytes += request.bytes;
    if (on_gone) on_gone(request);
  }
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_THROTTLED_QUEUE_H_
