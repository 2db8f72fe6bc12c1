// SPDX-License-Identifier: Apache-2.0
//
// HeldNode: a block node for tests that answers at once or holds its requests until the test ends
// them, and notes what reached it.
//
// Ownership: see BlockNode. Threading: one thread (a simulated world's). Units: bytes.

#ifndef PLATTER_BLOCKBACKEND_TESTING_HELD_NODE_H_
#define PLATTER_BLOCKBACKEND_TESTING_HELD_NODE_H_

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drivers/node.h"

namespace platter {

struct HeldNodeOptions {
  uint64_t length = 1 << 20;
  uint32_t request_alignment = 1;
  uint32_t write_zeroes_alignment = 1;
  bool read_only = false;
  bool fua = true;
  AioContext* home_context = nullptr;
};

class HeldNode final : public BlockNode {
 public:
  enum class Mode : uint8_t { kAtOnce, kHold };
  // What reached the node.
  struct Seen {
    IoOp op;
    uint64_t offset;
    uint64_t bytes;
    IoFlags flags;
  };

  HeldNode(std::string node_name, const HeldNodeOptions& options)
      : BlockNode(std::move(node_name)) {
    set_length(options.length);
    limits_.request_alignment = options.request_alignment;
    limits_.write_zeroes_alignment = options.write_zeroes_alignment;
    features_ = {.fua = options.fua, .discard = true, .write_zeroes = true, .may_unmap = true};
    read_only_ = options.read_only;
    home_context_ = options.home_context;
  }

  const char* driver_name() const override { return "held"; }

  IoResult Start(IoRequest& request) override {
    seen.push_back({request.op, request.offset, request.bytes, request.flags});
    if (mode == Mode::kHold) {
      held.push_back(&request);
      return kIoPending;
    }
    return NextResult();
  }

  void Cancel(IoRequest& request) override { cancelled.push_back(&request); }

  Task<absl::Status> Truncate(uint64_t new_length) override {
    if (truncate_error != 0) co_return absl::UnimplementedError("held: cannot change its size");
    set_length(new_length);
    NotifyParents();
    co_return absl::OkStatus();
  }

  std::optional<HostBlockSizes> ProbeBlockSizes() const override {
    return HostBlockSizes{.logical = 512, .physical = 4096};
  }

  // While nothing is in flight.
  void SetLimits(const NodeLimits& limits) {
    limits_ = limits;
    NotifyParents();
  }
  // Ends the held request at `index` (its place among those held) with `result`.
  void Finish(size_t index, IoResult result) {
    IoRequest* const request = held.at(index);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
    std::erase(cancelled, request);
    request->OnIoDone(result);
  }
  void FinishAll(IoResult result) {
    while (!held.empty()) Finish(0, result);
  }

  Mode mode = Mode::kAtOnce;
  std::deque<IoResult> results;  // Of the next requests in kAtOnce; 0 when empty.
  std::vector<Seen> seen;
  std::vector<IoRequest*> held;
  std::vector<IoRequest*> cancelled;
  int truncate_error = 0;

 private:
  IoResult NextResult() {
    if (results.empty()) return 0;
    const IoResult result = results.front();
    results.pop_front();
    return result;
  }
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_TESTING_HELD_NODE_H_
