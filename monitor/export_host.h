// SPDX-License-Identifier: Apache-2.0
//
// ExportHost: the exports of a program that has some, as the commands block-export-add,
// block-export-del and query-block-exports need them. A monitor with one is a storage daemon's: it
// has these commands, and none about running a machine (all_commands.h).
//
// Ownership: the program's; it outlives the monitor. Threading: control context. Units: none.
// Errors: absl::Status naming the export.

#ifndef PLATTER_MONITOR_EXPORT_HOST_H_
#define PLATTER_MONITOR_EXPORT_HOST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "aio/task.h"

namespace platter {

namespace config {
class BlockExportOptions;
}  // namespace config

struct ExportLunInfo {
  uint32_t lun = 0;
  std::string kind = {};       // "disk" or "cd".
  std::string id = {};         // Of the drive.
  std::string node_name = {};  // Empty: no disc is in it.
};

struct ExportInfo {
  std::string id;
  std::string type;                      // "vhost-user-blk".
  std::string node_name = {};            // Of an export that is one drive.
  std::vector<ExportLunInfo> luns = {};  // Of others.
  bool shutting_down = false;
};

enum class ExportRemoval : uint8_t {
  kSafe,  // Not while somebody is connected.
  kHard,  // Whoever is connected is cut off.
};

class ExportHost {
 public:
  // It can be connected to afterwards; on an error nothing has changed. ALREADY_EXISTS for an id in
  // use, NOT_FOUND (ENOENT) for a node or I/O thread that isn't there, FAILED_PRECONDITION (EBUSY)
  // when another user of the node is in the way.
  virtual Task<absl::Status> Add(config::BlockExportOptions options) = 0;
  // BLOCK_EXPORT_DELETED when it is gone, which is before this has ended. NOT_FOUND (ENOENT);
  // FAILED_PRECONDITION (EBUSY) while it is connected (kSafe) or going already.
  virtual Task<absl::Status> Delete(std::string id, ExportRemoval removal) = 0;
  // kHard for each, in the order made.
  virtual Task<void> DeleteAll() = 0;
  // In the order made.
  virtual std::vector<ExportInfo> List() const = 0;
  // The id of an export that runs in the I/O thread; empty when none does.
  virtual std::string UserOf(std::string_view iothread) const = 0;

 protected:
  ~ExportHost() = default;
};

}  // namespace platter

#endif  // PLATTER_MONITOR_EXPORT_HOST_H_
