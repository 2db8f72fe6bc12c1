// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/node_options.h"

#include <algorithm>

#include "base/arith.h"

namespace platter {
namespace {

FileAccess AccessFrom(const config::BlockdevOptions& node) {
  if (node.read_only()) return FileAccess::kReadOnly;
  return node.auto_read_only() ? FileAccess::kAutoReadOnly : FileAccess::kReadWrite;
}

FileLocking LockingFrom(config::OnOffAuto locking) {
  switch (locking) {
    case config::ON_OFF_AUTO_ON:
      return FileLocking::kOn;
    case config::ON_OFF_AUTO_OFF:
      return FileLocking::kOff;
    default:
      return FileLocking::kAuto;
  }
}

FileAioHint AioHintFrom(config::FileAio aio) {
  switch (aio) {
    case config::FILE_AIO_NATIVE:
      return FileAioHint::kNative;
    case config::FILE_AIO_IO_URING:
      return FileAioHint::kIoUring;
    default:
      return FileAioHint::kThreads;
  }
}

std::optional<uint32_t> StateFrom(bool has, uint32_t state) {
  return has ? std::optional<uint32_t>(state) : std::nullopt;
}

BlkdebugErrorRule ErrorRuleFrom(const config::BlkdebugInjectError& rule) {
  BlkdebugErrorRule result;
  // The enumerations have the schema's numbers.
  result.event = static_cast<BlkdebugEvent>(rule.event());
  result.state = StateFrom(rule.has_state(), rule.state());
  if (rule.has_iotype()) result.iotype = static_cast<BlkdebugIoType>(rule.iotype());
  if (rule.has_sector()) {
    result.range = BlkdebugRange{.offset = rule.sector() * kSectorSize, .bytes = kSectorSize};
  }
  if (rule.has_x_offset() || rule.has_x_bytes()) {
    BlkdebugRange range{.offset = rule.x_offset()};
    if (rule.has_x_bytes()) range.bytes = rule.x_bytes();
    result.range = range;
  }
  result.error = static_cast<int>(rule.error());
  if (rule.has_x_count()) result.count = rule.x_count();
  if (rule.once()) result.count = 1;
  if (rule.immediately()) result.failure = BlkdebugErrorRule::Failure::kImmediately;
  return result;
}

}  // namespace

NodePolicy PolicyFrom(const config::BlockdevOptions& node) {
  NodePolicy policy;
  policy.discard = node.discard() == config::DISCARD_UNMAP ? NodePolicy::Discard::kUnmap
                                                           : NodePolicy::Discard::kIgnore;
  switch (node.detect_zeroes()) {
    case config::DETECT_ZEROES_ON:
      policy.detect_zeroes = NodePolicy::DetectZeroes::kOn;
      break;
    case config::DETECT_ZEROES_UNMAP:
      policy.detect_zeroes = NodePolicy::DetectZeroes::kUnmap;
      break;
    default:
      break;
  }
  if (node.cache().no_flush()) policy.flush = NodePolicy::Flush::kIgnore;
  if (node.cache().direct()) policy.host_cache = NodePolicy::HostCache::kBypassed;
  return policy;
}

const config::BlockdevRef* ChildOf(const config::BlockdevOptions& node) {
  using Variant = config::BlockdevOptions::VariantCase;
  if (node.variant_case() == Variant::kRaw) return &node.raw().file();
  if (node.variant_case() == Variant::kBlkdebug) return &node.blkdebug().image();
  return nullptr;
}

config::BlockdevRef* MutableChildOf(config::BlockdevOptions& node) {
  using Variant = config::BlockdevOptions::VariantCase;
  if (node.variant_case() == Variant::kRaw) return node.mutable_raw()->mutable_file();
  if (node.variant_case() == Variant::kBlkdebug) return node.mutable_blkdebug()->mutable_image();
  return nullptr;
}

FileOptions FileOptionsFrom(const config::BlockdevOptions& node) {
  const bool device = node.variant_case() == config::BlockdevOptions::kHostDevice;
  const config::FileDriverOptions& message = device ? node.host_device() : node.file();
  FileOptions options;
  options.driver = device ? FileDriver::kHostDevice : FileDriver::kFile;
  options.filename = message.filename();
  options.access = AccessFrom(node);
  options.caching = node.cache().direct() ? FileCaching::kDirect : FileCaching::kPageCache;
  options.locking = LockingFrom(message.locking());
  options.aio = AioHintFrom(message.aio());
  if (message.x_inline_writes()) options.inline_writes = FileInlineWrites::kAlways;
  return options;
}

NullOptions NullOptionsFrom(const config::BlockdevOptions& node) {
  const bool later = node.variant_case() == config::BlockdevOptions::kNullAio;
  const config::NullDriverOptions& message = later ? node.null_aio() : node.null_co();
  NullOptions options;
  if (later) options.completion = NullOptions::Completion::kLaterTurn;
  options.size = message.size();
  options.latency = Duration(static_cast<int64_t>(message.latency_ns()));
  if (message.read_zeroes()) options.reads = NullOptions::Reads::kZeroes;
  options.read_only = node.read_only();
  return options;
}

MemoryOptions MemoryOptionsFrom(const config::BlockdevOptions& node, BlockGraph& graph) {
  const config::MemoryDriverOptions& message = node.memory();
  MemoryOptions options;
  options.size = message.size();
  if (message.has_allocation_limit()) options.allocation_limit = message.allocation_limit();
  if (message.volatile_cache()) options.cache = MemoryOptions::Cache::kVolatile;
  if (message.home_context()) options.home_context = &graph.control();
  options.read_only = node.read_only();
  return options;
}

RawOptions RawOptionsFrom(const config::BlockdevOptions& node) {
  RawOptions options;
  options.offset = node.raw().offset();
  if (node.raw().has_size()) options.size = node.raw().size();
  options.read_only = node.read_only();
  return options;
}

BlkdebugOptions BlkdebugOptionsFrom(const config::BlockdevOptions& node) {
  const config::BlkdebugDriverOptions& message = node.blkdebug();
  BlkdebugOptions options;
  options.align = message.align();
  options.max_transfer = message.max_transfer();
  options.opt_write_zero = message.opt_write_zero();
  options.max_write_zero = message.max_write_zero();
  options.opt_discard = message.opt_discard();
  options.max_discard = message.max_discard();
  for (const config::BlkdebugInjectError& rule : message.inject_error()) {
    options.inject_error.push_back(ErrorRuleFrom(rule));
  }
  for (const config::BlkdebugSetState& rule : message.set_state()) {
    options.set_state.push_back({.event = static_cast<BlkdebugEvent>(rule.event()),
                                 .state = StateFrom(rule.has_state(), rule.state()),
                                 .new_state = rule.new_state()});
  }
  for (const config::BlkdebugSuspend& rule : message.suspend()) {
    BlkdebugSuspendRule suspend;
    suspend.event = static_cast<BlkdebugEvent>(rule.event());
    suspend.tag = rule.tag();
    options.suspend.push_back(std::move(suspend));
  }
  options.read_only = node.read_only();
  return options;
}

}  // namespace platter
