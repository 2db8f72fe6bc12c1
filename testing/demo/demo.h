// SPDX-License-Identifier: Apache-2.0
//
// RunDemo: the whole demonstration: makes the images, the machine and its guest, and goes through
// the steps until one does not hold.
//
//   Narrator narrator(std::cout, Narrator::StyleFor(...));
//   const DemoResult result = RunDemo({.disk = "disk.img"}, narrator);
//   return result.status.ok() ? 0 : 1;
//
// A disk of the user's is copied and never written to; a disc is only read.
//
// Ownership: a run leaves nothing behind but what DemoOptions::files keeps.
// Threading: one thread; best the only one, since a child process is forked.
// Errors: what did not hold, in a sentence, and the step's name.

#ifndef PLATTER_TESTING_DEMO_DEMO_H_
#define PLATTER_TESTING_DEMO_DEMO_H_

#include <string>

#include "absl/status/status.h"

#include "testing/demo/demo_options.h"
#include "testing/demo/narrator.h"

namespace platter {

struct DemoResult {
  absl::Status status;
  // The step that did not hold; empty when there was none, or when it was the preparation.
  std::string failed_step;
  // Whether "no space" was met on a tmpfs, not at an allocation limit.
  bool on_tmpfs = false;
};

DemoResult RunDemo(const DemoOptions& options, Narrator& narrator);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_DEMO_H_
