// SPDX-License-Identifier: Apache-2.0
//
// What several steps expect of the machine: its events, and whether it runs.
//
// Ownership: functions. Threading: as the stage. Units: none.
// Errors: what was not so, in a sentence.

#ifndef PLATTER_TESTING_DEMO_EXPECT_H_
#define PLATTER_TESTING_DEMO_EXPECT_H_

#include <string>

#include "absl/status/status.h"

#include "blockbackend/events.h"
#include "testing/demo/stage.h"

namespace platter {

// DEVICE_TRAY_MOVED: the tray of `device_id` is `open` now.
enum class TrayNow : uint8_t { kOpen, kClosed };
absl::Status ExpectTrayMoved(Stage& stage, const std::string& device_id, TrayNow now);

// BLOCK_IO_ERROR: a request of the device failed so, and `action` was taken.
struct ExpectedError {
  std::string device_id;
  IoDirection operation = IoDirection::kWrite;
  bool nospace = false;
};
absl::Status ExpectIoError(Stage& stage, const ExpectedError& expected, ErrorAction action);
// The same with action=stop, then STOP: the machine stands still.
absl::Status ExpectStopped(Stage& stage, const ExpectedError& expected);
absl::Status ExpectRunning(Stage& stage);
// "cont", and RESUME.
absl::Status Cont(Stage& stage);

// Unplugs the device; DEVICE_DELETED comes.
absl::Status Unplug(Stage& stage, const std::string& device_id);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_EXPECT_H_
