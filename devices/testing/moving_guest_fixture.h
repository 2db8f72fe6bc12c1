// SPDX-License-Identifier: Apache-2.0
//
// MovingGuest: a guest whose device is taken to another host by a saved state in the middle of
// whatever it does, and CheckEveryStep, which compares that with a run where the device stays. What
// the guest's drivers answered, its memory, the medium and interrupts have to be the same.
//
//   struct Drivers { explicit Drivers(GuestBus& bus); std::string Faults(); ... };
//   CheckEveryStep<Drivers>(MakeHost, {"Flush", [](MovingGuest<Drivers>& g) { g.Note(...); }});
//
// Ownership, threading: of a test. Units: none. Errors: test failures that name item, step and way.

#ifndef PLATTER_DEVICES_TESTING_MOVING_GUEST_FIXTURE_H_
#define PLATTER_DEVICES_TESTING_MOVING_GUEST_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "devices/device.h"
#include "devices/testing/fake_block_device.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/stepping_bus.h"

namespace platter {

// One place where the device can be.
class MovingHost {
 public:
  MovingHost(uint64_t medium_bytes, InterruptLine& out) : backend(medium_bytes), line(out) {}
  virtual ~MovingHost() = default;
  virtual Device& device() = 0;
  // The guest reaches its registers, or no more.
  virtual void PlugIn(InProcessBus& bus) = 0;
  virtual void PullOut(InProcessBus& bus) = 0;

  // Cut off when the guest has left, as the line of a machine that is gone is.
  class Line final : public InterruptLine {
   public:
    explicit Line(InterruptLine& out) : out_(out) {}
    void Set(LineLevel level) override {
      if (open) out_.Set(level);
    }
    bool open = true;

   private:
    InterruptLine& out_;
  };

  FakeBlockDevice backend;
  Line line;
};

// How far the old device gets before it is saved.
struct MovingWay {
  const char* name;
  bool paused_early = false;  // Paused one step before: what the guest asks for is not taken.
  bool held = false;          // Requests are held ...
  uint32_t let_through = 0;   // ... but for so many.
};
inline constexpr MovingWay kMovingWays[] = {
    {.name = "settled"},
    {.name = "paused early", .paused_early = true},
    {.name = "held", .held = true},
    {.name = "held after 1", .held = true, .let_through = 1},
    {.name = "held after 2", .held = true, .let_through = 2},
};

using MakeMovingHost = std::unique_ptr<MovingHost> (*)(InProcessBus& bus, AioContext& control,
                                                       AioContext& io);

template <typename Drivers>
class MovingGuest {
 public:
  static constexpr uint32_t kNever = UINT32_MAX;
  static constexpr uint32_t kAlways = UINT32_MAX - 1;

  // The device moves before step `when` of the guest (from 0), or before each.
  MovingGuest(MakeMovingHost make, const MovingWay& way, uint32_t when)
      : make_(make), way_(way), when_(when), host_(make(target_, control_, io_)) {
    std::vector<uint8_t>& data = host_->backend.data;
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i / 512 * 7 + i);
    host_->PlugIn(target_);
    drivers_.emplace(bus_);
    counting_ = true;
  }
  ~MovingGuest() {
    counting_ = false;
    host_->backend.hold = false;
    host_->backend.Release();
    Leave(std::move(host_));
    drivers_.reset();
    world_.RunUntilIdle();
  }
  MovingGuest(const MovingGuest&) = delete;
  MovingGuest& operator=(const MovingGuest&) = delete;

  Drivers& drivers() { return *drivers_; }
  GuestBus& bus() { return bus_; }
  // As it is now.
  FakeBlockDevice& backend() { return host_->backend; }
  void Settle() { world_.RunUntilIdle(); }
  // Steps that don't count: what comes before what is to be looked at.
  void Before(absl::FunctionRef<void()> steps) {
    counting_ = false;
    steps();
    counting_ = true;
  }

  // --- What came of it. ---

  void Note(std::string what) { notes_.push_back(std::move(what)); }
  void Note(const std::vector<uint8_t>& data) {
    uint64_t sum = data.size();
    for (const uint8_t byte : data) sum = sum * 1099511628211u + byte;
    Note(absl::StrCat(data.size(), " bytes, ", sum));
  }
  void NoteMemory(uint64_t address, uint32_t bytes) {
    std::vector<uint8_t> data(bytes);
    bus_.Read(address, data);
    Note(data);
  }
  // The notes, the medium, and what the drivers found wrong.
  std::vector<std::string> Finish() {
    FinishMove();
    counting_ = false;
    world_.RunUntilIdle();
    Note(host_->backend.data);
    Note(absl::StrCat("locked ", host_->backend.medium_locked, ", write cache ",
                      host_->backend.write_cache));
    Note(absl::StrCat("faults ", drivers_->Faults()));
    return notes_;
  }
  uint32_t steps() const { return steps_; }
  uint32_t moves() const { return moves_; }

