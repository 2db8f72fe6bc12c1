// SPDX-License-Identifier: Apache-2.0
//
// For the tests of steps: runs of the demonstration, whole or sabotaged.
//
// Ownership: values. Threading: one thread. Errors: expectations of the test.

#ifndef PLATTER_TESTING_DEMO_DEMO_FIXTURE_H_
#define PLATTER_TESTING_DEMO_DEMO_FIXTURE_H_

#include <chrono>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "testing/demo/demo.h"

namespace platter {

struct ToldDemo {
  DemoResult result;
  std::string told;
};

inline ToldDemo RunToldDemo(const DemoOptions& options) {
  std::ostringstream out;
  Narrator narrator(out, {});
  ToldDemo demo;
  demo.result = RunDemo(options, narrator);
  demo.told = out.str();
  return demo;
}

// The demonstration fails in `step`, says so, and says `words`.
inline void ExpectSabotageFails(Sabotage sabotage, const std::string& step,
                                const std::string& words,
                                DemoOptions::Space space = DemoOptions::Space::kTmpfs) {
  DemoOptions options;
  options.pace = DemoOptions::Pace::kFast;
  options.space = space;
  options.sabotage = sabotage;
  // Only a sabotage that keeps something from happening is waited for.
  options.patience = std::chrono::milliseconds(1500);
  const ToldDemo demo = RunToldDemo(options);
  SCOPED_TRACE(demo.told);
  EXPECT_EQ(demo.result.failed_step, step);
  EXPECT_FALSE(demo.result.status.ok());
  EXPECT_NE(MessageOf(demo.result.status).find(words), std::string::npos) << demo.result.status;
  EXPECT_NE(demo.told.find("FAILED  step '" + step + "'"), std::string::npos);
  EXPECT_EQ(demo.told.find("steps held"), std::string::npos);
}

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_DEMO_FIXTURE_H_
