// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_cd_options.h"

#include "absl/strings/str_cat.h"

#include "base/id.h"
#include "base/status.h"
#include "devices/ide/ata_strings.h"

namespace platter {

AtapiCdOptions ResolveAtapiCdOptions(AtapiCdOptions options) {
  if (options.serial.empty()) options.serial = options.id.substr(0, kAtaSerialBytes);
  return options;
}

absl::Status CheckAtapiCdOptions(const AtapiCdOptions& options) {
  PLATTER_RETURN_IF_ERROR(CheckId("device", options.id));
  const std::string title = absl::StrCat("ATAPI drive '", options.id, "'");
  PLATTER_RETURN_IF_ERROR(CheckAtaString(title, "serial", options.serial, kAtaSerialBytes));
  PLATTER_RETURN_IF_ERROR(CheckAtaString(title, "model", options.model, kAtaModelBytes));
  PLATTER_RETURN_IF_ERROR(CheckAtaString(title, "ver", options.ver, kAtaFirmwareBytes));
  if (options.rerror == OnError::kEnospc) {
    return absl::InvalidArgumentError(absl::StrCat(title, ": rerror 'enospc' is only for writes"));
  }
  return absl::OkStatus();
}

}  // namespace platter
