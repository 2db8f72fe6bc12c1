// SPDX-License-Identifier: Apache-2.0
//
// platter-storage-daemon: block nodes of this host as drives for the guests of other processes.
// daemon/ does the work; here are flags and output.

#include <getopt.h>

#include <cerrno>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/quote.h"
#include "base/status.h"
#include "capi/platter.h"
#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"
#include "daemon/daemonize.h"
#include "daemon/inherited_sockets.h"
#include "daemon/pid_file.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/storage_daemon.h"
#include "tools/options.h"
#include "tools/process.h"

namespace platter {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kHelp[] =
    R"(usage: platter-storage-daemon [option...]

  Block nodes of this host as drives for the guests of other processes, and a monitor.

  --blockdev OPTIONS   a block node; 'driver=help' tells more
  --object OPTIONS     an I/O thread or a throttle group; 'help' tells more
  --export [type=]vhost-user-blk,id=ID,node-name=NODE,addr.type=unix,addr.path=SOCKET
           [,writable=on|off][,writethrough=on|off][,iothread=ID]
           [,num-queues=N][,logical-block-size=BYTES]
                       a drive at a socket; 'vhost-user-blk,help' tells more
  --export [type=]vhost-user-scsi,id=ID,addr.type=unix,addr.path=SOCKET
           ,luns.0.kind=disk,luns.0.node-name=NODE[,luns.0.writable=on|off]
           ,luns.1.kind=cd[,luns.1.node-name=NODE][,luns.1.serial=TEXT]...
           [,iothread=ID][,num-queues=N]
                       disks and CD-ROM drives of one SCSI adapter at a socket; a cd may be empty
                       at first; 'vhost-user-scsi,help' tells more
           ...,addr.type=fd,addr.str=N: at a socket that this process has inherited, by its number,
                       or by its name in LISTEN_FDNAMES (systemd's FileDescriptorName)
  --chardev socket,id=ID,path=SOCKET,server=on,wait=off
                       where a monitor listens; fd=N instead of path as addr.str above
  --monitor [chardev=]ID[,mode=control]
                       a monitor that speaks QMP there
  --pidfile PATH       has the process's id while it runs; locked, written when all is ready
  --sandbox on|off     this process can do nothing but its work from then on (off): of files only
                       those that the options name, no network, no other program; no --object that
                       is added later gets a ring of io_uring
  --sandbox-read PATH, --sandbox-write PATH
                       a file or a folder that a monitor may use besides
  --daemonize          go on in the background; returns when all is ready, and fails when that
                       cannot be
  --aio KIND           threads (default) or io_uring
  -h, --help
  -V, --version

  All options but --aio, --pidfile, --sandbox and --daemonize may be given more than once. SIGTERM ends it, and
  everything is written then.

  example: platter-storage-daemon --blockdev driver=file,node-name=d,filename=disk.img
             --export vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=e.sock,writable=on
)";

struct Flags {
  config::StorageDaemonConfig config;
  StorageDaemonOptions options;
  std::string pid_file;
  bool daemonize = false;
  bool sandbox = false;
  SandboxOptions allowed;
  bool help = false;
  bool version = false;
};

template <typename Options>
absl::Status Append(absl::StatusOr<Options> parsed, Options* (config::StorageDaemonConfig::*add)(),
                    Flags& flags) {
  if (!parsed.ok()) return parsed.status();
  *(flags.config.*add)() = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status SetAio(const std::string& value, Flags& flags) {
  if (value != "threads" && value != "io_uring") {
    return ErrorWithErrno(EINVAL, absl::StrCat("--aio: ", Quote(value),
                                               " is not threads or "
                                               "io_uring"));
  }
  flags.options.aio = value == "threads" ? AioKind::kThreads : AioKind::kUring;
  return absl::OkStatus();
}

absl::Status SetSandbox(std::string_view option, const std::string& value, Flags& flags) {
  if (option == "sandbox") {
    flags.sandbox = value == "on";
    if (value == "on" || value == "off") return absl::OkStatus();
    return ErrorWithErrno(EINVAL, absl::StrCat("--sandbox: ", Quote(value), " is not on or off"));
  }
  if (value.empty()) {
    return ErrorWithErrno(EINVAL, absl::StrCat("--", std::string(option), ": needs a path"));
  }
  (option == "sandbox-read" ? flags.allowed.readable : flags.allowed.writable).push_back(value);
  return absl::OkStatus();
}

absl::Status SetOption(std::string_view option, const std::string& value, Flags& flags) {
  using Config = config::StorageDaemonConfig;
  if (option == "object") return Append(ParseObject(value), &Config::add_objects, flags);
  if (option == "blockdev") return Append(ParseBlockdev(value), &Config::add_blockdevs, flags);
  if (option == "export") return Append(ParseExport(value), &Config::add_exports, flags);
  if (option == "chardev") return Append(ParseChardev(value), &Config::add_chardevs, flags);
  if (option == "monitor") return Append(ParseMonitor(value), &Config::add_monitors, flags);
  if (option == "aio") return SetAio(value, flags);
  if (option.starts_with("sandbox")) return SetSandbox(option, value, flags);
  if (option == "pidfile") {
    if (value.empty()) return ErrorWithErrno(EINVAL, "--pidfile: needs a path");
    flags.pid_file = value;
  }
  if (option == "daemonize") flags.daemonize = true;
  if (option == "help") flags.help = true;
  if (option == "version") flags.version = true;
  return absl::OkStatus();
}

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"object", required_argument, nullptr, 0},
      {"blockdev", required_argument, nullptr, 0},
      {"export", required_argument, nullptr, 0},
      {"chardev", required_argument, nullptr, 0},
      {"monitor", required_argument, nullptr, 0},
      {"pidfile", required_argument, nullptr, 0},
      {"aio", required_argument, nullptr, 0},
      {"sandbox", required_argument, nullptr, 0},
      {"sandbox-read", required_argument, nullptr, 0},
      {"sandbox-write", required_argument, nullptr, 0},
      {"daemonize", no_argument, nullptr, 0},
      {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, 'V'},
      {nullptr, 0, nullptr, 0},
  };
  Flags flags;
  PLATTER_RETURN_IF_ERROR(ForEachOption(argc, argv, kOptions, "hV",
                                        [&flags](std::string_view name, const std::string& value) {
                                          return SetOption(name, value, flags);
                                        }));
  return flags;
}

