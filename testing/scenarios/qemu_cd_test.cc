// SPDX-License-Identifier: Apache-2.0
//
// One session with QEMU's ide-cd and with ours, by the same guest driver: where they differ is what
// docs/differences.md says, no more and no less.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

#include "aio/create.h"
#include "aio/task.h"
#include "base/log.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "machine/machine.h"
#include "testing/guest/in_process_bus.h"
#include "testing/peers/qemu_machine.h"
#include "testing/scenarios/cd_session.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;

constexpr uint64_t kBlockBytes = 2048;

std::string MakeDisc(const std::string& name, uint64_t blocks) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/" + name;
  std::ofstream file(path, std::ios::binary);
  std::string block(kBlockBytes, '.');
  name.copy(block.data(), name.size());
  for (uint64_t i = 0; i < blocks; ++i) file << block;
  return path;
}

std::string Outcome(const absl::Status& status) {
  return status.ok() ? "done" : "refused: " + std::string(status.message());
}

class QemuHost final : public CdHost {
 public:
  explicit QemuHost(QemuMachine& machine) : machine_(machine) {}

  std::string Eject() override { return Do("eject", ""); }
  std::string OpenTray() override { return Do("blockdev-open-tray", ""); }
  std::string CloseTray() override { return Do("blockdev-close-tray", ""); }
  std::string RemoveMedium() override { return Do("blockdev-remove-medium", ""); }
  std::string InsertMedium() override {
    return Do("blockdev-insert-medium", R"(, "node-name": "disc-b")");
  }
  std::vector<std::string> TrayMoves() override {
    std::vector<std::string> moves;
    for (;;) {
      // QEMU sends an event before the answer to the command that caused it.
      const auto event = machine_.NextEvent("DEVICE_TRAY_MOVED", 0ms);
      if (!event.ok() || !event->has_value()) return moves;
      const bool open = (*event)->find("\"tray-open\":true") != std::string::npos;
      moves.emplace_back(open ? "opened" : "closed");
    }
  }

 private:
  std::string Do(std::string_view command, std::string_view more) {
    return Outcome(
        machine_
            .Qmp(absl::StrCat(R"({"execute": ")", std::string(command),
                              R"(", "arguments": {"id": "cd0")", std::string(more), "}}"))
            .status());
  }

  QemuMachine& machine_;
};

// A machine of ours with the same drive, and its host.
class OurMachine final : public CdHost, private InterruptController, private MachineEventSink {
 public:
  OurMachine() {
    MachineHost host;
    host.control = control_.get();
    host.log = &log_;
    host.events = this;
    host.interrupts = this;
    host.memory = bus_.memory();
    host.mmio = &bus_.mmio();
    host.ports = &bus_.ports();
    machine_ = std::make_unique<Machine>(std::move(host));
  }
  ~OurMachine() { BlockOn(*control_, machine_->Shutdown()); }

  absl::Status Build(const std::string& disc_a, const std::string& disc_b) {
    PLATTER_RETURN_IF_ERROR(AddDisc("disc-a", disc_a));
    PLATTER_RETURN_IF_ERROR(AddDisc("disc-b", disc_b));
    const auto drive = ParseDevice("ide-cd,id=cd0,drive=disc-a,bus=ide.0,unit=0");
    if (!drive.ok()) return drive.status();
    PLATTER_RETURN_IF_ERROR(BlockOn(*control_, machine_->DeviceAdd(*drive)));
    backend_ = machine_->BackendOfDevice("cd0");
    return absl::OkStatus();
  }
  InProcessBus& bus() { return bus_; }

  std::string Eject() override { return Do(backend_->Eject(Force::kNo)); }
  std::string OpenTray() override { return DoTray(backend_->OpenTray(Force::kNo)); }
  std::string CloseTray() override { return DoTray(backend_->CloseTray()); }
  std::string RemoveMedium() override { return Do(backend_->RemoveMedium()); }
  std::string InsertMedium() override {
    return Do(backend_->InsertMedium(machine_->graph().Find("disc-b")));
  }
  std::vector<std::string> TrayMoves() override { return std::exchange(moves_, {}); }

