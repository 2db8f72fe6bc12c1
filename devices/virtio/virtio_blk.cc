// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio_blk.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "devices/virtio/gather.h"

namespace platter {

namespace {

constexpr uint64_t kWritebackOffset = offsetof(VirtioBlkConfig, writeback);

std::vector<AioContext*> ContextOfQueues(const VirtioBlkOptions& options, AioContext& control) {
  std::vector<AioContext*> contexts;
  for (uint32_t i = 0; i < options.num_queues; ++i) {
    contexts.push_back(options.iothreads.empty() ? &control
                                                 : options.iothreads[i % options.iothreads.size()]);
  }
  return contexts;
}

// The guest sees whole blocks: the rest of a medium that isn't made of them would be lost to it.
absl::Status CheckLength(const VirtioBlkOptions& options, const BlockDeviceView& backend) {
  if (backend.length() % options.logical_block_size == 0) return absl::OkStatus();
  const std::string medium = backend.name().empty()
                                 ? std::string("its drive")
                                 : absl::StrCat("block backend '", backend.name(), "'");
  return absl::InvalidArgumentError(absl::StrCat(
      "device '", options.id, "': ", medium, " has ", backend.length(),
      " bytes, which is not a multiple of logical_block_size ", options.logical_block_size));
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtioBlk>> VirtioBlk::Create(const VirtioBlkOptions& options,
                                                             BlockDeviceView& backend,
                                                             AioContext& control) {
  const VirtioBlkOptions resolved =
      ResolveVirtioBlkOptions(options, backend.probe_block_sizes(), backend.write_cache_enabled());
  absl::Status status = CheckVirtioBlkOptions(resolved);
  if (!status.ok()) return status;
  status = CheckLength(resolved, backend);
  if (!status.ok()) return status;
  auto device = std::unique_ptr<VirtioBlk>(new VirtioBlk(resolved, backend, control));
  status = device->Attach();
  if (!status.ok()) return status;
  return device;
}

VirtioBlk::VirtioBlk(const VirtioBlkOptions& options, BlockDeviceView& backend, AioContext& control)
    : VirtioDevice({.id = options.id,
                    .control = control,
                    .serialise = options.serialise,
                    .max_queue_size = options.queue_size,
                    .queue_contexts = ContextOfQueues(options, control)}),
      options_(options),
      backend_(backend) {}

absl::Status VirtioBlk::Attach() {
  const DeviceAttachment attachment = {.device_id = options_.id,
                                       .guest_block_size = options_.logical_block_size,
                                       .read_error = options_.rerror,
                                       .write_error = options_.werror,
                                       .retry = options_.retry,
                                       .needs_write = !backend_.is_read_only(),
                                       .share_writes = options_.share_rw};
  BlockDevOps ops;
  ops.resize = [this] { OnResize(); };
  absl::Status status = backend_.Attach(attachment, std::move(ops));
  if (!status.ok()) return status;
  attached_ = true;
  std::copy(options_.serial.begin(), options_.serial.end(), shared_.serial.begin());
  shared_.logical_block_size = options_.logical_block_size;
  for (uint32_t i = 0; i < queue_count(); ++i) OpenLane(mutable_queue(i));
  backend_.set_write_cache_enabled(*options_.write_cache);
  SerialiserLock lock(serialiser());
  OnReset();
  return absl::OkStatus();
}

void VirtioBlk::OpenLane(VirtioQueue& queue) {
  auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& candidate) {
    return &candidate->context() == &queue.context();
  });
  if (lane == lanes_.end()) {
    lanes_.push_back(std::make_unique<VirtioBlkLane>(shared_, queue.context(), backend_));
    lane = lanes_.end() - 1;
  }
  queues_.push_back(&(*lane)->AddQueue(queue));
}

VirtioBlk::~VirtioBlk() {
  lanes_.clear();
  if (attached_) backend_.Detach();
}

VirtioBlkStats VirtioBlk::stats() const {
  VirtioBlkStats sum;
  for (const auto& lane : lanes_) {
    sum.requests += lane->requests.load(std::memory_order_relaxed);
    sum.interrupts += lane->interrupts.load(std::memory_order_relaxed);
    sum.batches += lane->batches.load(std::memory_order_relaxed);
  }
  return sum;
}

// --- Configuration. ---

std::span<const uint8_t> VirtioBlk::Config() {
  config_.writeback = backend_.write_cache_enabled() ? 1 : 0;
  return {reinterpret_cast<const uint8_t*>(&config_), sizeof(config_)};
}

void VirtioBlk::OnConfigWrite(uint64_t offset, std::span<const uint8_t> data) {
  // 5.2.5: writeback is the only field that a driver writes, and only with CONFIG_WCE.
  if ((features() & kVirtioBlkFConfigWce) == 0 || offset > kWritebackOffset ||
      kWritebackOffset - offset >= data.size()) {
    return;
  }
  backend_.set_write_cache_enabled(data[kWritebackOffset - offset] != 0);
}

void VirtioBlk::OnResize() {
  SerialiserLock lock(serialiser());
  const uint64_t sectors = backend_.length() / kSectorSize;
  if (sectors == config_.capacity.get()) return;
  config_.capacity = sectors;
  shared_.capacity.store(sectors * kSectorSize, std::memory_order_relaxed);
  ConfigChanged();
}

// --- Life. ---

void VirtioBlk::OnDriverOk() {
  shared_.features = features();
  shared_.transport = &transport();
  // 5.2.6.2: without CONFIG_WCE the cache follows whether the driver can flush it; with CONFIG_WCE
  // but no FLUSH it starts as write-through (5.2.5.2); with both it stays as it is.
  if ((features() & kVirtioBlkFFlush) == 0) {
    backend_.set_write_cache_enabled(false);
  } else if ((features() & kVirtioBlkFConfigWce) == 0) {
    backend_.set_write_cache_enabled(true);
  }
}

void VirtioBlk::OnResetBegins() { shared_.dropping.store(true, std::memory_order_relaxed); }

void VirtioBlk::OnReset() {
  shared_.dropping.store(false, std::memory_order_relaxed);
  if (!attached_) return;
  // A reset flushes nothing, so it turns no cache off.
  if (*options_.write_cache) backend_.set_write_cache_enabled(true);
  shared_.read_only = backend_.is_read_only();
  config_ = MakeVirtioBlkConfig(options_, backend_);
  shared_.capacity.store(config_.capacity.get() * kSectorSize, std::memory_order_relaxed);
  set_offered_features(VirtioBlkFeatures(options_, backend_));
}

void VirtioBlk::OnUnplug(DeviceDone done) {
  auto gather =
      std::make_shared<Gather>(lanes_.size(), control(), [this, then = std::move(done)]() mutable {
        backend_.Detach();
        attached_ = false;
        std::move(then)();
      });
  for (auto& lane : lanes_) {
    lane->context().Post([&closing = *lane, gather] {
      closing.CloseChannel();
      gather->Arrive();
    });
  }
}

// --- Queues. ---

QueueWork VirtioBlk::OnQueueWork(VirtioQueue& queue) {
  VirtioBlkQueueState& blk_queue = *queues_[queue.index()];
  return blk_queue.lane.Work(blk_queue);
}

void VirtioBlk::OnQueueStopping(VirtioQueue& queue, QueueStop kind) {
  queues_[queue.index()]->lane.Stopping(kind);
}

std::vector<uint16_t> VirtioBlk::OnQueueSave(VirtioQueue& queue) {
  VirtioBlkQueueState& blk_queue = *queues_[queue.index()];
  return blk_queue.lane.Save(blk_queue);
}

void VirtioBlk::OnQueueRestore(VirtioQueue& queue, uint16_t head) {
  VirtioBlkQueueState& blk_queue = *queues_[queue.index()];
  blk_queue.lane.Restore(blk_queue, head);
}

}  // namespace platter
