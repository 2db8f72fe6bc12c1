// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_session.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "monitor/monitor_fixture.h"

namespace platter {
namespace {

constexpr const char* kDone = MonitorRig::kDone;

// A second client beside the rig's own.
class QmpSessionTest : public testing::Test {
 protected:
  QmpSessionTest() { session_->Start(); }
  ~QmpSessionTest() override {
    if (session_ != nullptr) session_->Close();
    session_.reset();
    rig_.world().RunUntilIdle();
  }
  Lines Take() {
    rig_.world().RunUntilIdle();
    return std::exchange(output_.lines, {});
  }
  Lines Say(std::string_view input) {
    session_->Receive(input);
    return Take();
  }
  void Negotiate() {
    Take();
    ASSERT_EQ(Say(R"({"execute": "qmp_capabilities"})"), Lines{kDone});
  }
  static std::string Error(const std::string& error_class, const std::string& text) {
    return R"({"error": {"class": ")" + error_class + R"(", "desc": ")" + text + R"("}})";
  }

  MonitorRig rig_;
  CollectedLines output_;
  std::shared_ptr<QmpSession> session_ = std::make_shared<QmpSession>(rig_.monitor(), output_);
};

TEST_F(QmpSessionTest, TheGreetingComesFirstAndOffersNoCapability) {
  EXPECT_EQ(Take(), Lines{R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, )"
                          R"("package": "Platter, QMP as of 7.2"}, "capabilities": []}})"});
}

TEST_F(QmpSessionTest, BeforeNegotiationThereIsOneCommand) {
  Take();
  for (const char* const command : {"stop", "nosuch", "query-version"}) {
    EXPECT_EQ(Say(std::string(R"({"execute": ")") + command + R"("})"),
              Lines{Error("CommandNotFound",
                          "Expecting capabilities negotiation with 'qmp_capabilities'")});
  }
  EXPECT_EQ(rig_.Run("query-status").at(0).find("paused"), std::string::npos);
  const Lines refused = Say(R"({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})");
  EXPECT_EQ(refused, Lines{Error("GenericError",
                                 "qmp_capabilities.enable: the capability 'oob' is not offered")});
  EXPECT_EQ(Say(R"({"execute": "qmp_capabilities", "arguments": {"enable": []}})"), Lines{kDone});
  EXPECT_EQ(Say(R"({"execute": "qmp_capabilities", "id": 7})"),
            Lines{R"({"error": {"class": "CommandNotFound", "desc": "Capabilities negotiation is )"
                  R"(already complete, command ignored"}, "id": 7})"});
}

TEST_F(QmpSessionTest, EventsComeAfterNegotiationOnly) {
  Take();
  rig_.Run("stop");
  EXPECT_EQ(Take(), Lines{});
  Negotiate();
  rig_.Run("cont");
  const Lines events = Take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_NE(events[0].find(R"("event": "RESUME")"), std::string::npos);
}

TEST_F(QmpSessionTest, RepliesComeInOrderWithTheirIds) {
  Negotiate();
  const Lines lines =
      Say(R"({"execute": "query-name", "id": 1}{"execute": "nosuch", "id": "b"}[]{"id": 3}x )"
          R"({"execute": "query-name", "id": {"n": null}})");
  EXPECT_EQ(
      lines,
      (Lines{R"({"return": {}, "id": 1})",
             R"({"error": {"class": "CommandNotFound", )"
             R"("desc": "The command nosuch has not been found"}, "id": "b"})",
             Error("GenericError", "QMP input must be a JSON object"),
             R"({"error": {"class": "GenericError", "desc": "QMP input lacks member 'execute'"}, )"
             R"("id": 3})",
             Error("GenericError", "JSON parse error, invalid keyword 'x'"),
             R"({"return": {}, "id": {"n": null}})"}));
}

TEST_F(QmpSessionTest, ACommandWaitsForAnotherClients) {
  Negotiate();
  // Both are under way before either goes on.
  session_->Receive(R"({"execute": "stop"})");
  const Lines first = rig_.Run("cont");
  const Lines second = Take();
  ASSERT_EQ(second.size(), 3u);
  EXPECT_NE(second[0].find("STOP"), std::string::npos);
  EXPECT_EQ(second[1], kDone);
  EXPECT_NE(second[2].find("RESUME"), std::string::npos);
  EXPECT_EQ(first.back(), kDone);
}

TEST_F(QmpSessionTest, WithoutRoomNothingIsAnswered) {
  Negotiate();
  output_.room = false;
  EXPECT_EQ(Say(R"({"execute": "query-name"}{"execute": "query-name"})"), Lines{});
  EXPECT_FALSE(session_->wants_input());
  output_.room = true;
  session_->OnRoom();
  EXPECT_EQ(Take(), (Lines{kDone, kDone}));
  EXPECT_TRUE(session_->wants_input());
}

TEST_F(QmpSessionTest, NothingIsAnsweredBehindQuit) {
  Negotiate();
  const Lines lines = Say(R"({"execute": "quit"}{"execute": "query-name"})");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("SHUTDOWN"), std::string::npos);
  EXPECT_EQ(lines[1], kDone);
  EXPECT_FALSE(session_->wants_input());
}

TEST_F(QmpSessionTest, AClientThatGoesWhileItHasNoRoom) {
  Negotiate();
  output_.room = false;
  Say(R"({"execute": "stop"})");
  session_->Close();
  session_.reset();
  EXPECT_EQ(Take(), Lines{});
  EXPECT_EQ(rig_.machine().state(), MachineState::kRunning);
}

}  // namespace
}  // namespace platter
