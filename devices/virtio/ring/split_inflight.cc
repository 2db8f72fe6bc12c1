// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/ring/split_inflight.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "base/check.h"

namespace platter {

namespace {

using Entry = SplitInflight::Entry;
using Header = SplitInflight::Header;

// Another process may write to it meanwhile: each number is read once.
template <typename T>
T Load(const T& place) {
  return __atomic_load_n(&place, __ATOMIC_ACQUIRE);
}
template <typename T>
void Store(T& place, T value) {
  __atomic_store_n(&place, value, __ATOMIC_RELEASE);
}

Header& HeaderOf(const InflightRegion& region) { return *reinterpret_cast<Header*>(region.host); }
Entry* EntriesOf(const InflightRegion& region) {
  return reinterpret_cast<Entry*>(region.host + sizeof(Header));
}

// Its first use. The version comes last: until then there is nothing.
void Initialise(const InflightRegion& region, uint16_t used_index) {
  Header& header = HeaderOf(region);
  for (uint32_t i = 0; i < region.entries; ++i) Store(EntriesOf(region)[i].inflight, uint8_t{0});
  Store(header.features, uint64_t{0});
  Store(header.desc_num, static_cast<uint16_t>(region.entries));
  Store(header.last_batch_head, uint16_t{0});
  Store(header.used_idx, used_index);
  Store(header.version, SplitInflight::kVersion);
}

// The driver may have seen the last batch, and the process ended before its requests were marked as
// done.
void FinishLastBatch(const InflightRegion& region, uint32_t entries, uint16_t used_index) {
  Header& header = HeaderOf(region);
  const auto batch = static_cast<uint16_t>(used_index - Load(header.used_idx));
  uint16_t at = Load(header.last_batch_head);
  // R-VU-02: no step leads out of the table, and there are no more steps than entries. A ring that
  // began anew since has an index that fits to nothing, and then nothing is in flight either.
  for (uint32_t i = 0; i < std::min<uint32_t>(batch, entries) && at < entries; ++i) {
    Entry& entry = EntriesOf(region)[at];
    Store(entry.inflight, uint8_t{0});
    at = Load(entry.next);
  }
  Store(header.used_idx, used_index);
}

}  // namespace

absl::StatusOr<InflightFound> SplitInflight::Recover(const InflightRegion& region, uint32_t size,
                                                     uint16_t used_index) {
  PLATTER_CHECK(region.host != nullptr && region.entries <= UINT16_MAX);
  if (size > region.entries) {
    return absl::InvalidArgumentError("its requests in flight have room for " +
                                      std::to_string(region.entries) + " entries, not for " +
                                      std::to_string(size));
  }
  Header& header = HeaderOf(region);
  const uint16_t version = Load(header.version);
  if (version == 0) {
    Initialise(region, used_index);
    return InflightFound{.fresh = true};
  }
  const uint16_t entries = Load(header.desc_num);
  if (version != kVersion || Load(header.features) != 0 || entries > region.entries ||
      entries < size) {
    return absl::InvalidArgumentError("its requests in flight are recorded as version " +
                                      std::to_string(version) + " with " + std::to_string(entries) +
                                      " entries, which is not known");
  }
  FinishLastBatch(region, entries, used_index);
  std::vector<std::pair<uint64_t, uint16_t>> found;
  for (uint32_t head = 0; head < size; ++head) {
    const Entry& entry = EntriesOf(region)[head];
    if (Load(entry.inflight) == 0) continue;
    found.emplace_back(Load(entry.counter), static_cast<uint16_t>(head));
  }
  std::sort(found.begin(), found.end());
  InflightFound answer;
  for (const auto& [counter, head] : found) answer.heads.push_back(head);
  return answer;
}

void SplitInflight::Forget(const InflightRegion& region) {
  Store(HeaderOf(region).features, uint64_t{0});
  Store(HeaderOf(region).version, uint16_t{0});
}

void SplitInflight::Attach(const InflightRegion& region) {
  if (region.host == nullptr) return Detach();
  header_ = &HeaderOf(region);
  entries_ = EntriesOf(region);
  entry_count_ = region.entries;
  last_head_ = Load(header_->last_batch_head);
  batch_size_ = 0;
  batch_ = std::make_unique<uint16_t[]>(region.entries);
  // New requests come after those that are in flight already.
  counter_ = 0;
  for (uint32_t i = 0; i < entry_count_; ++i) {
    if (Load(entries_[i].inflight) == 0) continue;
    counter_ = std::max(counter_, Load(entries_[i].counter) + 1);
  }
}

}  // namespace platter
