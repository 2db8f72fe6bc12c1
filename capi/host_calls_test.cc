// SPDX-License-Identifier: Apache-2.0

#include "capi/host_calls.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "capi/call.h"

namespace platter::capi {
namespace {

using ::testing::ElementsAre;

// What the callbacks were told, in words; and that a callback is known to run.
struct Told {
  std::vector<std::string> words;

  void Add(std::string what) {
    EXPECT_TRUE(CallbackScope::active());
    words.push_back(std::move(what));
  }
  platter_host Host() {
    platter_host host = {};
    host.size = sizeof(host);
    host.opaque = this;
    host.set_interrupt = [](void* told, uint32_t irq, int level) {
      static_cast<Told*>(told)->Add(std::to_string(irq) + "=" + std::to_string(level));
    };
    host.log = [](void* told, platter_log_level level, const char* text) {
      static_cast<Told*>(told)->Add(std::to_string(level) + ": " + text);
    };
    host.event = [](void* told, const platter_event* event) {
      EXPECT_EQ(event->size, sizeof(*event));
      static_cast<Told*>(told)->Add(
          std::to_string(event->type) + "," + event->device + "," + event->drive + "," +
          event->node + "," + event->reason + "," + std::to_string(event->action) + "," +
          std::to_string(event->is_write) + std::to_string(event->no_space) +
          std::to_string(event->tray_open) + std::to_string(event->io_error) +
          (event->threshold == 0 ? "" : "," + std::to_string(event->threshold)) +
          (event->exceeded == 0 ? "" : "+" + std::to_string(event->exceeded)));
    };
    host.pause_vcpus = [](void* told) { static_cast<Told*>(told)->Add("pause"); };
    host.resume_vcpus = [](void* told) { static_cast<Told*>(told)->Add("resume"); };
    return host;
  }
};

TEST(HostCallsTest, ALineKeepsItsNumberAndIsTheSameAgain) {
  Told told;
  HostCalls calls(told.Host());
  InterruptLine& line = calls.Line(14);
  EXPECT_EQ(&line, &calls.Line(14));
  EXPECT_NE(&line, &calls.Line(15));
  line.Set(LineLevel::kHigh);
  calls.Line(15).Set(LineLevel::kHigh);
  line.Set(LineLevel::kLow);
  EXPECT_THAT(told.words, ElementsAre("14=1", "15=1", "14=0"));
  EXPECT_FALSE(CallbackScope::active());
}

TEST(HostCallsTest, EveryEventSaysWhatItKnows) {
  Told told;
  HostCalls calls(told.Host());
  calls.OnMachineEvent(StopEvent{StopReason::kPaused});
  calls.OnMachineEvent(StopEvent{StopReason::kIoError});
  calls.OnMachineEvent(ResumeEvent{});
  calls.OnMachineEvent(ResetEvent{});
  calls.OnMachineEvent(DeviceDeletedEvent{"vd0"});
  calls.OnMachineEvent(TrayMovedEvent{.backend = "b", .device_id = "cd0", .tray_open = true});
  calls.OnMachineEvent(BlockIoErrorEvent{.backend = "b",
                                         .device_id = "vd0",
                                         .node_name = "n0",
                                         .operation = IoDirection::kWrite,
                                         .action = ErrorAction::kStop,
                                         .nospace = true,
                                         .reason = "No space"});
  calls.OnMachineEvent(BlockIoErrorEvent{.backend = "",
                                         .device_id = "d",
                                         .node_name = "",
                                         .action = ErrorAction::kIgnore,
                                         .reason = "r"});
  calls.OnMachineEvent(
      WriteThresholdEvent{.node_name = "n0", .write_threshold = 7, .amount_exceeded = 3});
  EXPECT_THAT(told.words,
              ElementsAre("1,,,,,0,0000", "1,,,,,0,0001", "2,,,,,0,0000", "3,,,,,0,0000",
                          "4,vd0,,,,0,0000", "5,cd0,b,,,0,0010", "6,vd0,b,n0,No space,2,1100",
                          "6,d,,,r,1,0000", "7,,,n0,,0,0000,7+3"));
}

TEST(HostCallsTest, EveryErrorActionHasItsNumber) {
  Told told;
  HostCalls calls(told.Host());
  for (const ErrorAction action : {ErrorAction::kReport, ErrorAction::kIgnore, ErrorAction::kStop,
                                   ErrorAction::kStall, ErrorAction::kRetry}) {
    BlockIoErrorEvent event;
    event.action = action;
    calls.OnMachineEvent(event);
  }
  EXPECT_THAT(told.words, ElementsAre("6,,,,,0,0000", "6,,,,,1,0000", "6,,,,,2,0000",
                                      "6,,,,,3,0000", "6,,,,,4,0000"));
}

TEST(HostCallsTest, TheLogAndTheVcpus) {
  Told told;
  HostCalls calls(told.Host());
  calls.Log(LogLevel::kInfo, "one");
  calls.Log(LogLevel::kWarning, std::string_view("two and more", 3));
  calls.Log(LogLevel::kError, "three");
  VcpuControl vcpus = calls.Vcpus();
  vcpus.pause();
  vcpus.resume();
  EXPECT_THAT(told.words, ElementsAre("0: one", "1: two", "2: three", "pause", "resume"));
}

TEST(HostCallsTest, CallbacksThatAreMissing) {
  platter_host host = {};
  host.size = sizeof(host);
  HostCalls calls(host);
  calls.Line(1).Set(LineLevel::kHigh);
  calls.OnMachineEvent(ResetEvent{});
  VcpuControl vcpus = calls.Vcpus();
  EXPECT_FALSE(vcpus.pause);
  EXPECT_FALSE(vcpus.resume);
  ::testing::internal::CaptureStderr();
  calls.Log(LogLevel::kWarning, "to the operator");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "platter: warning: to the operator\n");
}

}  // namespace
}  // namespace platter::capi
