// SPDX-License-Identifier: Apache-2.0

#include "config/export_rules.h"

#include <cstdint>
#include <map>

#include "base/status.h"
#include "config/error.h"
#include "config/proto/export.pb.h"
#include "config/queue_rules.h"

namespace platter {

absl::Status CheckExport(const std::string& path, const config::BlockExportOptions& options) {
  return CheckVqMapping(path, options.has_iothread(), options.iothread_vq_mapping(),
                        options.has_vhost_user_scsi() ? options.vhost_user_scsi().num_queues()
                                                      : options.vhost_user_blk().num_queues());
}

absl::Status CheckLuns(const std::string& path, const config::VhostUserScsiExportOptions& options) {
  const std::string list = JoinPath(path, "luns");
  if (options.luns().empty()) {
    return ConfigError(list, "missing: it takes a unit at least (luns.0.kind=disk or cd)");
  }
  std::map<uint32_t, uint32_t> places;  // By logical unit number.
  for (uint32_t i = 0; i < static_cast<uint32_t>(options.luns_size()); ++i) {
    const config::ExportLunOptions& lun = options.luns(static_cast<int>(i));
    const std::string element = JoinPath(list, std::to_string(i));
    if (lun.has_disk() && !lun.has_node_name()) {
      return ConfigError(JoinPath(element, "node-name"), "missing: only a cd can be empty");
    }
    const uint32_t number = lun.has_lun() ? lun.lun() : i;
    const auto [taken, first] = places.emplace(number, i);
    if (!first) {
      return ConfigError(JoinPath(element, "lun"), std::to_string(number) + " is that of luns." +
                                                       std::to_string(taken->second) + " already");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSocketChardev(const std::string& path,
                                const config::SocketChardevOptions& options) {
  if (options.has_path() != options.has_fd()) return absl::OkStatus();
  if (!options.has_fd())
    return ConfigError(JoinPath(path, "path"), "missing: path or fd is needed");
  return ConfigError(JoinPath(path, "fd"), "path is given already; it takes one or the other");
}

}  // namespace platter
