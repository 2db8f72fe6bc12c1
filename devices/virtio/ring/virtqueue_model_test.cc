// SPDX-License-Identifier: Apache-2.0
//
// Virtqueue against RingModel: every ring of up to four entries from every position, every list of
// chains that fits (direct, and indirect of every length), every order of completion, every way to
// publish them in batches (R-VQ-10, R-VQ-19). Driver's wishes for interrupts take turns. In between
// the freed entries are filled again, so that what is in use is scattered.

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "devices/virtio/ring/ring_model.h"
#include "devices/virtio/ring/virtqueue.h"

namespace platter {
namespace {

using Layout = RingModel::Layout;
using Shape = RingModel::Shape;
using Wish = RingModel::Wish;

struct Case {
  Layout layout = Layout::kSplit;
  uint64_t features = 0;
};

class VirtqueueModelTest : public testing::TestWithParam<Case> {
 protected:
  static constexpr uint32_t kMaxSize = 4;

  // All lists of chains with at least one, and at most `room` entries of the ring of `size`.
  static void ListShapes(uint32_t size, uint32_t room, std::vector<Shape>& list,
                         std::vector<std::vector<Shape>>& out) {
    if (!list.empty()) out.push_back(list);
    for (uint32_t pieces = 1; pieces <= size; ++pieces) {
      for (const bool indirect : {false, true}) {
        const Shape shape = {.pieces = pieces, .indirect = indirect};
        if (shape.slots() > room) continue;
        list.push_back(shape);
        ListShapes(size, room - shape.slots(), list, out);
        list.pop_back();
      }
    }
  }

  Wish NextWish(uint32_t size, uint64_t start) {
    const uint64_t kinds = 2 * size + 2;
    const uint64_t turn = runs_ % kinds;
    if (turn == 0) return {.kind = Wish::Kind::kAll};
    if (turn == 1) return {.kind = Wish::Kind::kNothing};
    // A position before the start is one of the next round.
    return {.kind = Wish::Kind::kPosition, .position = start + turn - 2};
  }
  // With event index a split ring knows positions only, and without it none.
  Wish Fit(Wish wish, uint64_t start) const {
    const bool events = (GetParam().features & kVirtioFEventIdx) != 0;
    if (!events && wish.kind == Wish::Kind::kPosition) return {.kind = Wish::Kind::kAll};
    if (events && GetParam().layout == Layout::kSplit && wish.kind != Wish::Kind::kPosition) {
      return {.kind = Wish::Kind::kPosition, .position = start};
    }
    return wish;
  }

  std::string TakeAll(RingModel& model) {
    Chain chain;
    while (model.anything_to_take()) {
      if (!queue_.HasWork()) return "no work";
      if (queue_.Pop(&chain) != PopResult::kChain) return std::string("broken: ") + queue_.error();
      if (std::string wrong = model.CompareTaken(chain); !wrong.empty()) return wrong;
      in_flight_.push_back(next_++);
      if (queue_.next_avail() != model.Told(model.avail_position())) return "another place";
    }
    return queue_.Pop(&chain) == PopResult::kEmpty ? "" : "a chain too many";
  }

  // Completes a chain; what the model sees as used by that.
  void Complete(RingModel& model, size_t which) {
    const auto written = static_cast<uint32_t>(which % 3);
    queue_.PushUsed(model.id_of(which), written);
    done_.push_back(which);
    if ((GetParam().features & kVirtioFInOrder) == 0) {
      in_flight_.erase(std::find(in_flight_.begin(), in_flight_.end(), which));
      return model.Used(which, written);
    }
    // 2.7.9, 2.8.8: in the order in which they were made available.
    while (!in_flight_.empty() &&
           std::find(done_.begin(), done_.end(), in_flight_.front()) != done_.end()) {
      model.Used(in_flight_.front(), static_cast<uint32_t>(in_flight_.front() % 3));
      in_flight_.erase(in_flight_.begin());
    }
  }
  std::string Publish(RingModel& model) {
    const bool interrupts = queue_.Publish();
    bool wanted = false;
    if (std::string wrong = model.Check(&wanted); !wrong.empty()) return wrong;
    if (queue_.next_used() != model.Told(model.used_position())) return "another used place";
    if (interrupts != wanted) return wanted ? "no interrupt" : "an interrupt too many";
    return {};
  }

