// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/queue_state.h"

#include <string>

#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

absl::Status Refuse(const std::string& why) { return absl::InvalidArgumentError(why); }

// Each head exists, and is there once.
absl::Status CheckHeads(const QueueState& state) {
  std::vector<bool> seen(state.layout.size <= kVirtqMaxSize ? state.layout.size : 0);
  const auto take = [&seen](uint16_t head) {
    if (head >= seen.size() || seen[head]) {
      return Refuse("saved head " + std::to_string(head) + " does not exist or is there twice");
    }
    seen[head] = true;
    return absl::OkStatus();
  };
  for (const uint16_t head : state.heads) {
    if (absl::Status status = take(head); !status.ok()) return status;
  }
  for (const HeldChain& chain : state.held) {
    if (absl::Status status = take(chain.head); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckHeld(const QueueState& state) {
  const size_t total = state.heads.size() + state.held.size();
  for (size_t i = 0; i < state.held.size(); ++i) {
    const uint32_t place = state.held[i].place;
    // The oldest of all is not held by anything.
    if (place == 0 || place >= total || (i != 0 && place <= state.held[i - 1].place)) {
      return Refuse("place " + std::to_string(place) + " of a saved chain that is held");
    }
  }
  return absl::OkStatus();
}

// R-VQ-03: as much was taken as the positions say, or a request would be used that was not taken,
// or never be.
absl::Status CheckAmount(const QueueState& state, bool packed) {
  const size_t total = state.heads.size() + state.held.size();
  const QueueLayout& layout = state.layout;
  if (!packed) {
    if (!state.chains.empty()) return Refuse("saved chains of a split ring");
    const auto apart = static_cast<uint16_t>(layout.next_avail - layout.next_used);
    if (apart == total) return absl::OkStatus();
    return Refuse(std::to_string(total) + " saved heads, but the indices are " +
                  std::to_string(apart) + " apart");
  }
  if (state.chains.size() != total) return Refuse("saved chains of other heads");
  size_t descriptors = 0;
  for (const auto& chain : state.chains) {
    if (chain.empty()) return Refuse("a saved chain without descriptors");
    descriptors += chain.size();
  }
  const PackedPlace used(layout.next_used);
  const uint32_t apart = used.DistanceTo(PackedPlace(layout.next_avail), layout.size);
  if (apart == descriptors) return absl::OkStatus();
  return Refuse(std::to_string(descriptors) + " saved descriptors, but the positions are " +
                std::to_string(apart) + " apart");
}

}  // namespace

absl::Status CheckQueueState(const QueueState& state, uint64_t features) {
  if (absl::Status status = CheckHeads(state); !status.ok()) return status;
  if (state.broken) {
    const bool empty = state.heads.empty() && state.held.empty() && state.chains.empty();
    return empty ? absl::OkStatus() : Refuse("saved heads of a broken queue");
  }
  if ((features & kVirtioFInOrder) == 0 && !state.held.empty()) {
    return Refuse("saved chains that are held in a queue that is not used in order");
  }
  if (absl::Status status = CheckHeld(state); !status.ok()) return status;
  return CheckAmount(state, (features & kVirtioFRingPacked) != 0);
}

}  // namespace platter