 private:
  void Leave(std::unique_ptr<MovingHost> host) {
    host->line.open = false;
    host->backend.hold = false;
    bool gone = false;
    host->device().Unplug([&] { gone = true; });
    world_.RunUntil([&] { return gone; });
  }
  void Pause(MovingHost& host) {
    bool paused = false;
    host.device().Pause([&] { paused = true; });
    world_.RunUntil([&] { return paused; });
  }
  std::string Save(MovingHost& host) {
    std::optional<absl::StatusOr<std::string>> state;
    host.device().SaveState([&](auto saved) { state = std::move(saved); });
    world_.RunUntil([&] { return state.has_value(); });
    EXPECT_TRUE(state->ok()) << state->status();
    return state->value_or("");
  }
  // Of many accesses to one register in a row (a data port) the first ones, and few between.
  bool IsOneOfMany(const SteppingBus::Step& at) {
    const bool again = at.kind == last_.kind && at.kind != SteppingBus::Step::Kind::kWait &&
                       at.address == last_.address;
    last_ = at;
    in_a_row_ = again ? in_a_row_ + 1 : 0;
    return in_a_row_ > 2 && in_a_row_ % 1000 != 0;
  }
  void BeforeStep(const SteppingBus::Step& at) {
    if (!counting_ || IsOneOfMany(at)) return;
    if (early_) return FinishMove();
    const uint32_t step = steps_++;
    if (when_ != kAlways && step != when_) return;
    counting_ = false;
    if (way_.paused_early) {
      Pause(*host_);
      early_ = true;
    } else {
      host_->backend.hold = way_.held;
      host_->backend.let_through = way_.let_through;
      world_.RunUntilIdle();
      Pause(*host_);
      Move();
    }
    counting_ = true;
  }
  void FinishMove() {
    if (!std::exchange(early_, false)) return;
    counting_ = false;
    world_.RunUntilIdle();
    Move();
    counting_ = true;
  }
  // The paused device goes on in a new host.
  void Move() {
    ++moves_;
    const std::string state = Save(*host_);
    std::unique_ptr<MovingHost> next = make_(target_, control_, io_);
    next->backend.data = host_->backend.data;
    next->backend.inserted = host_->backend.inserted;
    next->backend.hold = true;  // As a stopped machine's backend parks what comes.
    Pause(*next);
    std::optional<absl::Status> restored;
    next->device().RestoreState(state, [&](absl::Status status) { restored = std::move(status); });
    world_.RunUntil([&] { return restored.has_value(); });
    ASSERT_TRUE(restored->ok()) << *restored;
    EXPECT_EQ(Save(*next), state) << "nothing is lost on the way";
    host_->PullOut(target_);
    Leave(std::exchange(host_, std::move(next)));
    host_->PlugIn(target_);
    host_->device().Resume();
    host_->backend.Release();
  }

  const MakeMovingHost make_;
  const MovingWay way_;
  const uint32_t when_;
  SimulatedWorld world_{11};
  AioContext& control_ = world_.NewContext("control");
  AioContext& io_ = world_.NewContext("io");
  InProcessBus target_{control_, {.regions = {{.address = 0x40000000, .bytes = kMiB}}}};
  std::unique_ptr<MovingHost> host_;
  bool counting_ = false;
  bool early_ = false;
  uint32_t steps_ = 0;
  uint32_t moves_ = 0;
  SteppingBus::Step last_;
  uint32_t in_a_row_ = 0;
  SteppingBus bus_{target_, [this](const auto& step) { BeforeStep(step); }};
  std::optional<Drivers> drivers_;
  std::vector<std::string> notes_;
};

// Something that a guest does.
template <typename Drivers>
struct MovingItem {
  const char* name;
  void (*run)(MovingGuest<Drivers>& guest);
};

// An item with the device moved before each of its steps, one at a time and at all of them, in each
// way: the guest notices nothing.
template <typename Drivers>
void CheckEveryStep(MakeMovingHost make, const MovingItem<Drivers>& item) {
  using Guest = MovingGuest<Drivers>;
  const auto run = [&](const MovingWay& way, uint32_t when, uint32_t* steps) {
    Guest guest(make, way, when);
    item.run(guest);
    std::vector<std::string> notes = guest.Finish();
    if (steps != nullptr) *steps = guest.steps();
    EXPECT_EQ(guest.moves() == 0, when == Guest::kNever);
    return notes;
  };
  uint32_t steps = 0;
  const std::vector<std::string> expected = run(kMovingWays[0], Guest::kNever, &steps);
  ASSERT_GT(steps, 3u);
  ASSERT_EQ(expected.back(), "faults none");
  for (const MovingWay& way : kMovingWays) {
    SCOPED_TRACE(absl::StrCat(item.name, ", ", way.name));
    EXPECT_EQ(run(way, Guest::kAlways, nullptr), expected) << "moved before every step";
    for (uint32_t when = 0; when < steps; ++when) {
      ASSERT_EQ(run(way, when, nullptr), expected) << "moved before step " << when;
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace platter

#endif  // PLATTER_DEVICES_TESTING_MOVING_GUEST_FIXTURE_H_
