// SPDX-License-Identifier: Apache-2.0
//
// EventLog: the machine's owner who reads its events: each is told and kept until a step asks.
//
// Ownership: the narrator outlives it. Threading: control context. Errors: none.

#ifndef PLATTER_TESTING_DEMO_EVENT_LOG_H_
#define PLATTER_TESTING_DEMO_EVENT_LOG_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/functional/any_invocable.h"

#include "machine/events.h"
#include "testing/demo/narrator.h"

namespace platter {

// One line, with the field's names: "BLOCK_IO_ERROR device=vdb operation=write ...".
std::string EventText(const MachineEvent& event);

class EventLog final : public MachineEventSink {
 public:
  explicit EventLog(Narrator& narrator) : narrator_(narrator) {}

  void OnMachineEvent(const MachineEvent& event) override;

  // The oldest event when it is an Event, which is taken then. So the order of events counts.
  template <typename Event>
  std::optional<Event> Take() {
    if (events_.empty() || !std::holds_alternative<Event>(events_.front())) return std::nullopt;
    Event event = std::get<Event>(std::move(events_.front()));
    events_.pop_front();
    return event;
  }
  // Events that nobody took; a step that is done leaves none.
  size_t size() const { return events_.size(); }
  std::string FirstText() const { return events_.empty() ? "" : EventText(events_.front()); }

  // Sabotage: events for which `lost` is true never arrive.
  void Lose(absl::AnyInvocable<bool(const MachineEvent&)> lost) { lost_ = std::move(lost); }

 private:
  Narrator& narrator_;
  std::deque<MachineEvent> events_;
  absl::AnyInvocable<bool(const MachineEvent&)> lost_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_EVENT_LOG_H_