  // One run: `batches` has a bit for each completion of `order` after which it is published.
  std::string Run(RingModel& model, const std::vector<Shape>& shapes,
                  const std::vector<uint32_t>& order, uint32_t batches) {
    const auto pick = runs_ % 2 == 0 ? RingModel::Pick::kSmallest : RingModel::Pick::kLargest;
    for (const Shape& shape : shapes) model.Offer(shape, pick);
    if (std::string wrong = TakeAll(model); !wrong.empty()) return wrong;
    for (size_t i = 0; i < order.size(); ++i) {
      Complete(model, order[i]);
      if ((batches >> i & 1) == 0 && i + 1 != order.size()) continue;
      if (std::string wrong = Publish(model); !wrong.empty()) return wrong;
      if (i != 0) continue;
      // What is free now is filled, scattered as it is.
      while (model.free_slots() != 0) model.Offer({.pieces = (model.free_slots() + 1) / 2}, pick);
      if (std::string wrong = TakeAll(model); !wrong.empty()) return wrong;
    }
    while (done_.size() < next_) {
      size_t last = next_;
      while (std::find(done_.begin(), done_.end(), --last) != done_.end()) {
      }
      Complete(model, last);
      if (std::string wrong = Publish(model); !wrong.empty()) return wrong;
    }
    return queue_.in_use() == 0 ? "" : "something stays in use";
  }

  void RunAll(uint32_t size, uint64_t start) {
    std::vector<std::vector<Shape>> lists;
    std::vector<Shape> empty;
    ListShapes(size, size, empty, lists);
    for (const std::vector<Shape>& shapes : lists) {
      std::vector<uint32_t> order(shapes.size());
      std::iota(order.begin(), order.end(), 0u);
      do {
        for (uint32_t batches = 0; batches < 1u << (order.size() - 1); ++batches, ++runs_) {
          RingModel model(GetParam().layout, size, start);
          model.Want(Fit(NextWish(size, start), start));
          in_flight_.clear();
          done_.clear();
          next_ = 0;
          ASSERT_TRUE(queue_
                          .Start(model.memory(), {.layout = model.layout()},
                                 GetParam().features | kVirtioFIndirectDesc | kVirtioFVersion1)
                          .ok());
          const std::string wrong = Run(model, shapes, order, batches);
          queue_.Stop();
          ASSERT_EQ(wrong, "") << "size " << size << " start " << start << " chains "
                               << shapes.size() << " batches " << batches << " run " << runs_;
        }
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }

  Virtqueue queue_{kMaxSize};
  std::vector<size_t> in_flight_;  // In the order in which they were taken.
  std::vector<size_t> done_;
  size_t next_ = 0;  // Chains taken.
  uint64_t runs_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    Layouts, VirtqueueModelTest,
    testing::Values(Case{Layout::kSplit, 0}, Case{Layout::kSplit, kVirtioFEventIdx},
                    Case{Layout::kSplit, kVirtioFEventIdx | kVirtioFInOrder},
                    Case{Layout::kPacked, kVirtioFRingPacked},
                    Case{Layout::kPacked, kVirtioFRingPacked | kVirtioFEventIdx},
                    Case{Layout::kPacked,
                         kVirtioFRingPacked | kVirtioFEventIdx | kVirtioFInOrder}));

TEST_P(VirtqueueModelTest, R_VQ_19_EverySmallRing) {
  const bool packed = GetParam().layout == Layout::kPacked;
  for (uint32_t size = 1; size <= kMaxSize; ++size) {
    if (!packed && size == 3) continue;  // No size of a split ring.
    // All there are of a packed ring; of a split one, those around the end of its indices, too.
    for (uint64_t start = 0; start < 2 * size; ++start) {
      RunAll(size, packed || start < size ? start : 65536 - (start - size + 1));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(runs_, packed ? 500'000u : 400'000u);
}

}  // namespace
}  // namespace platter
