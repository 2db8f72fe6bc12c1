// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/qemu_machine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "base/status.h"

namespace platter {
namespace {

using nlohmann::json;
using std::chrono_literals::operator""s;

constexpr Duration kPatience = 30s;
constexpr size_t kRomBytes = 64 * 1024;
// Of the machine's 64 MiB.
constexpr QtestBus::Ram kRam = {.address = 1 << 20, .bytes = 48 << 20};

// The processor starts 16 bytes before the end of the ROM: interrupts off, halt, and again.
absl::Status WriteRom(const std::string& path) {
  constexpr std::array<char, 4> kHalt = {'\xfa', '\xf4', '\xeb', '\xfd'};  // cli; hlt; jmp to hlt
  std::string rom(kRomBytes, '\0');
  std::copy(kHalt.begin(), kHalt.end(), rom.end() - 16);
  std::ofstream file(path, std::ios::binary);
  file << rom;
  file.close();
  return file ? absl::OkStatus() : ErrnoError(EIO, "cannot write " + path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<QemuMachine>> QemuMachine::Start(
    const std::vector<std::string>& arguments) {
  std::unique_ptr<QemuMachine> machine(new QemuMachine());
  // Socket paths are short: /tmp, whatever the folder of the test is.
  std::string folder = "/tmp/platter-qemu.XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return ErrnoError(errno, folder);
  machine->folder_ = folder;
  PLATTER_RETURN_IF_ERROR(WriteRom(folder + "/rom"));
  if (absl::Status connected = machine->Connect(arguments); !connected.ok()) {
    return Annotate(connected, absl::StrCat("qemu: ", machine->process_->Finish()));
  }
  return machine;
}

absl::Status QemuMachine::Connect(const std::vector<std::string>& arguments) {
  qtest_ = std::make_unique<LineSocket>(folder_ + "/qtest");
  qmp_ = std::make_unique<LineSocket>(folder_ + "/qmp");
  std::vector<std::string> words = {kQemuSystem,  "-machine",
                                    "pc",         "-accel",
                                    "tcg",        "-m",
                                    "64",         "-nodefaults",
                                    "-display",   "none",
                                    "-bios",      folder_ + "/rom",
                                    "-qtest",     "unix:" + folder_ + "/qtest",
                                    "-qtest-log", "none",
                                    "-qmp",       "unix:" + folder_ + "/qmp"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  process_ = std::make_unique<PeerProcess>(std::move(words));
  PLATTER_RETURN_IF_ERROR(qtest_->Accept(kPatience));
  PLATTER_RETURN_IF_ERROR(qmp_->Accept(kPatience));
  // QEMU greets, and wants to be greeted.
  const absl::StatusOr<std::string> greeting = qmp_->Read(kPatience);
  if (!greeting.ok()) return greeting.status();
  if (const auto ready = Qmp(R"({"execute": "qmp_capabilities"})"); !ready.ok()) {
    return ready.status();
  }
  bus_ = std::make_unique<QtestBus>(*qtest_, kRam, "ioapic");
  return bus_->health();
}

QemuMachine::~QemuMachine() {
  bus_.reset();
  process_.reset();
  qmp_.reset();
  qtest_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::StatusOr<std::string> QemuMachine::Qmp(std::string_view command) {
  PLATTER_RETURN_IF_ERROR(qmp_->Send(command));
  for (;;) {
    absl::StatusOr<std::string> line = qmp_->Read(kPatience);
    if (!line.ok()) return line.status();
    const json message = json::parse(*line, nullptr, /*allow_exceptions=*/false);
    if (message.contains("return")) return message["return"].dump();
    if (message.contains("error")) {
      return absl::FailedPreconditionError(message["error"].value("desc", ""));
    }
    events_.push_back(*std::move(line));
  }
}

absl::StatusOr<std::optional<std::string>> QemuMachine::NextEvent(std::string_view name,
                                                                  Duration timeout) {
  for (;;) {
    for (auto line = events_.begin(); line != events_.end(); ++line) {
      const json message = json::parse(*line, nullptr, /*allow_exceptions=*/false);
      if (message.value("event", "") != name) continue;
      events_.erase(line);
      return message.value("data", json::object()).dump();
    }
    absl::StatusOr<std::optional<std::string>> line = qmp_->Poll(timeout);
    if (!line.ok()) return line.status();
    if (!line->has_value()) return std::optional<std::string>();
    events_.push_back(**std::move(line));
  }
}

}  // namespace platter
