// SPDX-License-Identifier: Apache-2.0
#include "testing/drivers/node_hammer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "testing/model/pattern.h"

namespace platter {

class NodeHammer::Lane final : public WorkItem {
 public:
  Lane(NodeHammer& hammer, uint64_t begin, uint64_t end, uint64_t seed)
      : hammer_(hammer),
        begin_(begin),
        end_(end),
        random_(seed),
        io_(hammer.root_, hammer.context_) {
    io_.set_on_done([this] { hammer_.context_.Defer(*this); });
  }

  // A turn: takes in what completed and starts what is next.
  void Run() override {
    if (in_flight_) TakeIn();
    if (hammer_.stop_.load() && !reading_) {
      hammer_.running_.fetch_sub(1);
      return;
    }
    if (!waiting_) Prepare();
    waiting_ = !io_.SubmitUnlessQuiesced();
    in_flight_ = !waiting_;
    if (waiting_ && hammer_.root_.ParkUntilUnquiesced(hammer_.context_, *this)) return;
    if (waiting_ || io_.at_once()) hammer_.context_.Defer(*this);
  }

 private:
  void Prepare() {
    if (!reading_) {
      offset_ = begin_ + random_.Below(end_ - begin_);
      const uint64_t most = std::min(end_ - offset_, hammer_.options_.max_bytes);
      data_.resize(random_.Between(1, most));
      pattern_ = random_.Next();
      FillPattern(pattern_, offset_, data_);
      io_.Transfer(IoOp::kWrite, offset_, data_);
    } else {
      if (hammer_.options_.verify) std::fill(data_.begin(), data_.end(), uint8_t{0xa5});
      io_.Transfer(IoOp::kRead, offset_, data_);
    }
  }

  void TakeIn() {
    in_flight_ = false;
    hammer_.completed_.fetch_add(1);
    if (io_.completions() != 1 || io_.result() != 0) {
      hammer_.Fail(absl::StrCat(reading_ ? "read" : "write", " at ", offset_, "+", data_.size(),
                                ": ", io_.completions(), " completions, result ", io_.result()));
    } else if (reading_ && hammer_.options_.verify) {
      if (const auto wrong = FindPatternMismatch(pattern_, offset_, data_)) {
        hammer_.Fail(absl::StrCat("wrong data at ", offset_ + *wrong));
      }
    }
    reading_ = !reading_;
  }

  NodeHammer& hammer_;
  const uint64_t begin_;
  const uint64_t end_;
  Random random_;
  DiskIo io_;
  std::vector<uint8_t> data_;
  uint64_t offset_ = 0;
  uint64_t pattern_ = 0;
  bool reading_ = false;
  bool waiting_ = false;  // Prepared, and the root is quiesced.
  bool in_flight_ = false;
};

NodeHammer::NodeHammer(TestRoot& root, AioContext& context, const HammerOptions& options)
    : root_(root), context_(context), options_(options) {
  const auto depth = static_cast<uint64_t>(options.depth);
  const uint64_t part = (options.end - options.begin) / depth;
  for (uint64_t i = 0; i < depth; ++i) {
    const uint64_t begin = options.begin + i * part;
    lanes_.push_back(std::make_unique<Lane>(*this, begin, begin + part, options.seed * 1000 + i));
  }
}

NodeHammer::~NodeHammer() { PLATTER_CHECK(stopped()); }

void NodeHammer::Start() {
  running_.store(static_cast<int>(lanes_.size()));
  for (const auto& lane : lanes_) context_.Post(*lane);
}

void NodeHammer::Fail(std::string text) {
  if (failures_.empty()) failures_ = std::move(text);
}

}  // namespace platter
