// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_request.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json.h"
#include "config/json_writer.h"
#include "monitor/qmp_error.h"

namespace platter {
namespace {

absl::StatusOr<QmpRequest> Parse(std::string_view text) {
  return ParseRequest(*ParseJson(text, "t"));
}
std::string Refusal(std::string_view text) { return MessageOf(Parse(text).status()); }

TEST(QmpRequestTest, ARequestHasACommandAndMayHaveMore) {
  const auto plain = Parse(R"({"execute": "stop"})");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->command, "stop");
  EXPECT_EQ(FormatJson(plain->arguments), "{}");
  const auto more = Parse(R"({"arguments": {"a": 1}, "execute": "x", "id": null})");
  ASSERT_TRUE(more.ok());
  EXPECT_EQ(FormatJson(more->arguments), R"({"a": 1})");
}

TEST(QmpRequestTest, WhatBreaksTheFormIsSaid) {
  EXPECT_EQ(Refusal("[1]"), "QMP input must be a JSON object");
  EXPECT_EQ(Refusal("{}"), "QMP input lacks member 'execute'");
  EXPECT_EQ(Refusal(R"({"execute": 5})"), "QMP input member 'execute' must be a string");
  EXPECT_EQ(Refusal(R"({"execute": "x", "arguments": 3})"),
            "QMP input member 'arguments' must be an object");
  EXPECT_EQ(Refusal(R"({"execute": "x", "control": 3})"),
            "QMP input member 'control' is unexpected");
  // Out-of-band execution is not offered.
  EXPECT_EQ(Refusal(R"({"exec-oob": "x"})"), "QMP input member 'exec-oob' is unexpected");
}

TEST(QmpRequestTest, AReplyHasTheIdOfItsRequest) {
  const auto reply = [](std::string_view input, absl::StatusOr<Value> result) {
    return FormatReply(std::move(result), IdOf(*ParseJson(input, "t")));
  };
  EXPECT_EQ(reply("{}", Value::FromObject({})), R"({"return": {}})");
  EXPECT_EQ(reply(R"({"id": [1, {"a": 2.5}]})", Value::Bool(true)),
            R"({"return": true, "id": [1, {"a": 2.5}]})");
  EXPECT_EQ(
      reply(R"({"id": null, "bad": 1})", DeviceNotFound("x")),
      R"({"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}, "id": null})");
  EXPECT_EQ(reply("12", Value()), R"({"return": null})");
}

}  // namespace
}  // namespace platter
