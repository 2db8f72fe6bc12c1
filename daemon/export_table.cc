// SPDX-License-Identifier: Apache-2.0

#include "daemon/export_table.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
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

namespace platter {
namespace {

constexpr char kType[] = "vhost-user-blk";

std::string Title(std::string_view id) { return absl::StrCat("export ", Quote(id)); }

// There is no machine that an error could stop: the guest is told.
BackendOptions BackendOptionsFor(const config::BlockExportOptions& options) {
  return {.read_error = OnError::kReport,
          .write_error = OnError::kReport,
          .read_only = !options.writable(),
          .write_cache = !options.writethrough()};
}

// A copy of the descriptor: the number is the user's word, and what it means may be ours.
absl::StatusOr<OwnedDescriptor> CopyDescriptor(const std::string& text) {
  int number = -1;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || number < 0) {
    return ErrorWithErrno(
        EINVAL, absl::StrCat("addr.str: ", Quote(text), " is not the number of a descriptor"));
  }
  OwnedDescriptor copy(fcntl(number, F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) return ErrnoError(errno, absl::StrCat("addr.str: descriptor ", number));
  return copy;
}

}  // namespace

ExportTable::ExportTable(Machine& machine, LogSink& log, Deleted deleted)
    : machine_(machine), log_(log), deleted_(std::move(deleted)) {}

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
    return ErrorWithErrno(EEXIST, absl::StrCat("there is an ", Title(options.id()), " already"));
  }
  if (!options.has_vhost_user_blk()) {
    return ErrorWithErrno(ENOTSUP, absl::StrCat(Title(options.id()), ": unknown type"));
  }
  // A socket at the path would be taken over: one of another process that ended, as a rule.
  const std::string& path = options.vhost_user_blk().addr().unix_path().path();
  for (const std::unique_ptr<Export>& each : exports_) {
    if (path.empty() || each->server->path() != path) continue;
    return ErrorWithErrno(
        EADDRINUSE, absl::StrCat(Title(options.id()), ": socket ", QuoteWhole(path), " is that of ",
                                 Title(each->id)));
  }
  return absl::OkStatus();
}

absl::StatusOr<VhostUserBlkOptions> ExportTable::OptionsFor(
    const config::BlockExportOptions& options) const {
  VhostUserBlkOptions wanted;
  wanted.id = options.id();
  wanted.writable = options.writable();
  wanted.num_queues = options.vhost_user_blk().num_queues();
  wanted.logical_block_size = options.vhost_user_blk().logical_block_size();
  if (!options.iothread().empty()) {
    const absl::StatusOr<AioContext*> context = machine_.FindIoContext(options.iothread());
    if (!context.ok()) return context.status();
    wanted.iothreads.push_back(*context);
  }
  const config::SocketAddress& address = options.vhost_user_blk().addr();
  if (address.has_fd()) {
    absl::StatusOr<OwnedDescriptor> copy = CopyDescriptor(address.fd().str());
    if (!copy.ok()) return copy.status();
    wanted.listener = *std::move(copy);
  } else {
    wanted.path = address.unix_path().path();
  }
  return wanted;
}

Task<absl::Status> ExportTable::Add(config::BlockExportOptions options) {
  if (absl::Status wrong = Check(options); !wrong.ok()) co_return wrong;
  const std::string title = Title(options.id());
  absl::StatusOr<NodeRef> node = machine_.graph().Lookup(options.node_name());
  if (!node.ok()) co_return Annotate(node.status(), title);
  if (options.writable() && (*node)->read_only()) {
    co_return ErrorWithErrno(EACCES, absl::StrCat(title, " is to be writable, but node ",
                                                  Quote(options.node_name()), " is read-only"));
  }
  absl::StatusOr<VhostUserBlkOptions> wanted = OptionsFor(options);
  if (!wanted.ok()) co_return Annotate(wanted.status(), title);
  absl::StatusOr<BlockBackendRef> backend =
      machine_.backends().Create("", BackendOptionsFor(options));
  if (!backend.ok()) co_return Annotate(backend.status(), title);
  absl::Status inserted = co_await (*backend)->InsertRoot(*std::move(node));
  if (!inserted.ok()) co_return Annotate(inserted, title);
  absl::StatusOr<std::unique_ptr<VhostUserBlkExport>> server = absl::UnknownError("");
  {
    // The node may have other users: attaching to it asks for quiet.
    const DrainedSection drained = co_await DrainedSection::Begin(*(*backend)->root());
    server = VhostUserBlkExport::Create(*std::move(wanted), **backend, machine_.control(), log_);
  }
  if (!server.ok()) {
    (co_await (*backend)->RemoveRoot()).IgnoreError();
    co_return server.status();
  }
  exports_.push_back(std::make_unique<Export>(Export{.id = options.id(),
                                                     .node_name = options.node_name(),
                                                     .iothread = options.iothread(),
                                                     .backend = *std::move(backend),
                                                     .server = *std::move(server)}));
  co_return absl::OkStatus();
}

Task<absl::Status> ExportTable::Delete(std::string id, ExportRemoval removal) {
  Export* const found = Find(id);
  if (found == nullptr) {
    co_return ErrorWithErrno(ENOENT, absl::StrCat("there is no ", Title(id)));
  }
  if (found->going) co_return ErrorWithErrno(EBUSY, absl::StrCat(Title(id), " is going already"));
  if (removal == ExportRemoval::kSafe && found->server->serving()) {
    co_return ErrorWithErrno(EBUSY, absl::StrCat(Title(id),
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
  // Flushes.
  if (absl::Status removed = co_await each.backend->RemoveRoot(); !removed.ok()) {
    log_.Log(LogLevel::kError, MessageOf(Annotate(removed, Title(each.id))));
  }
  const std::string id = each.id;
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
    infos.push_back({.id = each->id,
                     .type = kType,
                     .node_name = each->node_name,
                     .shutting_down = each->going});
  }
  return infos;
}

std::string ExportTable::UserOf(std::string_view iothread) const {
  for (const std::unique_ptr<Export>& each : exports_) {
    if (!iothread.empty() && each->iothread == iothread) return each->id;
  }
  return "";
}

}  // namespace platter
