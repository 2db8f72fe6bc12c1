// SPDX-License-Identifier: Apache-2.0
//
// The part of Machine that changes media and sizes by the names of nodes.

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "drivers/edge.h"
#include "drivers/factory/open_node.h"
#include "drivers/write_watch.h"
#include "machine/machine.h"
#include "machine/medium_wait.h"

namespace platter {

Task<absl::Status> Machine::InsertMedium(BlockBackendRef backend, std::string node_name) {
  absl::StatusOr<NodeRef> node = graph_.Lookup(node_name);
  if (!node.ok()) co_return node.status();
  co_return co_await backend->InsertMedium(*std::move(node));
}

// A change that may wait: Shutdown waits for its end.
class Machine::PatientChange {
 public:
  explicit PatientChange(Machine& machine) : machine_(machine) { ++machine_.patient_changes_; }
  ~PatientChange() {
    --machine_.patient_changes_;
    machine_.patient_change_ended_.Set();
    machine_.patient_change_ended_.Reset();
  }
  PatientChange(const PatientChange&) = delete;
  PatientChange& operator=(const PatientChange&) = delete;

 private:
  Machine& machine_;
};

Task<absl::Status> Machine::ChangeMedium(BlockBackendRef backend,
                                         const config::BlockdevOptions& medium, Force force,
                                         MediumPatience patience) {
  // The first to be made and the last to go: the node and the drive are let go of before.
  const PatientChange change(*this);
  config::BlockdevOptions complete = medium;
  // Options of a node of its own are complete with a name; without one nobody but the drive keeps
  // the node.
  complete.set_node_name("medium");
  if (absl::Status checked = CompleteBlockdev(complete); !checked.ok()) co_return checked;
  complete.clear_node_name();
  const BlockBackendRef drive = std::move(backend);
  absl::StatusOr<NodeRef> node = co_await OpenNode(graph_, std::move(complete));
  if (!node.ok()) co_return node.status();
  const Instant deadline = control().Now() + patience.wait.value_or(Duration{0});
  for (;;) {
    absl::Status changed = co_await drive->ChangeMedium(*node, force);
    if (!IsMediumLocked(changed) || control().Now() >= deadline) co_return changed;
    absl::Status let_go = co_await AwaitGuest(drive, deadline, patience);
    if (!let_go.ok()) co_return let_go;
  }
}

Task<absl::Status> Machine::AwaitGuest(BlockBackendRef drive, Instant deadline,
                                       MediumPatience& patience) {
  const std::string device = drive->attached_device().value_or("");
  const auto aborted = [&device](std::string_view why) {
    return ErrorWithErrno(ECANCELED, absl::StrCat("the guest of device '", device,
                                                  "' was waited for to let go of "
                                                  "its medium: ",
                                                  std::string(why)));
  };
  if (shutting_down_) co_return aborted("the machine shuts down");
  for (const MediumWait* const other : medium_waits_) {
    if (&other->drive() == drive.get()) co_return aborted("another change waits for it already");
  }
  MediumWait wait(control(), *drive, deadline);
  medium_waits_.push_back(&wait);
  if (patience.begins) patience.begins();
  const MediumWait::Outcome outcome = co_await wait.Wait();
  std::erase(medium_waits_, &wait);
  if (patience.ended) co_await patience.ended();
  switch (outcome) {
    case MediumWait::Outcome::kLetGo:
      break;
    case MediumWait::Outcome::kTimeout:
      co_return ErrorWithErrno(EBUSY, absl::StrCat("device '", device,
                                                   "' is locked: eject requested from the guest, "
                                                   "which has not opened the tray in time"));
    case MediumWait::Outcome::kOtherMedium:
      co_return aborted("its medium was changed meanwhile");
    case MediumWait::Outcome::kDeviceGone:
      co_return aborted("the device has gone");
    case MediumWait::Outcome::kCancelled:
      co_return aborted("nobody waits any more");
  }
  co_return absl::OkStatus();
}

void Machine::CancelMediumWaits() {
  for (MediumWait* const wait : medium_waits_) wait->Cancel();
}

Task<absl::Status> Machine::SetWriteThreshold(std::string node_name, uint64_t threshold) {
  absl::StatusOr<NodeRef> found = graph_.Lookup(node_name);
  if (!found.ok()) co_return found.status();
  NodeRef node = *std::move(found);
  const DrainedSection drained = co_await DrainedSection::Begin(*node);
  std::unique_ptr<WriteWatch> watch;
  if (threshold > 0) {
    watch = std::make_unique<WriteWatch>(
        control(), threshold, [this, name = node_name, threshold](uint64_t amount) {
          Emit(WriteThresholdEvent{
              .node_name = name, .write_threshold = threshold, .amount_exceeded = amount});
        });
  }
  node->set_write_watch(std::move(watch));
  node.reset();  // Perhaps the last: within the section.
  co_return absl::OkStatus();
}

Task<absl::Status> Machine::ResizeNode(std::string node_name, uint64_t new_length) {
  absl::StatusOr<NodeRef> found = graph_.Lookup(node_name);
  if (!found.ok()) co_return found.status();
  NodeRef node = *std::move(found);
  for (const BlockBackendRef& backend : backends_.All()) {
    if (backend->root() == node) co_return co_await backend->Resize(new_length);
  }
  absl::StatusOr<BlockBackendRef> backend = backends_.Create("", BackendOptions{});
  if (!backend.ok()) co_return backend.status();
  if (absl::Status inserted = co_await (*backend)->InsertRoot(std::move(node)); !inserted.ok()) {
    co_return inserted;
  }
  const absl::Status resized = co_await (*backend)->Resize(new_length);
  if (absl::Status removed = co_await (*backend)->RemoveRoot(); !removed.ok()) co_return removed;
  co_return resized;
}

}  // namespace platter
