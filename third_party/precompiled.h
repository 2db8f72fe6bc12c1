// SPDX-License-Identifier: Apache-2.0
//
// Headers of the system that nearly every file includes, parsed once for the sanitizers' builds
// (clang.bzl): half of the time that these would take. No file includes this one: the normal build
// has no precompiled header, and tells when an include is missing.

#ifndef PLATTER_THIRD_PARTY_PRECOMPILED_H_
#define PLATTER_THIRD_PARTY_PRECOMPILED_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

#endif  // PLATTER_THIRD_PARTY_PRECOMPILED_H_
