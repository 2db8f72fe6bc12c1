// SPDX-License-Identifier: Apache-2.0
//
// ExportTable: the exports of a storage daemon: each one or several backends, on nodes of the
// machine's graph or without a disc, and a server that guests of other processes use as drives.
//
//   ExportTable exports(machine, log, [&](const std::string& id) { events.EmitExportDeleted(id);
//   }); absl::Status added = BlockOn(control, exports.Add(options));
//   ...
//   BlockOn(control, exports.DeleteAll());   // Before the machine shuts down.
//
// Ownership: owns backends and servers; machine and log outlive it. DeleteAll has finished before
//   it ends (checked). Threading: the machine's control context; an export's requests run in its
//   I/O thread. Units: bytes. Errors: those of ExportHost, which name the export.

#ifndef PLATTER_DAEMON_EXPORT_TABLE_H_
#define PLATTER_DAEMON_EXPORT_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/task.h"
#include "base/log.h"
#include "blockbackend/block_backend.h"
#include "daemon/export_config.h"
#include "daemon/inherited_sockets.h"
#include "exports/vhost_user/device_export.h"
#include "machine/machine.h"
#include "monitor/export_host.h"

namespace platter {

class ExportTable final : public ExportHost {
 public:
  // Called with the id of an export that has gone.
  using Deleted = absl::AnyInvocable<void(const std::string&)>;

  // `sockets`: by whose names exports may ask for a descriptor.
  ExportTable(Machine& machine, LogSink& log, Deleted deleted, InheritedSockets sockets = {});
  ~ExportTable();
  ExportTable(const ExportTable&) = delete;
  ExportTable& operator=(const ExportTable&) = delete;

  Task<absl::Status> Add(config::BlockExportOptions options) override;
  Task<absl::Status> Delete(std::string id, ExportRemoval removal) override;
  Task<void> DeleteAll() override;
  std::vector<ExportInfo> List() const override;
  std::string UserOf(std::string_view iothread) const override;

 private:
  struct Drive {
    std::string id;
    std::optional<uint32_t> lun;
    std::string kind;
    BlockBackendRef backend;
  };
  struct Export {
    std::string id;
    std::string type;
    std::vector<std::string> iothreads;  // None: the control context.
    std::vector<Drive> drives;
    std::unique_ptr<VhostUserExport> server;  // Uses the backends.
    bool going = false;
  };

  absl::Status Check(const config::BlockExportOptions& options) const;
  absl::Status CheckPath(const config::BlockExportOptions& options) const;
  absl::Status CheckDrives(const std::vector<ExportDrive>& drives) const;
  absl::StatusOr<ExportParts> PartsFor(const config::BlockExportOptions& options) const;
  Export* Find(std::string_view id) const;
  // A backend for a drive, at the end of `drives`.
  Task<absl::Status> AddDrive(const ExportDrive& wanted, std::vector<Drive>& drives);
  // Flushes, and lets go of the media.
  Task<void> EmptyDrives(std::string title, std::vector<Drive> drives);
  // `each` is not going; it is destroyed.
  Task<void> End(Export& each);

  Machine& machine_;
  LogSink& log_;
  Deleted deleted_;
  const InheritedSockets sockets_;
  std::vector<std::unique_ptr<Export>> exports_;
};

}  // namespace platter

#endif  // PLATTER_DAEMON_EXPORT_TABLE_H_
