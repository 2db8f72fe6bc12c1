// SPDX-License-Identifier: Apache-2.0
//
// Narrator: the demonstration's voice. Numbered steps, the host on the left, the guest on the
// right, arrows where one does something to the other, what it took.
//
//   narrator.BeginStep({.number = 4, .of = 9, .name = "growth", .title = "the disk grows"});
//   narrator.ToGuest("block_resize vda 40 MiB");
//   narrator.Guest("configuration interrupt: 40 MiB");
//   narrator.EndStep(took);
//
// Ownership: the stream outlives it. Threading: one thread. Units: columns of a terminal; times are
// nanoseconds. Errors: those of the stream are its own.

#ifndef PLATTER_TESTING_DEMO_NARRATOR_H_
#define PLATTER_TESTING_DEMO_NARRATOR_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "aio/clock.h"

namespace platter {

// `text` in lines of at most `columns` characters, broken at blanks where there are any. Counts
// bytes, which is right for the ASCII texts of this program; a path that isn't ASCII breaks early.
std::vector<std::string> WrapText(std::string_view text, size_t columns);

// "512 bytes", "64 KiB", "1.5 MiB": exact, or with one digit.
std::string FormatBytes(uint64_t bytes);
// "0.3 ms", "12 ms", "1.24 s".
std::string FormatDuration(Duration time);

// How long things take for whoever watches.
using HostClock = std::chrono::steady_clock;
inline Duration Since(HostClock::time_point start) {
  return std::chrono::duration_cast<Duration>(HostClock::now() - start);
}

class Narrator {
 public:
  struct Style {
    bool colours = false;
    bool unicode = false;  // Arrows and lines; else their cousins in ASCII.
  };
  struct StepTitle {
    size_t number = 0;
    size_t of = 0;
    std::string_view name;
    std::string_view title;
  };

  Narrator(std::ostream& out, Style style) : out_(out), style_(style) {}

  // What a terminal can show, by what its environment says. `no_color` is $NO_COLOR
  // (no-color.org), the others are $TERM and the locale of characters; nullptr when not set.
  struct Environment {
    bool terminal = false;
    const char* term = nullptr;
    const char* no_color = nullptr;
    const char* locale = nullptr;
  };
  static Style StyleFor(const Environment& environment);

  // A line across, before the first step and after the last one.
  void Line(std::string_view text);
  void Warning(std::string_view text);
  // The heads of the two columns.
  void Columns();

  void BeginStep(const StepTitle& step);
  void Host(std::string_view text);     // Happens within the host.
  void ToGuest(std::string_view text);  // The host does something to the guest.
  void Guest(std::string_view text);    // Happens within the guest.
  void ToHost(std::string_view text);   // The guest asks something of the host.
  void Event(std::string_view text);    // The machine tells its owner.
  void EndStep(Duration took);
  void FailStep(std::string_view name, std::string_view why, Duration took);

  void Success(std::string_view text);

 private:
  enum class Colour : uint8_t { kNone, kBold, kDim, kGreen, kRed, kYellow, kCyan };
  enum class Side : uint8_t { kHost, kGuest };

  std::string Paint(Colour colour, std::string_view text) const;
  void Row(Side side, std::string_view arrow, Colour colour, std::string_view text);
  std::string_view Either(std::string_view unicode, std::string_view ascii) const {
    return style_.unicode ? unicode : ascii;
  }

  std::ostream& out_;
  const Style style_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_NARRATOR_H_
