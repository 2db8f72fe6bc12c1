// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/narrator.h"

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/arith.h"

namespace platter {
namespace {

using Lines = std::vector<std::string>;

TEST(NarratorTest, TextIsWrappedAtBlanks) {
  EXPECT_EQ(WrapText("", 5), Lines{""});
  EXPECT_EQ(WrapText("four", 4), Lines{"four"});
  EXPECT_EQ(WrapText("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(WrapText("unbreakable", 4), (Lines{"unbr", "eaka", "ble"}));
  EXPECT_EQ(WrapText("a unbreakable", 4), (Lines{"a", "unbr", "eaka", "ble"}));
}

TEST(NarratorTest, BytesAreExactOrHaveOneDigit) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(512), "512 bytes");
  EXPECT_EQ(FormatBytes(64 * kKiB), "64 KiB");
  EXPECT_EQ(FormatBytes(3 * kMiB / 2), "1.5 MiB");
  EXPECT_EQ(FormatBytes(2 * kTiB), "2 TiB");
}

TEST(NarratorTest, TimesAreReadable) {
  EXPECT_EQ(FormatDuration(std::chrono::microseconds(340)), "0.3 ms");
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(12)), "12 ms");
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(1240)), "1.24 s");
}

TEST(NarratorTest, ColoursAreForTerminalsThatWantThem) {
  using Environment = Narrator::Environment;
  EXPECT_TRUE(Narrator::StyleFor(Environment{.terminal = true, .term = "xterm"}).colours);
  EXPECT_FALSE(Narrator::StyleFor(Environment{.terminal = false, .term = "xterm"}).colours);
  EXPECT_FALSE(Narrator::StyleFor(Environment{.terminal = true, .term = "dumb"}).colours);
  EXPECT_FALSE(Narrator::StyleFor(Environment{.terminal = true}).colours);
  EXPECT_FALSE(
      Narrator::StyleFor(Environment{.terminal = true, .term = "xterm", .no_color = "1"}).colours);
  EXPECT_TRUE(
      Narrator::StyleFor(Environment{.terminal = true, .term = "xterm", .no_color = ""}).colours);
  EXPECT_TRUE(Narrator::StyleFor(Environment{.locale = "C.utf8"}).unicode);
  EXPECT_TRUE(Narrator::StyleFor(Environment{.locale = "de_DE.UTF-8"}).unicode);
  EXPECT_FALSE(Narrator::StyleFor(Environment{.locale = "C"}).unicode);
  EXPECT_FALSE(Narrator::StyleFor(Environment{}).unicode);
}

std::string Told(Narrator::Style style) {
  std::ostringstream out;
  Narrator narrator(out, style);
  narrator.Columns();
  narrator.BeginStep({.number = 2, .of = 9, .name = "growth", .title = "the disk grows"});
  narrator.ToGuest("resize");
  narrator.Guest("sees it");
  narrator.ToHost("writes");
  narrator.Event("STOP");
  narrator.EndStep(std::chrono::milliseconds(12));
  narrator.FailStep("growth", "no interrupt came", std::chrono::milliseconds(1));
  return out.str();
}

TEST(NarratorTest, HostIsLeftAndGuestIsRight) {
  const std::string host = std::string(44, ' ');
  EXPECT_EQ(Told({}), "\n    HOST" + host.substr(4) + "  |  GUEST\n" +
                          "\n2/9  growth  the disk grows\n"
                          "    resize" +
                          host.substr(6) + " -->\n" + "    " + host + "  |  sees it\n" + "    " +
                          host + " <-- writes\n" + "    * STOP" + host.substr(6) + "  |\n" +
                          "    ok  12 ms\n"
                          "    FAILED  step 'growth' after 1.0 ms:\n"
                          "        no interrupt came\n");
}

TEST(NarratorTest, PlainStyleIsAsciiWithoutEscapes) {
  for (const char c : Told({})) {
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  }
  EXPECT_NE(Told({.colours = true}).find("\033[32mok\033[0m"), std::string::npos);
  EXPECT_NE(Told({.unicode = true}).find("──▶"), std::string::npos);
}

TEST(SinceTest, TimePasses) {
  const HostClock::time_point start = HostClock::now() - std::chrono::milliseconds(3);
  EXPECT_GE(Since(start), std::chrono::milliseconds(3));
}

}  // namespace
}  // namespace platter
