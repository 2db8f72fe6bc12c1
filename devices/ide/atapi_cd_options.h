// SPDX-License-Identifier: Apache-2.0
//
// AtapiCdOptions: the properties of an ATAPI CD and DVD-ROM drive, named as the field names them.
//
// Errors: CheckAtapiCdOptions says which property of which device is wrong, and why.

#ifndef PLATTER_DEVICES_IDE_ATAPI_CD_OPTIONS_H_
#define PLATTER_DEVICES_IDE_ATAPI_CD_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

#include "blockbackend/device_view.h"

namespace platter {

struct AtapiCdOptions {
  std::string id = {};
  // Strings of printable ASCII, at most as long as ata_strings.h has them.
  std::string serial = {};  // Empty: the first bytes of the id.
  std::string model = "PLATTER DVD-ROM";
  std::string ver = "1.0";  // Firmware revision; INQUIRY has its first four characters.
  uint64_t wwn = 0;         // 0: none is reported.
  OnError rerror = OnError::kAuto;
  std::optional<RetryPolicy> retry = {};  // Nothing: as the backend is set.
};

// The options with what was left open filled in.
AtapiCdOptions ResolveAtapiCdOptions(AtapiCdOptions options);

// Of resolved options. INVALID_ARGUMENT "ATAPI drive 'ID': PROPERTY ...".
absl::Status CheckAtapiCdOptions(const AtapiCdOptions& options);

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATAPI_CD_OPTIONS_H_
