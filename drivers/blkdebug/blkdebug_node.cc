// SPDX-License-Identifier: Apache-2.0
#include "drivers/blkdebug/blkdebug_node.h"

#include <algorithm>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/check.h"
#include "base/status.h"

namespace platter {
namespace {

// Where a request of each kind may be held on its way to the child, in order. All but kNone are
// raised there.
std::span<const BlkdebugEvent> EventsOf(IoOp op) {
  using enum BlkdebugEvent;
  static constexpr BlkdebugEvent kRead[] = {kNone, kReadAio};
  static constexpr BlkdebugEvent kWrite[] = {kNone, kWriteAio, kPwritev};
  static constexpr BlkdebugEvent kZeroes[] = {kNone, kPwritevZero};
  static constexpr BlkdebugEvent kFlush[] = {kNone, kFlushToOs, kFlushToDisk};
  static constexpr BlkdebugEvent kDiscard[] = {kNone};
  switch (op) {
    case IoOp::kRead:
      return kRead;
    case IoOp::kWrite:
      return kWrite;
    case IoOp::kWriteZeroes:
      return kZeroes;
    case IoOp::kFlush:
      return kFlush;
    case IoOp::kDiscard:
      break;
  }
  return kDiscard;
}

// Whether its end raises kPwritevDone.
bool HasDoneEvent(IoOp op) { return op == IoOp::kWrite || op == IoOp::kWriteZeroes; }

BlkdebugRules::Subject SubjectOf(const IoRequest& request) {
  if (request.op == IoOp::kFlush) return {.iotype = BlkdebugIoType::kFlush};
  return {.iotype = IoTypeOf(request.op), .offset = request.offset, .bytes = request.bytes};
}

}  // namespace

// What stands for a request as long as the child does not know the request itself.
class BlkdebugNode::Proxy {
 public:
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  IoRequest& request() const { return request_; }
  // What the child knows the request by; nullptr when it does not have it.
  virtual IoRequest* in_child() { return nullptr; }

 protected:
  Proxy(BlkdebugNode& node, IoRequest& request) : node_(node), request_(request) {}
  ~Proxy() = default;

  BlkdebugNode& node_;
  IoRequest& request_;
};

// A request that waits to be resumed.
class BlkdebugNode::Held final : public Proxy, public WorkItem {
 public:
  Held(BlkdebugNode& node, IoRequest& request, std::string tag, Onward onward)
      : Proxy(node, request), tag_(std::move(tag)), onward_(onward) {}

  const std::string& tag() const { return tag_; }

 private:
  friend class BufferPool;
  ~Held() = default;

  void Run() override {
    IoRequest& request = request_;
    BlkdebugNode& node = node_;
    const Onward onward = onward_;
    node.Forget(*this);
    request.context->buffers().Delete(this);
    IoResult result = onward.result;
    if (result == kIoPending) result = node.StartByRules(request, onward.next_event);
    if (result != kIoPending) request.OnIoDone(result);
  }

  const std::string tag_;
  const Onward onward_;
};

// A request that waits for the turn in which it fails.
class BlkdebugNode::Failing final : public Proxy, public WorkItem {
 public:
  Failing(BlkdebugNode& node, IoRequest& request, IoResult result)
      : Proxy(node, request), result_(result) {}

 private:
  friend class BufferPool;
  ~Failing() = default;

  void Run() override {
    IoRequest& request = request_;
    BlkdebugNode& node = node_;
    IoResult result = result_;
    node.Forget(*this);
    request.context->buffers().Delete(this);
    result = node.EndByRules(request, result);
    if (result != kIoPending) request.OnIoDone(result);
  }

  const IoResult result_;
};

// A write, of data or zeroes, whose end raises kPwritevDone.
class BlkdebugNode::WatchedWrite final : public Proxy, public IoRequest {
 public:
  WatchedWrite(BlkdebugNode& node, IoRequest& parent) : Proxy(node, parent) {
    context = parent.context;
    op = parent.op;
    flags = parent.flags;
    iov_count = parent.iov_count;
    offset = parent.offset;
    bytes = parent.bytes;
    iov = parent.iov;
  }

