// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/narrator.h"

#include <array>
#include <cctype>
#include <cstdio>
#include <string>

#include "base/arith.h"

namespace platter {
namespace {

constexpr size_t kIndent = 4;
constexpr size_t kHostColumns = 44;
constexpr size_t kGuestColumns = 46;
constexpr size_t kTitleColumns = 100;

std::string Spaces(size_t count) { return std::string(count, ' '); }

// Whether `locale`, such as "en_GB.UTF-8", is one of UTF-8.
bool IsUtf8(const char* locale) {
  std::string plain;
  for (const char* at = locale; at != nullptr && *at != '\0'; ++at) {
    if (std::isalnum(static_cast<unsigned char>(*at)) != 0) {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(*at)));
    }
  }
  return plain.find("utf8") != std::string::npos;
}

}  // namespace

std::vector<std::string> WrapText(std::string_view text, size_t columns) {
  std::vector<std::string> lines;
  while (text.size() > columns) {
    size_t end = text.rfind(' ', columns);
    const bool at_blank = end != std::string_view::npos && end != 0;
    if (!at_blank) end = columns;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(at_blank ? end + 1 : end);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string FormatBytes(uint64_t bytes) {
  struct Unit {
    uint64_t bytes;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits = {
      {{kTiB, "TiB"}, {kGiB, "GiB"}, {kMiB, "MiB"}, {kKiB, "KiB"}}};
  for (const Unit& unit : kUnits) {
    if (bytes < unit.bytes) continue;
    char text[32];
    if (bytes % unit.bytes == 0) {
      std::snprintf(text, sizeof(text), "%llu %s",
                    static_cast<unsigned long long>(bytes / unit.bytes), unit.name);
    } else {
      std::snprintf(text, sizeof(text), "%.1f %s",
                    static_cast<double>(bytes) / static_cast<double>(unit.bytes), unit.name);
    }
    return text;
  }
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string FormatDuration(Duration time) {
  const double ms = static_cast<double>(time.count()) / 1e6;
  char text[32];
  if (ms < 10) {
    std::snprintf(text, sizeof(text), "%.1f ms", ms);
  } else if (ms < 1000) {
    std::snprintf(text, sizeof(text), "%.0f ms", ms);
  } else {
    std::snprintf(text, sizeof(text), "%.2f s", ms / 1000);
  }
  return text;
}

Narrator::Style Narrator::StyleFor(const Environment& environment) {
  const std::string_view term = environment.term == nullptr ? "" : environment.term;
  const bool no_color = environment.no_color != nullptr && *environment.no_color != '\0';
  return {.colours = environment.terminal && !no_color && !term.empty() && term != "dumb",
          .unicode = IsUtf8(environment.locale)};
}

std::string Narrator::Paint(Colour colour, std::string_view text) const {
  constexpr std::array<const char*, 7> kCodes = {"", "1", "2", "32", "31", "33", "36"};
  if (!style_.colours || colour == Colour::kNone) return std::string(text);
  std::string painted = "\033[";
  painted += kCodes[static_cast<size_t>(colour)];
  painted += 'm';
  painted += text;
  painted += "\033[0m";
  return painted;
}

void Narrator::Line(std::string_view text) { out_ << text << '\n' << std::flush; }

void Narrator::Columns() {
  const std::string host = "HOST";
  out_ << '\n'
       << Spaces(kIndent) << Paint(Colour::kDim, host) << Spaces(kHostColumns - host.size()) << "  "
       << Paint(Colour::kDim, Either("│", "|")) << "  " << Paint(Colour::kDim, "GUEST") << '\n'
       << std::flush;
}

void Narrator::Warning(std::string_view text) {
  for (const std::string& line : WrapText(text, kTitleColumns - 6)) {
    out_ << Paint(Colour::kYellow, "note: " + line) << '\n';
  }
  out_ << std::flush;
}

void Narrator::BeginStep(const StepTitle& step) {
  const std::string number = std::to_string(step.number) + "/" + std::to_string(step.of);
  out_ << '\n'
       << Paint(Colour::kBold, number + "  " + std::string(step.name)) << "  " << step.title << '\n'
       << std::flush;
}

void Narrator::Row(Side side, std::string_view arrow, Colour colour, std::string_view text) {
  const std::string bar = Paint(Colour::kDim, Either("│", "|"));
  bool first = true;
  for (const std::string& line :
       WrapText(text, side == Side::kHost ? kHostColumns : kGuestColumns)) {
    // The arrow starts in the column of who acts; continued lines have none.
    const bool with_arrow = first && !arrow.empty();
    out_ << Spaces(kIndent);
    if (side == Side::kHost) {
      out_ << Paint(colour, line) << Spaces(kHostColumns - line.size())
           << (with_arrow ? Paint(Colour::kCyan, arrow) : "  " + bar) << '\n';
    } else {
      out_ << Spaces(kHostColumns) << (with_arrow ? Paint(Colour::kCyan, arrow) : "  " + bar + "  ")
           << Paint(colour, line) << '\n';
    }
    first = false;
  }
  out_ << std::flush;
}

void Narrator::Host(std::string_view text) { Row(Side::kHost, "", Colour::kNone, text); }
void Narrator::ToGuest(std::string_view text) {
  Row(Side::kHost, Either(" ──▶", " -->"), Colour::kNone, text);
}
void Narrator::Guest(std::string_view text) { Row(Side::kGuest, "", Colour::kNone, text); }
void Narrator::ToHost(std::string_view text) {
  Row(Side::kGuest, Either(" ◀── ", " <-- "), Colour::kNone, text);
}
void Narrator::Event(std::string_view text) {
  Row(Side::kHost, "", Colour::kYellow, std::string("* ") + std::string(text));
}

void Narrator::EndStep(Duration took) {
  out_ << Spaces(kIndent) << Paint(Colour::kGreen, "ok") << "  " << FormatDuration(took) << '\n'
       << std::flush;
}

void Narrator::FailStep(std::string_view name, std::string_view why, Duration took) {
  out_ << Spaces(kIndent) << Paint(Colour::kRed, "FAILED") << "  step '" << name << "' after "
       << FormatDuration(took) << ":\n";
  for (const std::string& line : WrapText(why, kTitleColumns - 2 * kIndent)) {
    out_ << Spaces(2 * kIndent) << Paint(Colour::kRed, line) << '\n';
  }
  out_ << std::flush;
}

void Narrator::Success(std::string_view text) {
  out_ << Paint(Colour::kGreen, text) << '\n' << std::flush;
}

}  // namespace platter
