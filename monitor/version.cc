// SPDX-License-Identifier: Apache-2.0

#include "monitor/version.h"

namespace platter {

Value VersionValue() {
  return Value::FromObject({{"qemu", Value::FromObject({{"micro", Value::Uint(0)},
                                                        {"minor", Value::Uint(kQmpSchemaMinor)},
                                                        {"major", Value::Uint(kQmpSchemaMajor)}})},
                            {"package", Value::String(kQmpPackage)}});
}

}  // namespace platter
