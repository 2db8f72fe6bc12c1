// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/bus_master.h"

#include "base/check.h"
#include "devices/ide/ide_state.pb.h"

namespace platter {

namespace {

static_assert(static_cast<int>(state::IdeBusMaster::ENDED) == 5, "BusMaster::State, in its order");

// The table is aligned to 4 bytes: the lowest bits are always 0.
constexpr uint32_t kTableMask = ~uint32_t{3};
constexpr uint8_t kWriteOneClears = kBmStatusError | kBmStatusInterrupt;

}  // namespace

bool BusMaster::active() const {
  return state_ == State::kArmed || state_ == State::kMoving || state_ == State::kStopping ||
         state_ == State::kLeftOver;
}

uint8_t BusMaster::Read(unsigned offset) const {
  const bool started = state_ != State::kStopped && state_ != State::kStopping;
  switch (offset) {
    case kBmRegCommand:
      return static_cast<uint8_t>(to_memory_ | (started ? kBmCommandStart : 0));
    case kBmRegStatus:
      return static_cast<uint8_t>(status_ | (active() ? kBmStatusActive : 0));
    case kBmRegTable:
    case kBmRegTable + 1:
    case kBmRegTable + 2:
    case kBmRegTable + 3:
      return static_cast<uint8_t>(table_ >> (8 * (offset - kBmRegTable)));
    default:
      return 0;
  }
}

BusMaster::Effect BusMaster::Write(unsigned offset, uint8_t value) {
  switch (offset) {
    case kBmRegCommand:
      return WriteCommand(value);
    case kBmRegStatus:
      status_ = static_cast<uint8_t>((status_ & kWriteOneClears & ~value) |
                                     (value & kBmStatusDrivesCapable));
      return Effect::kNone;
    case kBmRegTable:
    case kBmRegTable + 1:
    case kBmRegTable + 2:
    case kBmRegTable + 3: {
      const unsigned shift = 8 * (offset - kBmRegTable);
      table_ = ((table_ & ~(uint32_t{0xff} << shift)) | uint32_t{value} << shift) & kTableMask;
      return Effect::kNone;
    }
    default:
      return Effect::kNone;
  }
}

BusMaster::Effect BusMaster::WriteCommand(uint8_t value) {
  // The direction must not change while the engine is active (3.1): it doesn't.
  if (!active()) to_memory_ = value & kBmCommandToMemory;
  const bool start = (value & kBmCommandStart) != 0;
  switch (state_) {
    case State::kStopped:
      if (!start) return Effect::kNone;
      state_ = State::kArmed;
      return Effect::kArmed;
    case State::kArmed:
      if (start) return Effect::kNone;
      state_ = State::kStopped;
      return Effect::kDisarmed;
    case State::kMoving:
      if (!start) state_ = State::kStopping;
      return Effect::kNone;
    case State::kStopping:
      return Effect::kNone;  // Not before the transfer is through.
    case State::kLeftOver:
    case State::kEnded:
      if (!start) state_ = State::kStopped;
      return Effect::kNone;
  }
  return Effect::kNone;
}

uint32_t BusMaster::Begin() {
  PLATTER_CHECK(armed());
  state_ = State::kMoving;
  return table_;
}

void BusMaster::End(DmaEnd end) {
  if (state_ != State::kMoving && state_ != State::kStopping) return;
  if (end == DmaEnd::kNoMemory) status_ |= kBmStatusError;
  if (state_ == State::kStopping) {
    state_ = State::kStopped;
  } else {
    state_ = end == DmaEnd::kTableLonger ? State::kLeftOver : State::kEnded;
  }
}

void BusMaster::OnDriveReset() { state_ = State::kStopped; }

void BusMaster::Save(state::IdeBusMaster& to) const {
  to.set_state(static_cast<state::IdeBusMaster::State>(state_));
  to.set_to_memory(to_memory_ != 0);
  to.set_status(status_);
  to.set_table(table_);
}

bool BusMaster::Restore(const state::IdeBusMaster& from) {
  constexpr uint32_t kKept = kWriteOneClears | kBmStatusDrivesCapable;
  if (!state::IdeBusMaster::State_IsValid(from.state())) return false;
  if ((from.status() & ~kKept) != 0 || (from.table() & ~kTableMask) != 0) return false;
  state_ = static_cast<State>(from.state());
  to_memory_ = from.to_memory() ? kBmCommandToMemory : 0;
  status_ = static_cast<uint8_t>(from.status());
  table_ = from.table();
  return true;
}

}  // namespace platter
