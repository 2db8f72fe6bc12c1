// SPDX-License-Identifier: Apache-2.0
//
// What the greeting and query-version say. Clients of QMP decide by the number under "qemu" which
// commands and arguments they may use, so it is the release whose schema this monitor follows; the
// package says who is speaking.
//
// Ownership: a value. Threading: pure function. Units: none. Errors: none.

#ifndef PLATTER_MONITOR_VERSION_H_
#define PLATTER_MONITOR_VERSION_H_

#include "config/value.h"

namespace platter {

inline constexpr unsigned kQmpSchemaMajor = 7;
inline constexpr unsigned kQmpSchemaMinor = 2;
inline constexpr char kQmpPackage[] = "Platter, QMP as of 7.2";

// {"qemu": {"major": 7, ...}, "package": ...}
Value VersionValue();

}  // namespace platter

#endif  // PLATTER_MONITOR_VERSION_H_
