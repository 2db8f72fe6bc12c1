// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/virtqueue.h"

#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

absl::Status Virtqueue::Start(std::shared_ptr<const GuestMemory> memory, const QueueState& state,
                              uint64_t features) {
  PLATTER_CHECK(!started());
  PLATTER_RETURN_IF_ERROR(CheckQueueState(state, features));
  is_packed_ = (features & kVirtioFRingPacked) != 0;
  in_order_ = (features & kVirtioFInOrder) != 0;
  PLATTER_RETURN_IF_ERROR(is_packed_ ? packed_.Start(std::move(memory), state.layout, features)
                                     : split_.Start(std::move(memory), state.layout, features));
  const absl::Status status = TakeUp(state);
  if (!status.ok()) Stop();
  return status;
}

absl::Status Virtqueue::TakeUp(const QueueState& state) {
  for (size_t i = 0; i < state.chains.size(); ++i) {
    const uint16_t head =
        i < state.heads.size() ? state.heads[i] : state.held[i - state.heads.size()].head;
    if (!packed_.Remember(head, state.chains[i])) {
      return absl::InvalidArgumentError("a saved chain longer than its ring");
    }
  }
  if (!in_order_) return absl::OkStatus();
  order_.Reset(size());
  for (const HeldChain& chain : state.held) {
    const bool taken = is_packed_ ? packed_.TakeUp(chain.head) : split_.TakeUp(chain.head);
    PLATTER_CHECK(taken);  // Each is there once.
  }
  order_.Restore(static_cast<uint32_t>(state.heads.size() + state.held.size()), state.held);
  return absl::OkStatus();
}

void Virtqueue::PushInOrder(uint16_t head, uint32_t written) {
  order_.Done(head, written);
  // One used element for each, though one for all would do: the lengths of the others would then be
  // those of their buffers (2.7.9), which is not what was written.
  CompletionOrder::Used used;
  while (order_.NextDone(&used)) Put(used.head, used.written);
}

void Virtqueue::Save(std::vector<uint16_t> heads, QueueState* state) const {
  state->layout.next_avail = next_avail();
  state->layout.next_used = next_used();
  state->heads = std::move(heads);
  if (in_order_) state->held = order_.Held();
  if (!is_packed_) return;
  for (const uint16_t head : state->heads) state->chains.push_back(packed_.ChainOf(head));
  for (const HeldChain& chain : state->held) state->chains.push_back(packed_.ChainOf(chain.head));
}

}  // namespace platter