 private:
  absl::Status AddDisc(const std::string& name, const std::string& path) {
    const auto node = ParseBlockdev(
        absl::StrCat("driver=file,read-only=on,node-name=", name, ",filename=", path));
    if (!node.ok()) return node.status();
    return BlockOn(*control_, machine_->BlockdevAdd(*node));
  }
  std::string Do(Task<absl::Status> task) { return Outcome(BlockOn(*control_, std::move(task))); }
  std::string DoTray(Task<absl::StatusOr<TrayResult>> task) {
    return Outcome(BlockOn(*control_, std::move(task)).status());
  }
  InterruptLine& Line(uint32_t number) override { return bus_.Line(number); }
  void OnMachineEvent(const MachineEvent& event) override {
    const auto* moved = std::get_if<TrayMovedEvent>(&event);
    if (moved != nullptr) moves_.emplace_back(moved->tray_open ? "opened" : "closed");
  }

  StderrLog log_;
  std::unique_ptr<AioContext> control_ = *CreateAioContext({.kind = AioKind::kThreads});
  InProcessBus bus_{*control_, InProcessBus::Options{}};
  std::unique_ptr<Machine> machine_;
  BlockBackendRef backend_;
  std::vector<std::string> moves_;
};

// The rows of the table in docs/differences.md: step to what QEMU and Platter say.
using Differences = std::map<std::string, std::pair<std::string, std::string>>;

Differences Documented() {
  std::ifstream file("docs/differences.md");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Differences rows;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (!line.starts_with("| ") || cells.size() != 4) continue;
    rows[cells[0].substr(2)] = {cells[1], cells[2]};
  }
  rows.erase("step");
  return rows;
}

Differences Compare(const std::vector<CdStep>& qemu, const std::vector<CdStep>& ours) {
  Differences differences;
  EXPECT_EQ(qemu.size(), ours.size());
  for (size_t i = 0; i < qemu.size() && i < ours.size(); ++i) {
    EXPECT_EQ(qemu[i].step, ours[i].step);
    if (qemu[i].outcome == ours[i].outcome) continue;
    EXPECT_FALSE(differences.contains(qemu[i].step)) << "two steps: " << qemu[i].step;
    differences[qemu[i].step] = {qemu[i].outcome, ours[i].outcome};
  }
  return differences;
}

TEST(QemuCdTest, DifferencesAreThoseThatAreExplained) {
  if (const std::string why = WhyNoPeer({kQemuSystem}); !why.empty()) GTEST_SKIP() << why;
  const std::string disc_a = MakeDisc("disc A", 100);
  const std::string disc_b = MakeDisc("disc B", 200);
  const IdeDriver::Place place = {};

  auto qemu = QemuMachine::Start(
      {"-blockdev", "driver=file,read-only=on,node-name=disc-a,filename=" + disc_a, "-blockdev",
       "driver=file,read-only=on,node-name=disc-b,filename=" + disc_b, "-device",
       "ide-cd,id=cd0,drive=disc-a,bus=ide.0,unit=0"});
  ASSERT_TRUE(qemu.ok()) << qemu.status();
  QemuHost qemu_host(**qemu);
  const std::vector<CdStep> theirs = PlayCdSession((*qemu)->bus(), place, qemu_host);
  ASSERT_TRUE((*qemu)->bus().health().ok()) << (*qemu)->bus().health();

  OurMachine machine;
  ASSERT_EQ(MessageOf(machine.Build(disc_a, disc_b)), "");
  const std::vector<CdStep> ours = PlayCdSession(machine.bus(), place, machine);

  for (size_t i = 0; i < ours.size(); ++i) {
    std::printf("%-45s %s\n", ours[i].step.c_str(), ours[i].outcome.c_str());
  }
  const Differences seen = Compare(theirs, ours);
  const Differences documented = Documented();
  for (const auto& [step, outcomes] : seen) {
    const auto row = documented.find(step);
    EXPECT_TRUE(row != documented.end() && row->second == outcomes)
        << "not in docs/differences.md: | " << step << " | " << outcomes.first << " | "
        << outcomes.second << " | why |";
  }
  for (const auto& [step, outcomes] : documented) {
    EXPECT_TRUE(seen.contains(step)) << "docs/differences.md explains what is not: " << step;
  }
}

}  // namespace
}  // namespace platter
