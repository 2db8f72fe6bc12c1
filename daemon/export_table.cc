// SPDX-License-Identifier: Apache-2.0

#include "daemon/export_table.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/id.h"
#include "base/owned_descriptor.h"
#include "base/quote.h"
#include "base/status.h"
#include "config/proto/export.pb.h"
#include "drivers/edge.h"
#include "drivers/graph.h"
#include "machine/node_info.h"
#include "machine/option_values.h"

namespace platter {

ExportTable::ExportTable(Machine& machine, LogSink& log, Deleted deleted, InheritedSockets sockets)
    : machine_(machine), log_(log), deleted_(std::move(deleted)), sockets_(std::move(sockets)) {}

ExportTable::~ExportTable() { PLATTER_CHECK(exports_.empty()); }

ExportTable::Export* ExportTable::Find(std::string_view id) const {
  for (const std::unique_ptr<Export>& each : exports_) {
    if (each->id == id) return each.get();
  }
  return nullptr;
}

absl::Status ExportTable::Check(const config::BlockExportOptions& options) const {
  PLATTER_RETURN_IF_ERROR(CheckId("export", options.id()));
  if (Find(options.id()) != nullptr) {
    return ErrorWithErrno(EEXIST,
                          absl::StrCat("there is an ", ExportTitle(options.id()), " already"));
  }
  const std::vector<ExportDrive> drives = DrivesOf(options);
  if (drives.empty()) {
    return ErrorWithErrno(ENOTSUP, absl::StrCat(ExportTitle(options.id()), ": unknown type"));
  }
  PLATTER_RETURN_IF_ERROR(CheckDrives(drives));
  return CheckPath(options);
}

// A socket at the path would be taken over: one of another process that ended, as a rule.
absl::Status ExportTable::CheckPath(const config::BlockExportOptions& options) const {
  const std::string& path = AddressOf(options).unix_path().path();
  for (const std::unique_ptr<Export>& each : exports_) {
    if (path.empty() || each->server->path() != path) continue;
    return ErrorWithErrno(EADDRINUSE,
                          absl::StrCat(ExportTitle(options.id()), ": socket ", QuoteWhole(path),
                                       " is that of ", ExportTitle(each->id)));
  }
  return absl::OkStatus();
}

// Commands know a drive by its id alone.
absl::Status ExportTable::CheckDrives(const std::vector<ExportDrive>& drives) const {
  std::set<std::string> taken;
  for (const std::unique_ptr<Export>& each : exports_) {
    for (const Drive& drive : each->drives) taken.insert(drive.id);
  }
  for (const ExportDrive& drive : drives) {
    PLATTER_RETURN_IF_ERROR(Annotate(CheckId("drive", drive.id), drive.title));
    if (taken.insert(drive.id).second) continue;
    return ErrorWithErrno(
        EEXIST, absl::StrCat(drive.title, ": there is a drive ", Quote(drive.id), " already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExportParts> ExportTable::PartsFor(const config::BlockExportOptions& options) const {
  ExportParts parts;
  const uint32_t queues = options.has_vhost_user_scsi() ? options.vhost_user_scsi().num_queues()
                                                        : options.vhost_user_blk().num_queues();
  absl::StatusOr<std::vector<AioContext*>> threads =
      IoThreadsFrom(options.iothread(), options.iothread_vq_mapping(), queues,
                    [this](std::string_view id) { return machine_.FindIoContext(id); });
  if (!threads.ok()) return threads.status();
  parts.iothreads = *std::move(threads);
  const config::SocketAddress& address = AddressOf(options);
  if (address.has_fd()) {
    // The number is the user's word, and what it means may be ours: a copy.
    absl::StatusOr<OwnedDescriptor> copy = sockets_.Copy(address.fd().str());
    if (!copy.ok()) return Annotate(copy.status(), "addr.str");
    parts.listener = *std::move(copy);
  } else {
    parts.path = address.unix_path().path();
  }
  return parts;
}

Task<absl::Status> ExportTable::AddDrive(const ExportDrive& wanted, std::vector<Drive>& drives) {
  NodeRef node;
  if (!wanted.node_name.empty()) {
    absl::StatusOr<NodeRef> found = machine_.graph().Lookup(wanted.node_name);
    if (!found.ok()) co_return found.status();
    node = *std::move(found);
  }
  if (wanted.writable && node->read_only()) {
    co_return ErrorWithErrno(
        EACCES, absl::StrCat("writable: node ", Quote(wanted.node_name), " is read-only"));
  }
  absl::StatusOr<BlockBackendRef> backend = machine_.backends().Create("", wanted.backend);
  if (!backend.ok()) co_return backend.status();
  if (node != nullptr) {
    absl::Status inserted = co_await (*backend)->InsertRoot(std::move(node));
    if (!inserted.ok()) co_return inserted;
  }
  drives.push_back(
      {.id = wanted.id, .lun = wanted.lun, .kind = wanted.kind, .backend = *std::move(backend)});
  co_return absl::OkStatus();
}

Task<void> ExportTable::EmptyDrives(std::string title, std::vector<Drive> drives) {
  for (const Drive& drive : drives) {
    if (drive.backend->root() == nullptr) continue;
    if (absl::Status removed = co_await drive.backend->RemoveRoot(); !removed.ok()) {
      log_.Log(LogLevel::kError, MessageOf(Annotate(removed, title)));
    }
  }
}

Task<absl::Status> ExportTable::Add(config::BlockExportOptions options) {
  if (absl::Status wrong = Check(options); !wrong.ok()) co_return wrong;
  const std::string title = ExportTitle(options.id());
  absl::StatusOr<ExportParts> parts = PartsFor(options);
  if (!parts.ok()) co_return Annotate(parts.status(), title);
  std::vector<Drive> drives;
  for (const ExportDrive& wanted : DrivesOf(options)) {
    absl::Status added = co_await AddDrive(wanted, drives);
    if (added.ok()) continue;
    co_await EmptyDrives(title, std::move(drives));
    co_return Annotate(added, wanted.title);
  }
  absl::StatusOr<std::unique_ptr<VhostUserExport>> server = absl::UnknownError("");
  {
    // Nodes may have other users: attaching to them asks for quiet.
    std::vector<DrainedSection> drained;
    for (const Drive& drive : drives) {
      parts->drives.push_back(drive.backend);
      if (drive.backend->root() == nullptr) continue;
      drained.push_back(co_await DrainedSection::Begin(*drive.backend->root()));
    }
    server = MakeExport(options, *std::move(parts), machine_.control(), log_);
  }
  if (!server.ok()) {
    co_await EmptyDrives(title, std::move(drives));
    co_return server.status();
  }
  exports_.push_back(std::make_unique<Export>(Export{.id = options.id(),
                                                     .type = ExportTypeOf(options),
                                                     .iothreads = IoThreadsOf(options),
                                                     .drives = std::move(drives),
                                                     .server = *std::move(server)}));
  co_return absl::OkStatus();
}

Task<absl::Status> ExportTable::Delete(std::string id, ExportRemoval removal) {
  Export* const found = Find(id);
  if (found == nullptr) {
    co_return ErrorWithErrno(ENOENT, absl::StrCat("there is no ", ExportTitle(id)));
  }
  if (found->going)
    co_return ErrorWithErrno(EBUSY, absl::StrCat(ExportTitle(id), " is going already"));
  if (removal == ExportRemoval::kSafe && found->server->serving()) {
    co_return ErrorWithErrno(EBUSY, absl::StrCat(ExportTitle(id),
                                                 " is in use: a front-end is connected; mode hard "
                                                 "cuts it off"));
  }
  co_await End(*found);
  co_return absl::OkStatus();
}

Task<void> ExportTable::End(Export& each) {
  each.going = true;
  co_await each.server->Close();
  each.server.reset();
  const std::string id = each.id;
  co_await EmptyDrives(ExportTitle(id), each.drives);
  std::erase_if(exports_, [&each](const auto& other) { return other.get() == &each; });
  if (deleted_) deleted_(id);
}

Task<void> ExportTable::DeleteAll() {
  // Whoever deletes one at the same time has a command running, and the monitor runs one at a time.
  while (!exports_.empty()) {
    PLATTER_CHECK(!exports_.front()->going);
    co_await End(*exports_.front());
  }
}

std::vector<ExportInfo> ExportTable::List() const {
  std::vector<ExportInfo> infos;
  infos.reserve(exports_.size());
  for (const std::unique_ptr<Export>& each : exports_) {
    ExportInfo& info = infos.emplace_back(
        ExportInfo{.id = each->id, .type = each->type, .shutting_down = each->going});
    for (const Drive& drive : each->drives) {
      const NodeRef& medium = drive.backend->root();
      std::string node = medium == nullptr ? "" : DescribeNode(*medium).node_name;
      if (!drive.lun.has_value()) {
        info.node_name = std::move(node);
      } else {
        info.luns.push_back(
            {.lun = *drive.lun, .kind = drive.kind, .id = drive.id, .node_name = std::move(node)});
      }
    }
  }
  return infos;
}

std::string ExportTable::UserOf(std::string_view iothread) const {
  for (const std::unique_ptr<Export>& each : exports_) {
    if (std::ranges::count(each->iothreads, iothread) != 0) return each->id;
  }
  return "";
}

}  // namespace platter
