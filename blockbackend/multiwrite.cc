// SPDX-License-Identifier: Apache-2.0
//
// A batch of writes of the host: neighbours on the disk go as one request.

#include <sys/uio.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "blockbackend/backend_impl.h"

namespace platter {

// Shared by the requests of a batch; outlives a caller that gives up.
struct BlockBackendImpl::WriteBatch {
  std::vector<HostWrite> writes;
  IoFlags flags = IoFlags::kNone;
  std::vector<IoResult> results;
  size_t under_way = 0;
  AsyncEvent all_done;
};

namespace {

uint64_t EndOf(const HostWrite& write) { return write.offset + write.data.size(); }

// Indices of the writes, in the order of the disk.
std::vector<size_t> InDiskOrder(const std::vector<HostWrite>& writes) {
  std::vector<size_t> order(writes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(writes[a].offset, a) < std::pair(writes[b].offset, b);
  });
  return order;
}

bool Overlap(const std::vector<HostWrite>& writes, const std::vector<size_t>& order) {
  uint64_t end = 0;
  for (const size_t index : order) {
    if (writes[index].data.empty()) continue;
    if (writes[index].offset < end) return true;
    end = EndOf(writes[index]);
  }
  return false;
}

// Neighbours together, as far as `max_bytes` and `max_parts` let them.
std::vector<std::vector<size_t>> Groups(const std::vector<HostWrite>& writes,
                                        const std::vector<size_t>& order, uint64_t max_bytes,
                                        uint32_t max_parts) {
  std::vector<std::vector<size_t>> groups;
  uint64_t bytes = 0;
  for (const size_t index : order) {
    const HostWrite& write = writes[index];
    const bool joins = !groups.empty() && !write.data.empty() && bytes > 0 &&
                       EndOf(writes[groups.back().back()]) == write.offset &&
                       groups.back().size() < max_parts && write.data.size() <= max_bytes - bytes;
    if (!joins) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(index);
    bytes = std::min(bytes + write.data.size(), max_bytes);
  }
  return groups;
}

}  // namespace

Task<IoResult> BlockBackendImpl::WriteOne(HostWrite write, IoFlags flags) {
  return Pwrite(write.offset, write.data, flags);
}

Task<void> BlockBackendImpl::WriteMerged(std::shared_ptr<BlockBackendImpl> self,
                                         std::shared_ptr<WriteBatch> batch, WriteGroup group) {
  IoResult merged = -1;
  if (group.size() > 1) {
    HostOperation operation{
        .op = IoOp::kWrite, .offset = batch->writes[group[0]].offset, .flags = batch->flags};
    for (const size_t index : group) {
      const std::span<const uint8_t> data = batch->writes[index].data;
      operation.bytes += data.size();
      // iovec has one type for reading and writing.
      operation.parts.push_back(
          {.iov_base = const_cast<uint8_t*>(data.data()), .iov_len = data.size()});
    }
    merged = co_await self->WriteAsHost(std::move(operation));
  }
  for (const size_t index : group) {
    batch->results[index] =
        merged == 0 ? 0 : co_await self->WriteOne(batch->writes[index], batch->flags);
  }
  if (--batch->under_way == 0) batch->all_done.Set();
}

Task<std::vector<IoResult>> BlockBackendImpl::Multiwrite(std::vector<HostWrite> writes,
                                                         IoFlags flags) {
  const std::vector<size_t> order = InDiskOrder(writes);
  if (Overlap(writes, order)) {
    std::vector<IoResult> results;
    for (const HostWrite& write : writes) results.push_back(co_await WriteOne(write, flags));
    co_return results;
  }
  std::vector<WriteGroup> groups = Groups(writes, order, max_transfer(), max_iov());
  auto batch = std::make_shared<WriteBatch>();
  batch->results.resize(writes.size());
  batch->writes = std::move(writes);
  batch->flags = flags;
  batch->under_way = groups.size();
  for (WriteGroup& group : groups) {
    Spawn(*services_.control, WriteMerged(shared_from_this(), batch, std::move(group)));
  }
  if (batch->under_way > 0) co_await batch->all_done.Wait();
  co_return std::move(batch->results);
}

}  // namespace platter
