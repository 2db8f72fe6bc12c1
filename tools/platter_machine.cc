// SPDX-License-Identifier: Apache-2.0
//
// platter-machine: a machine with its monitor on a socket, for people and programs to talk QMP to.
// testing/qmp does the work; here are flags and output.

#include <getopt.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/log.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "testing/qmp/served_machine.h"
#include "tools/options.h"
#include "tools/process.h"

namespace platter {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kHelp[] =
    R"(usage: platter-machine --qmp unix:PATH [option...]

  A virtual machine without processors: devices, their drives, and a monitor that speaks QMP.

  --qmp unix:PATH[,server=on][,wait=off]   where the monitor listens
  --config FILE        a machine in protobuf's text form, or in JSON
  --object OPTIONS     an I/O thread, key=value or JSON; 'help' tells more
  --blockdev OPTIONS   a block node; 'driver=help' tells more
  --device OPTIONS     a device; 'help' tells more
  --guest              a simulated guest uses the ide-cd drives: it locks their trays, and
                       unlocks and opens one when the host asks for the disc
  -S                   the machine is stopped at first
  --incoming defer     so, too, and the images are another process's until 'cont': no locks,
                       no writes
  --aio KIND           threads (default) or io_uring
  --help

  example: platter-machine --qmp unix:/tmp/qmp --guest
             --blockdev driver=file,node-name=disc,read-only=on,filename=disc.iso
             --device ide-cd,id=cd0,drive=disc
           socat - UNIX-CONNECT:/tmp/qmp
)";

struct Flags {
  config::MachineConfig config;
  ServedMachineOptions served;
  bool help = false;
};

absl::Status Bad(std::string_view option, const std::string& value, std::string_view wanted) {
  return ErrorWithErrno(EINVAL, absl::StrCat(std::string(option), ": ", Quote(value), " is not ",
                                             std::string(wanted)));
}

// As --qmp of the field: an address, and whether to listen there.
absl::Status SetSocket(const std::string& value, ServedMachineOptions& served) {
  const std::vector<std::string> words = absl::StrSplit(value, ',');
  constexpr std::string_view kUnix = "unix:";
  if (!words[0].starts_with(kUnix)) return Bad("--qmp", value, "unix:PATH");
  served.socket = words[0].substr(kUnix.size());
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] != "server=on" && words[i] != "wait=off" && words[i] != "server" &&
        words[i] != "nowait") {
      return Bad("--qmp", words[i], "server=on or wait=off: nothing else is done here");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadConfig(const std::string& path, config::MachineConfig& config) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoError(errno, absl::StrCat("--config ", QuoteWhole(path)));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  absl::StatusOr<config::MachineConfig> parsed = ParseMachineText(text);
  if (!parsed.ok()) return Annotate(parsed.status(), absl::StrCat("--config ", QuoteWhole(path)));
  config.MergeFrom(*parsed);
  return absl::OkStatus();
}

template <typename Options>
absl::Status Append(absl::StatusOr<Options> parsed, Options* (config::MachineConfig::*add)(),
                    config::MachineConfig& config) {
  if (!parsed.ok()) return parsed.status();
  *(config.*add)() = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status SetOption(std::string_view option, const std::string& value, Flags& flags) {
  config::MachineConfig& config = flags.config;
  if (option == "qmp") return SetSocket(value, flags.served);
  if (option == "config") return ReadConfig(value, config);
  if (option == "object") {
    return Append(ParseObject(value), &config::MachineConfig::add_objects, config);
  }
  if (option == "blockdev") {
    return Append(ParseBlockdev(value), &config::MachineConfig::add_blockdevs, config);
  }
  if (option == "device") {
    return Append(ParseDevice(value), &config::MachineConfig::add_devices, config);
  }
  if (option == "S" && flags.served.start == ServedMachineOptions::Start::kRunning) {
    flags.served.start = ServedMachineOptions::Start::kStopped;
  }
  if (option == "guest") flags.served.guest = ServedMachineOptions::Guest::kUsesDiscs;
  if (option == "help") flags.help = true;
  if (option == "incoming") {
    if (value != "defer") return Bad("--incoming", value, "defer");
    flags.served.start = ServedMachineOptions::Start::kIncoming;
  }
  if (option == "aio") {
    if (value != "threads" && value != "io_uring")
      return Bad("--aio", value, "threads or io_uring");
    flags.served.aio = value == "threads" ? AioKind::kThreads : AioKind::kUring;
  }
  return absl::OkStatus();
}

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"qmp", required_argument, nullptr, 0},      {"config", required_argument, nullptr, 0},
      {"object", required_argument, nullptr, 0},   {"blockdev", required_argument, nullptr, 0},
      {"device", required_argument, nullptr, 0},   {"aio", required_argument, nullptr, 0},
      {"incoming", required_argument, nullptr, 0}, {"guest", no_argument, nullptr, 0},
      {"help", no_argument, nullptr, 0},           {nullptr, 0, nullptr, 0},
  };
  Flags flags;
  PLATTER_RETURN_IF_ERROR(ForEachOption(argc, argv, kOptions, "S",
                                        [&flags](std::string_view name, const std::string& value) {
                                          return SetOption(name, value, flags);
                                        }));
  if (!flags.help && flags.served.socket.empty()) {
    return ErrorWithErrno(EINVAL, "--qmp: missing; see --help");
  }
  return flags;
}

int Fail(const absl::Status& status, int code) { return Report("platter-machine", status, code); }

volatile std::sig_atomic_t terminated = 0;

// As `quit`, without the event. The loop looks at it as often as a guest would at its drives.
void OnSignal(int /*signal*/) { terminated = 1; }

int Run(const Flags& flags) {
  StderrLog log;
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  auto served = ServedMachine::Create(flags.config, flags.served, log);
  if (!served.ok()) return Fail(served.status(), kExitFailed);
  std::cout << "QMP: " << flags.served.socket << std::endl;  // Flushed: scripts wait for it.
  (*served)->Run([] { return terminated != 0; },
                 [](std::string_view what) { std::cout << "guest: " << what << std::endl; });
  served->reset();
  return 0;
}

int Main(int argc, char** argv) {
  if (absl::Status entered = EnterUsersFolder(); !entered.ok()) return Fail(entered, kExitFailed);
  absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), kExitUsage);
  if (flags->help) {
    std::cout << kHelp;
    return 0;
  }
  return Run(*flags);
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  platter::PrepareProcess();
  return platter::FinishProcess("platter-machine", platter::Main(argc, argv));
}
