// SPDX-License-Identifier: Apache-2.0
//
// The registers of a drive, and of its channel, in a saved state and back.

#include <utility>

#include "devices/ide/ide_channel.h"
#include "devices/ide/ide_port.h"
#include "devices/ide/ide_state.h"

namespace platter {
namespace {

using state::IdePort_Phase;

constexpr uint8_t kBusyBits = ata::kStatusBsy | ata::kStatusDrq;
constexpr uint8_t kControlBits = ata::kControlHob | ata::kControlSrst | ata::kControlNien;

// The register's bits are kept as they were written: those that mean nothing, too.
bool FitsByte(uint32_t value) { return value <= UINT8_MAX; }

}  // namespace

// Each phase that can be saved, and what it is there.
struct IdePortPhases {
  using Phase = IdePort::Phase;
  static constexpr std::pair<Phase, IdePort_Phase> kTable[] = {
      {Phase::kIdle, state::IdePort::IDLE},
      {Phase::kCommand, state::IdePort::COMMAND},
      {Phase::kWorking, state::IdePort::WORKING},
      {Phase::kData, state::IdePort::DATA},
      {Phase::kDataDone, state::IdePort::DATA_DONE},
      {Phase::kDmaWait, state::IdePort::DMA_WAIT},
      {Phase::kDmaReady, state::IdePort::DMA_READY},
      {Phase::kReset, state::IdePort::RESET},
      {Phase::kResetHeld, state::IdePort::RESET_HELD},
  };
};

void IdePort::Save(std::span<const uint8_t> buffer, state::IdeChannel& channel,
                   state::IdePort& to) const {
  SerialiserLock lock(channel_.serialiser_);
  for (const auto& [phase, saved] : IdePortPhases::kTable) {
    if (phase == phase_) to.set_phase(saved);
  }
  to.set_reset(static_cast<uint32_t>(reset_));
  SaveTaskFile(file_, *to.mutable_registers());
  if (phase_ == Phase::kIdle) to.set_status(status_);
  to.set_error(error_);
  to.set_interrupt(interrupt_);
  to.set_uses_dma(uses_dma_);
  if (phase_ == Phase::kData) {
    const std::span<const uint8_t> left = window_.has_in() ? window_.in() : window_.out();
    state::IdeWindow& window = *to.mutable_window();
    window.set_to_guest(window_.has_in());
    window.set_begin(static_cast<uint32_t>(left.data() - buffer.data()));
    window.set_bytes(static_cast<uint32_t>(left.size()));
  }
  channel_.Save(channel);
}

bool IdePort::CanRestore(const state::IdeChannel& channel, const state::IdePort& from,
                         size_t buffer_bytes, bool moves_dma) const {
  TaskFile file;
  if (!IdeChannel::CanRestore(channel)) return false;
  // A drive is held in reset by SRST, and device 0 by device 1; and the engine moves data for
  // whoever has begun to.
  const bool srst = (channel.control() & ata::kControlSrst) != 0;
  const bool may_wait = unit_ == 0 && channel_.ports_[1]->present();
  if (from.phase() == state::IdePort::RESET_HELD && !srst && !may_wait) return false;
  const auto engine = channel.bus_master().state();
  const bool engine_moves =
      engine == state::IdeBusMaster::MOVING || engine == state::IdeBusMaster::STOPPING;
  const bool for_this = channel.moves_for_second() == (unit_ == 1);
  if (engine_moves && for_this && !moves_dma) return false;
  if (engine_moves && !for_this && !channel_.ports_[1 - unit_]->present()) return false;
  if (moves_dma && !(engine_moves && for_this)) return false;
  if (!state::IdePort::Phase_IsValid(from.phase()) || !RestoreTaskFile(from.registers(), file) ||
      !FitsByte(from.status()) || (from.status() & kBusyBits) != 0 || !FitsByte(from.error()) ||
      from.reset() > static_cast<uint32_t>(IdeReset::kDevice)) {
    return false;
  }
  const bool has_data = from.phase() == state::IdePort::DATA;
  if (has_data != from.has_window()) return false;
  const state::IdeWindow& window = from.window();
  return !has_data || (window.bytes() != 0 && window.begin() <= buffer_bytes &&
                       window.bytes() <= buffer_bytes - window.begin());
}

void IdePort::Restore(const state::IdePort& from, std::span<uint8_t> buffer, Block block,
                      const state::IdeChannel& channel) {
  SerialiserLock lock(channel_.serialiser_);
  for (const auto& [phase, saved] : IdePortPhases::kTable) {
    if (saved == from.phase()) phase_ = phase;
  }
  reset_ = static_cast<IdeReset>(from.reset());
  RestoreTaskFile(from.registers(), file_);
  status_ = phase_ == Phase::kIdle   ? static_cast<uint8_t>(from.status())
            : phase_ == Phase::kData ? ata::kStatusGood | ata::kStatusDrq
                                     : ata::kStatusBsy;
  error_ = static_cast<uint8_t>(from.error());
  interrupt_ = from.interrupt();
  uses_dma_ = from.uses_dma();
  const auto engine = channel.bus_master().state();
  moving_ = (engine == state::IdeBusMaster::MOVING || engine == state::IdeBusMaster::STOPPING) &&
            channel.moves_for_second() == (unit_ == 1);
  block_ = block;
  window_.Close();
  if (phase_ == Phase::kData) {
    const auto left = buffer.subspan(from.window().begin(), from.window().bytes());
    if (from.window().to_guest()) {
      window_.OpenIn(left);
    } else {
      window_.OpenOut(left);
    }
  }
  channel_.Restore(channel);
}

// --- The channel, under its lock. ---

void IdeChannel::Save(state::IdeChannel& to) const {
  to.set_second_selected(selected_ != 0);
  to.set_control(control_);
  to.set_moves_for_second(ports_[1]->moving_);
  engine_.Save(*to.mutable_bus_master());
}

bool IdeChannel::CanRestore(const state::IdeChannel& from) {
  BusMaster engine;
  return (from.control() & ~uint32_t{kControlBits}) == 0 && engine.Restore(from.bus_master());
}

void IdeChannel::Restore(const state::IdeChannel& from) {
  selected_ = from.second_selected() ? 1 : 0;
  control_ = static_cast<uint8_t>(from.control());
  UpdateLine();
  // After the line, whose rise is noted there.
  engine_.Restore(from.bus_master());
}

}  // namespace platter