int Fail(const absl::Status& status, int code) {
  return Report("platter-storage-daemon", status, code);
}

int Run(const Flags& flags) {
  std::optional<Daemonize> background;
  if (flags.daemonize) {
    absl::StatusOr<Daemonize> begun = Daemonize::Begin();
    if (!begun.ok()) return Fail(begun.status(), kExitFailed);
    background.emplace(*std::move(begun));
  }
  StderrLog log;
  // Goes last: who waits for that may start another daemon.
  std::optional<PidFile> pid_file;
  if (!flags.pid_file.empty()) {
    absl::StatusOr<PidFile> made = PidFile::Create(flags.pid_file);
    if (!made.ok()) return Fail(Annotate(made.status(), "--pidfile"), kExitFailed);
    pid_file.emplace(*std::move(made));
  }
  if (flags.sandbox) {
    SandboxOptions allowed = flags.allowed;
    allowed.pid_file = flags.pid_file;
    const absl::Status closed = CloseFiles(flags.config, allowed);
    if (!closed.ok()) return Fail(closed, kExitFailed);
  }
  auto daemon = StorageDaemon::Create(flags.config, flags.options, log);
  if (!daemon.ok()) return Fail(daemon.status(), kExitFailed);
  if (pid_file.has_value()) {
    const absl::Status written = pid_file->Write();
    if (!written.ok()) return Fail(Annotate(written, "--pidfile"), kExitFailed);
  }
  if (background.has_value()) {
    const absl::Status ready = background->Ready();
    if (!ready.ok()) return Fail(Annotate(ready, "--daemonize"), kExitFailed);
  }
  if (flags.sandbox) {
    const absl::Status closed = CloseSystemCalls(flags.options.aio);
    if (!closed.ok()) return Fail(closed, kExitFailed);
  }
  (*daemon)->Run();
  return 0;
}

int Main(int argc, char** argv) {
  if (absl::Status entered = EnterUsersFolder(); !entered.ok()) return Fail(entered, kExitFailed);
  // Before the process forks: they are meant for this one.
  absl::StatusOr<InheritedSockets> sockets = InheritedSockets::FromEnvironment();
  if (!sockets.ok()) return Fail(sockets.status(), kExitFailed);
  absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), kExitUsage);
  flags->options.sockets = *std::move(sockets);
  if (flags->help) {
    std::cout << kHelp;
    return 0;
  }
  if (flags->version) {
    std::cout << "platter-storage-daemon " << PLATTER_VERSION_MAJOR << '.' << PLATTER_VERSION_MINOR
              << '.' << PLATTER_VERSION_PATCH << '\n';
    return 0;
  }
  return Run(*flags);
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  platter::PrepareProcess();
  return platter::FinishProcess("platter-storage-daemon", platter::Main(argc, argv));
}
