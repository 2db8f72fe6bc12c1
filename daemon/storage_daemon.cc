// SPDX-License-Identifier: Apache-2.0

#include "daemon/storage_daemon.h"

#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/await.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

std::string Option(std::string_view name, std::string_view id) {
  return absl::StrCat(std::string(name), " ", Quote(id));
}

// What of a chardev can be here.
absl::Status CheckChardev(const config::ChardevOptions& chardev) {
  if (!chardev.socket().server()) {
    return ErrorWithErrno(ENOTSUP, "server=off is not supported: say server=on");
  }
  if (chardev.socket().wait()) {
    return ErrorWithErrno(ENOTSUP, "wait=on is not supported: say wait=off");
  }
  return absl::OkStatus();
}

// Each chardev that no monitor has yet.
using Sockets = std::map<std::string, config::SocketChardevOptions>;

// In messages, and to tell two apart.
std::string NameOf(const config::SocketChardevOptions& socket) {
  return socket.has_fd() ? absl::StrCat("socket fd=", Quote(socket.fd()))
                         : absl::StrCat("socket ", QuoteWhole(socket.path()));
}

absl::StatusOr<Sockets> SocketsOf(const config::StorageDaemonConfig& config) {
  Sockets sockets;
  for (const config::ChardevOptions& chardev : config.chardevs()) {
    const std::string option = Option("--chardev", chardev.id());
    if (absl::Status wrong = CheckChardev(chardev); !wrong.ok()) return Annotate(wrong, option);
    if (!sockets.emplace(chardev.id(), chardev.socket()).second) {
      return ErrorWithErrno(EEXIST, absl::StrCat(option, ": there is one of that id already"));
    }
  }
  return sockets;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StorageDaemon>> StorageDaemon::Create(
    const config::StorageDaemonConfig& config, const StorageDaemonOptions& options, LogSink& log) {
  std::unique_ptr<StorageDaemon> daemon(new StorageDaemon(log));
  if (absl::Status built = daemon->Build(config, options); !built.ok()) return built;
  return daemon;
}

absl::Status StorageDaemon::Build(const config::StorageDaemonConfig& config,
                                  const StorageDaemonOptions& options) {
  absl::StatusOr<std::unique_ptr<AioContext>> control =
      CreateAioContext({.kind = options.aio, .name = "control"});
  if (!control.ok()) return Annotate(control.status(), "--aio");
  control_ = *std::move(control);
  PLATTER_RETURN_IF_ERROR(signals_.Start(*control_, [this](int /*signal*/) { ended_ = true; }));
  MachineHost host;
  host.control = control_.get();
  host.log = &log_;
  host.events = &events_;
  host.io_kind = options.aio;
  machine_ = std::make_unique<Machine>(std::move(host));
  exports_ = std::make_unique<ExportTable>(
      *machine_, log_, [this](const std::string& id) { events_.EmitExportDeleted(id); },
      options.sockets);
  monitor_ = std::make_unique<QmpMonitor>(QmpMonitorOptions{.machine = machine_.get(),
                                                            .events = &events_,
                                                            .quit = [this] { ended_ = true; },
                                                            .exports = exports_.get()});
  PLATTER_RETURN_IF_ERROR(MakeNodes(config));
  return Listen(config, options.sockets);
}

absl::Status StorageDaemon::MakeNodes(const config::StorageDaemonConfig& config) {
  for (const config::ObjectOptions& object : config.objects()) {
    const absl::Status added = machine_->ObjectAdd(object);
    if (!added.ok()) return Annotate(added, Option("--object", object.id()));
  }
  for (const config::BlockdevOptions& node : config.blockdevs()) {
    const absl::Status added = BlockOn(*control_, machine_->BlockdevAdd(node));
    if (!added.ok()) return Annotate(added, Option("--blockdev", node.node_name()));
  }
  for (const config::BlockExportOptions& each : config.exports()) {
    const absl::Status added = BlockOn(*control_, exports_->Add(each));
    if (!added.ok()) return Annotate(added, Option("--export", each.id()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<QmpServer>> StorageDaemon::ServerAt(
    const config::SocketChardevOptions& socket, const InheritedSockets& inherited) {
  if (!socket.has_fd()) return QmpServer::Listen(*monitor_, log_, socket.path());
  absl::StatusOr<OwnedDescriptor> copy = inherited.Copy(socket.fd());
  if (!copy.ok()) return Annotate(copy.status(), "fd");
  return QmpServer::Adopt(*monitor_, log_, *std::move(copy));
}

absl::Status StorageDaemon::Listen(const config::StorageDaemonConfig& config,
                                   const InheritedSockets& inherited) {
  absl::StatusOr<Sockets> sockets = SocketsOf(config);
  if (!sockets.ok()) return sockets.status();
  std::map<std::string, std::string> used;  // The chardev of a socket.
  for (const config::MonitorOptions& monitor : config.monitors()) {
    const std::string option = Option("--monitor", monitor.chardev());
    const auto found = sockets->find(monitor.chardev());
    if (found == sockets->end()) {
      return ErrorWithErrno(ENODEV, absl::StrCat(option,
                                                 ": there is no chardev of that id that is "
                                                 "free"));
    }
    // A socket at the path would be taken over; two who accept at one descriptor share its clients.
    const auto [taken, first] = used.emplace(NameOf(found->second), monitor.chardev());
    if (!first) {
      return ErrorWithErrno(EADDRINUSE, absl::StrCat(option, ": ", taken->first,
                                                     " is that of chardev ", Quote(taken->second)));
    }
    auto server = ServerAt(found->second, inherited);
    if (!server.ok()) return Annotate(server.status(), option);
    servers_.push_back(*std::move(server));
    sockets->erase(found);
  }
  for (const auto& [id, socket] : *sockets) {
    log_.Log(LogLevel::kWarning, absl::StrCat(Option("--chardev", id), ": nothing uses it"));
  }
  return absl::OkStatus();
}

void StorageDaemon::Run() {
  control_->RunUntil([this] { return ended_; });
}

// Each waits until no client of any is left: all at once.
Task<void> StorageDaemon::CloseServers() {
  size_t left = servers_.size();
  AsyncEvent closed;
  const auto close = [](QmpServer* server, size_t* open, AsyncEvent* none) -> Task<void> {
    co_await server->Close();
    if (--*open == 0) none->Set();
  };
  if (left == 0) co_return;
  for (const std::unique_ptr<QmpServer>& server : servers_) {
    Spawn(*control_, close(server.get(), &left, &closed));
  }
  co_await closed.Wait();
}

Task<void> StorageDaemon::End() {
  co_await CloseServers();
  servers_.clear();
  if (exports_ != nullptr) co_await exports_->DeleteAll();
  if (machine_ != nullptr) co_await machine_->Shutdown();
}

StorageDaemon::~StorageDaemon() {
  if (control_ != nullptr) BlockOn(*control_, End());
  monitor_.reset();
  exports_.reset();
  machine_.reset();
  signals_.Stop();
}

}  // namespace platter