  IoRequest* in_child() override { return this; }

  IoResult Begin() {
    IoResult result = node_.image_.Start(*this);
    if (result != kIoPending) result = End(result);
    return result;
  }

 private:
  friend class BufferPool;
  ~WatchedWrite() = default;

  void OnIoDone(IoResult result) override {
    IoRequest& parent = request_;
    const IoResult end = End(result);
    if (end != kIoPending) parent.OnIoDone(end);
  }
  // kIoPending when its completion is held; then the object is gone as well.
  IoResult End(IoResult result) {
    BlkdebugNode& node = node_;
    IoRequest& parent = request_;
    node.Forget(*this);
    context->buffers().Delete(this);
    return node.EndByRules(parent, result);
  }
};

absl::StatusOr<std::shared_ptr<BlkdebugNode>> BlkdebugNode::Create(std::string node_name,
                                                                   NodeRef image,
                                                                   const BlkdebugOptions& options) {
  std::shared_ptr<BlkdebugNode> node(new BlkdebugNode(std::move(node_name), options));
  PLATTER_RETURN_IF_ERROR(node->Open(std::move(image)));
  return node;
}

BlkdebugNode::BlkdebugNode(std::string node_name, const BlkdebugOptions& options)
    : BlockNode(std::move(node_name)), options_(options) {
  for (const auto& rule : options.inject_error) AddRule(rule);
  for (const auto& rule : options.set_state) AddRule(rule);
  for (const auto& rule : options.suspend) AddRule(rule);
}

BlkdebugNode::~BlkdebugNode() {
  MutexLock lock(mutex_);
  PLATTER_CHECK(held_.empty() && proxies_.empty());
}

absl::Status BlkdebugNode::Open(NodeRef image) {
  // Nothing comes through before a parent is here, and then SetPermissions says what may.
  const uint32_t granularity = image->limits().request_alignment;
  PLATTER_RETURN_IF_ERROR(
      image_.Attach(std::move(image), {.permissions = {}, .granularity = granularity}));
  PLATTER_RETURN_IF_ERROR(CheckLimits());
  Refresh();
  return absl::OkStatus();
}

absl::Status BlkdebugNode::CheckLimits() const {
  const auto error = [this](const auto&... parts) {
    return ErrorWithErrno(EINVAL, absl::StrCat("node '", node_name(), "': ", parts...));
  };
  const BlockNode& child = *image_.child();
  const uint64_t align = options_.align != 0 ? options_.align : child.limits().request_alignment;
  const auto fits = [&](uint64_t value, uint64_t alignment) {
    return value == 0 || IsAligned(value, alignment);
  };
  constexpr uint64_t kMaxAlign = uint64_t{1} << 30;
  if (!IsPowerOfTwo(align) || align > kMaxAlign) {
    return error("align ", align, " is not a power of two up to ", kMaxAlign);
  }
  // A length that the child's own alignment does not divide is the child's to serve (node.h).
  if (options_.align != 0 && !IsAligned(child.length(), align)) {
    return error("the size of node '", child.node_name(), "', ", child.length(),
                 " bytes, is not a multiple of align ", align);
  }
  for (const uint64_t optimum : {options_.opt_write_zero, options_.opt_discard}) {
    if (optimum != 0 && (!IsPowerOfTwo(optimum) || optimum > kMaxAlign || optimum < align)) {
      return error("opt-write-zero and opt-discard are powers of two from align ", align, " to ",
                   kMaxAlign, ", which ", optimum, " is not");
    }
  }
  if (!fits(options_.max_transfer, align)) {
    return error("max-transfer ", options_.max_transfer, " is not a multiple of align ", align);
  }
  if (!fits(options_.max_write_zero, std::max(align, options_.opt_write_zero))) {
    return error("max-write-zero ", options_.max_write_zero,
                 " is not a multiple of align and opt-write-zero");
  }
  if (!fits(options_.max_discard, std::max(align, options_.opt_discard))) {
    return error("max-discard ", options_.max_discard,
                 " is not a multiple of align and opt-discard");
  }
  return absl::OkStatus();
}

void BlkdebugNode::Refresh() {
  const BlockNode& child = *image_.child();
  limits_ = child.limits();
  features_ = child.features();
  read_only_ = options_.read_only || child.read_only();
  const auto given = [](auto& limit, uint64_t value) {
    if (value != 0) limit = static_cast<std::remove_reference_t<decltype(limit)>>(value);
  };
  given(limits_.request_alignment, options_.align);
  given(limits_.max_transfer, options_.max_transfer);
  given(limits_.write_zeroes_alignment, options_.opt_write_zero);
  given(limits_.max_write_zeroes, options_.max_write_zero);
  given(limits_.discard_alignment, options_.opt_discard);
  given(limits_.max_discard, options_.max_discard);
  // The alignment may have outgrown the child's maxima.
  limits_.max_transfer = std::max<uint64_t>(
      AlignDown(limits_.max_transfer, limits_.request_alignment), limits_.request_alignment);
  limits_.max_write_zeroes =
      std::max<uint64_t>(limits_.max_write_zeroes, limits_.write_zeroes_alignment);
  limits_.max_discard = std::max<uint64_t>(limits_.max_discard, limits_.discard_alignment);
  set_length(LengthOver(child.length()));
}

// With an align, a child that came to a size that does not fit loses the part of its last block.
uint64_t BlkdebugNode::LengthOver(uint64_t child_length) const {
  return options_.align == 0 ? child_length : AlignDown(child_length, options_.align);
}

void BlkdebugNode::SetAccess(NodeAccess access) {
  options_.read_only = access == NodeAccess::kReadOnly;
  OnChildChanged();
}

void BlkdebugNode::OnChildChanged() {
  Refresh();
  NotifyParents();
}

absl::Status BlkdebugNode::SetPermissions(Permissions cumulative) {
  PLATTER_RETURN_IF_ERROR(BlockNode::SetPermissions(cumulative));
  return image_.Change({.permissions = cumulative, .granularity = limits_.request_alignment});
}

IoResult BlkdebugNode::StartByRules(IoRequest& request, size_t next_event) {
  const std::span<const BlkdebugEvent> events = EventsOf(request.op);
  while (next_event < events.size()) {
    const BlkdebugEvent event = events[next_event++];
    if (HoldAt(event, request, {.next_event = next_event})) return kIoPending;
  }
  return StartUnlessFaulty(request);
}

bool BlkdebugNode::HoldAt(BlkdebugEvent event, IoRequest& request, Onward onward) {
  MutexLock lock(mutex_);
  if (event != BlkdebugEvent::kNone) rules_.OnEvent(event);
  std::optional<std::string> tag = rules_.TakeSuspend(event, SubjectOf(request));
  if (!tag.has_value()) return false;
  Held* const held = request.context->buffers().New<Held>(*this, request, *std::move(tag), onward);
  held_.push_back(held);
  proxies_.push_back(held);
  return true;
}

IoResult BlkdebugNode::EndByRules(IoRequest& request, IoResult result) {
  if (!HasDoneEvent(request.op)) return result;
  return HoldAt(BlkdebugEvent::kPwritevDone, request, {.result = result}) ? kIoPending : result;
}

void BlkdebugNode::Remember(Proxy& proxy) {
  MutexLock lock(mutex_);
  proxies_.push_back(&proxy);
}

void BlkdebugNode::Forget(const Proxy& proxy) {
  MutexLock lock(mutex_);
  std::erase(proxies_, &proxy);
}

IoResult BlkdebugNode::StartUnlessFaulty(IoRequest& request) {
  std::optional<BlkdebugRules::Fault> fault;
  bool watch = false;
  {
    MutexLock lock(mutex_);
    fault = rules_.TakeFault(SubjectOf(request));
    watch = HasDoneEvent(request.op) && rules_.HasEvent(BlkdebugEvent::kPwritevDone);
  }
  BufferPool& pool = request.context->buffers();
  if (fault.has_value()) {
    if (fault->failure == BlkdebugErrorRule::Failure::kImmediately) {
      return EndByRules(request, -fault->error);
    }
    Failing& failing = *pool.New<Failing>(*this, request, -fault->error);
    Remember(failing);
    request.context->Defer(failing);
    return kIoPending;
  }
  if (!watch) return image_.Start(request);
  WatchedWrite& watched = *pool.New<WatchedWrite>(*this, request);
  Remember(watched);
  return watched.Begin();
}

void BlkdebugNode::Cancel(IoRequest& request) {
  IoRequest* in_child = &request;
  {
    MutexLock lock(mutex_);
    const auto proxy = std::find_if(proxies_.begin(), proxies_.end(), [&request](const Proxy* at) {
      return &at->request() == &request;
    });
    if (proxy != proxies_.end()) in_child = (*proxy)->in_child();
  }
  // It ends in this context alone, so it is there still.
  if (in_child != nullptr) image_.Cancel(*in_child);
}

void BlkdebugNode::ClearRules() {
  MutexLock lock(mutex_);
  rules_.Clear();
  has_rules_.store(false, std::memory_order_release);
}

void BlkdebugNode::ReleaseAll(std::string_view tag, std::vector<Held*>& released) {
  std::erase_if(held_, [tag, &released](Held* held) {
    if (held->tag() != tag) return false;
    released.push_back(held);
    return true;
  });
}

int BlkdebugNode::Resume(std::string_view tag) {
  std::vector<Held*> released;
  {
    MutexLock lock(mutex_);
    ReleaseAll(tag, released);
  }
  for (Held* const held : released) held->request().context->Post(*held);
  return static_cast<int>(released.size());
}

int BlkdebugNode::RemoveBreakpoint(std::string_view tag) {
  {
    MutexLock lock(mutex_);
    rules_.RemoveSuspend(tag);
  }
  return Resume(tag);
}

bool BlkdebugNode::IsSuspended(std::string_view tag) const {
  MutexLock lock(mutex_);
  return std::any_of(held_.begin(), held_.end(),
                     [tag](const Held* held) { return held->tag() == tag; });
}

int BlkdebugNode::SuspendedCount() const {
  MutexLock lock(mutex_);
  return static_cast<int>(held_.size());
}

uint32_t BlkdebugNode::state() const {
  MutexLock lock(mutex_);
  return rules_.state();
}

Task<absl::Status> BlkdebugNode::Truncate(uint64_t new_length) {
  if (options_.align != 0 && !IsAligned(new_length, options_.align)) {
    co_return ErrorWithErrno(EINVAL,
                             absl::StrCat("node '", node_name(), "': ", new_length,
                                          " bytes are not a multiple of align ", options_.align));
  }
  co_return co_await image_.child()->Truncate(new_length);
}

Task<absl::StatusOr<BlockStatus>> BlkdebugNode::GetBlockStatus(uint64_t offset, uint64_t bytes) {
  std::optional<BlkdebugRules::Fault> fault;
  {
    MutexLock lock(mutex_);
    fault = rules_.TakeFault(
        {.iotype = BlkdebugIoType::kBlockStatus, .offset = offset, .bytes = bytes});
  }
  if (fault.has_value()) {
    co_return ErrnoError(fault->error, absl::StrCat("node '", node_name(), "'"));
  }
  co_return co_await image_.child()->GetBlockStatus(offset, bytes);
}

std::optional<HostBlockSizes> BlkdebugNode::ProbeBlockSizes() const {
  return image_.child()->ProbeBlockSizes();
}

}  // namespace platter
