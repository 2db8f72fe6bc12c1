// SPDX-License-Identifier: Apache-2.0
#include "testing/peers/qtest_bus.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "base/check.h"

namespace platter {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kAnswerTimeout = 30s;
// How often a condition is looked at that no interrupt tells of.
constexpr Duration kLook = 1ms;
constexpr uint64_t kAllOnes = ~uint64_t{0};

// The letter of a width, as in "inb" and "readl".
char Letter(unsigned width) {
  switch (width) {
    case 1:
      return 'b';
    case 2:
      return 'w';
    case 4:
      return 'l';
    default:
      PLATTER_CHECK(width == 8);
      return 'q';
  }
}

}  // namespace

QtestBus::QtestBus(LineSocket& socket, Ram ram, std::string_view controller)
    : socket_(socket), ram_(ram) {
  allocator_.AddRegion(ram.address, ram.bytes);
  Ask(absl::StrCat("irq_intercept_in ", std::string(controller)));
}

void QtestBus::Fail(absl::Status why) {
  if (health_.ok()) health_ = std::move(why);
}

bool QtestBus::TakeInterrupt(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  uint32_t number = 0;
  if (words.size() != 3 || words[0] != "IRQ" || !absl::SimpleAtoi(words[2], &number)) return false;
  GuestInterrupt& interrupt = interrupts_[number];
  const bool high = words[1] == "raise";
  if (high && !interrupt.high) ++interrupt.raised;
  interrupt.high = high;
  return true;
}

std::string QtestBus::Ask(const std::string& command) {
  if (!health_.ok()) return "";
  if (absl::Status sent = socket_.Send(command); !sent.ok()) {
    Fail(std::move(sent));
    return "";
  }
  for (;;) {
    absl::StatusOr<std::string> line = socket_.Read(kAnswerTimeout);
    if (!line.ok()) {
      Fail(line.status());
      return "";
    }
    if (TakeInterrupt(*line)) continue;
    if (line->starts_with("OK")) return line->substr(std::min<size_t>(3, line->size()));
    Fail(absl::InternalError(absl::StrCat("qtest: ", command, ": ", *line)));
    return "";
  }
}

absl::StatusOr<uint64_t> QtestBus::Allocate(uint64_t bytes, uint64_t alignment) {
  absl::StatusOr<uint64_t> address = allocator_.Allocate(bytes, alignment);
  if (address.ok()) Ask(absl::StrFormat("memset 0x%x 0x%x 0x0", *address, bytes));
  return address;
}

bool QtestBus::Read(uint64_t address, std::span<uint8_t> out) {
  if (out.empty()) return true;
  const std::string answer = Ask(absl::StrFormat("read 0x%x 0x%x", address, out.size()));
  const std::string bytes =
      absl::HexStringToBytes(answer.substr(std::min<size_t>(2, answer.size())));
  if (bytes.size() != out.size()) return false;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

bool QtestBus::Write(uint64_t address, std::span<const uint8_t> data) {
  if (data.empty()) return true;
  const std::string bytes(reinterpret_cast<const char*>(data.data()), data.size());
  Ask(absl::StrFormat("write 0x%x 0x%x 0x%s", address, data.size(), absl::BytesToHexString(bytes)));
  return health_.ok();
}

uint64_t QtestBus::ReadRegister(RegisterSpace space, uint64_t address, unsigned width) {
  const char* const verb = space == RegisterSpace::kPort ? "in" : "read";
  const std::string answer = Ask(absl::StrFormat("%s%c 0x%x", verb, Letter(width), address));
  uint64_t value = kAllOnes;
  if (!absl::SimpleHexAtoi(answer, &value)) return kAllOnes >> (64 - 8 * width);
  return value;
}

void QtestBus::WriteRegister(RegisterSpace space, uint64_t address, unsigned width,
                             uint64_t value) {
  const char* const verb = space == RegisterSpace::kPort ? "out" : "write";
  Ask(absl::StrFormat("%s%c 0x%x 0x%x", verb, Letter(width), address, value));
}

GuestInterrupt QtestBus::Interrupt(uint32_t number) {
  // What has been said so far.
  for (;;) {
    const absl::StatusOr<std::optional<std::string>> line = socket_.Poll(Duration(0));
    if (!line.ok()) Fail(line.status());
    if (!line.ok() || !line->has_value() || !TakeInterrupt(**line)) break;
  }
  return interrupts_[number];
}

bool QtestBus::WaitFor(absl::FunctionRef<bool()> done, Duration timeout) {
  const Instant end = Now() + timeout;
  while (!done()) {
    if (Now() >= end || !health_.ok()) return false;
    // QEMU runs by itself; an interrupt ends the wait early.
    const absl::StatusOr<std::optional<std::string>> line = socket_.Poll(kLook);
    if (!line.ok()) Fail(line.status());
    if (line.ok() && line->has_value()) TakeInterrupt(**line);
  }
  return true;
}

Instant QtestBus::Now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace platter
