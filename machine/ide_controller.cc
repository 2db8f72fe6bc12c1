// SPDX-License-Identifier: Apache-2.0

#include "machine/ide_controller.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "devices/ide/ata_spec.h"
#include "devices/ide/bus_master.h"

namespace platter {
namespace {

// Of device 0.
constexpr std::array<IdeLocation, kIdeChannels> kLocations = {{
    {.command = 0x1f0, .control = 0x3f6, .bus_master = 0xc000, .irq = 14},
    {.command = 0x170, .control = 0x376, .bus_master = 0xc008, .irq = 15},
}};

}  // namespace

class IdeController::Channel {
 public:
  Channel(const Setup& setup, const IdeLocation& at)
      : ports_(setup.ports),
        at_(at),
        channel_({.memory = setup.memory, .line = setup.interrupts.Line(at.irq)}) {}
  ~Channel() {
    for (const uint64_t base : mapped_) ports_.Unmap(base);
  }

  absl::Status Map() {
    PLATTER_RETURN_IF_ERROR(
        MapBlock(at_.command, ata::kCommandBlockBytes, channel_.command_block()));
    PLATTER_RETURN_IF_ERROR(
        MapBlock(at_.control, ata::kControlBlockBytes, channel_.control_block()));
    return MapBlock(at_.bus_master, kBusMasterBytes, channel_.bus_master());
  }

  IdePort& port(unsigned unit) { return channel_.port(unit); }
  bool taken(unsigned unit) const { return taken_[unit]; }
  void set_taken(unsigned unit, bool taken) { taken_[unit] = taken; }
  bool empty() const { return !taken_[0] && !taken_[1]; }
  IdeLocation location(unsigned unit) const {
    IdeLocation at = at_;
    at.unit = static_cast<uint8_t>(unit);
    return at;
  }

 private:
  absl::Status MapBlock(uint64_t base, uint64_t bytes, RegisterBlock& block) {
    PLATTER_RETURN_IF_ERROR(ports_.Map(base, bytes, block));
    mapped_.push_back(base);
    return absl::OkStatus();
  }

  IoSpace& ports_;
  const IdeLocation at_;
  IdeChannel channel_;
  std::array<bool, IdeChannel::kUnits> taken_{};
  std::vector<uint64_t> mapped_;
};

class IdeController::Place final : public DevicePlace {
 public:
  Place(std::unique_ptr<Channel>& channel, unsigned unit) : channel_(channel), unit_(unit) {
    channel_->set_taken(unit_, true);
  }
  ~Place() override {
    channel_->set_taken(unit_, false);
    if (channel_->empty()) channel_.reset();
  }
  // The channel answers for a place without a drive as a bus does.
  void TakeAway() override {}
  DeviceLocation location() const override { return channel_->location(unit_); }

 private:
  std::unique_ptr<Channel>& channel_;
  const unsigned unit_;
};

IdeController::IdeController() = default;
IdeController::~IdeController() = default;

absl::StatusOr<IdeController::Taken> IdeController::Take(const Setup& setup, const Wish& wish) {
  const auto taken = [this](unsigned channel, unsigned unit) {
    return channels_[channel] != nullptr && channels_[channel]->taken(unit);
  };
  for (unsigned channel = 0; channel < kIdeChannels; ++channel) {
    if (channel != wish.channel.value_or(channel)) continue;
    for (unsigned unit = 0; unit < IdeChannel::kUnits; ++unit) {
      if (unit != wish.unit.value_or(unit) || taken(channel, unit)) continue;
      std::unique_ptr<Channel>& there = channels_[channel];
      if (there == nullptr) {
        auto made = std::make_unique<Channel>(setup, kLocations[channel]);
        PLATTER_RETURN_IF_ERROR(made->Map());
        there = std::move(made);
      }
      return Taken{.place = std::make_unique<Place>(there, unit), .port = &there->port(unit)};
    }
  }
  return ErrorWithErrno(wish.channel || wish.unit ? EBUSY : ENOSPC, WhyTaken(wish));
}

std::string IdeController::WhyTaken(const Wish& wish) {
  if (wish.channel && wish.unit) {
    return absl::StrCat("bus 'ide.", *wish.channel, "', unit ", *wish.unit, " has a drive already");
  }
  if (wish.channel) return absl::StrCat("bus 'ide.", *wish.channel, "' has two drives already");
  if (wish.unit) return absl::StrCat("each IDE bus has a drive as unit ", *wish.unit, " already");
  return absl::StrCat("the ", kIdeChannels * IdeChannel::kUnits,
                      " places for IDE drives of the machine are taken");
}

}  // namespace platter
