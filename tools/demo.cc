// SPDX-License-Identifier: Apache-2.0
//
// demo: shows what Platter does, step by step: `./bazelw run //tools:demo`. testing/demo does the
// work; here are flags and the terminal.

#include "testing/demo/demo.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"

#include "base/status.h"
#include "testing/demo/narrator.h"
#include "tools/process.h"

namespace platter {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kHelp[] =
    R"(usage: demo [option...]

  A guest and its host go through the life of virtual disks and CD-ROM drives, and every step is
  checked.

  --disk FILE   the raw disk image to use; it is copied and not written to
                (without it: a small one, made by mkfs.ext4)
  --iso FILE    the ISO 9660 image that is in the CD-ROM drive, with a file in its root
                folder; it is only read (without it: a small one, made by xorriso)
  --seed N      of the places and the data that the guest writes (1)
  --fast        fewer requests
  --no-tmpfs    'no space' at a memory node's allocation-limit, not on a full tmpfs
  --keep        keep the files of the run, and say where
  --no-color    no colours on a terminal either
  --help

  exit status: 0 when every step held, 1 when not, 2 when an option is wrong
)";

// The first of these that is set decides the encoding (locale(7)).
const char* Locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

// What the user calls FILE: `bazel run` starts programs elsewhere.
std::string FromUsersFolder(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.empty() || path[0] == '/' || folder == nullptr) return path;
  return std::string(folder) + "/" + path;
}

int Usage(const std::string& message) {
  std::cerr << "demo: " << message << "\ndemo: --help tells what there is\n";
  return kExitUsage;
}

enum Option : int { kDisk = 1000, kIso, kSeed, kFast, kNoTmpfs, kKeep, kNoColor, kHelpOption };

const option kOptions[] = {
    {"disk", required_argument, nullptr, kDisk},
    {"iso", required_argument, nullptr, kIso},
    {"seed", required_argument, nullptr, kSeed},
    {"fast", no_argument, nullptr, kFast},
    {"no-tmpfs", no_argument, nullptr, kNoTmpfs},
    {"keep", no_argument, nullptr, kKeep},
    {"no-color", no_argument, nullptr, kNoColor},
    {"help", no_argument, nullptr, kHelpOption},
    {nullptr, 0, nullptr, 0},
};

struct Flags {
  DemoOptions demo;
  bool no_color = false;
  bool help = false;
  std::string wrong;  // What is wrong with the options; empty: nothing.
};

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  opterr = 0;
  for (int found = 0; flags.wrong.empty() && found != -1;) {
    // getopt moves optind: what it looks at now is there before the call.
    const std::string word = optind < argc ? argv[optind] : "";
    found = getopt_long(argc, argv, "+:", kOptions, nullptr);
    switch (found) {
      case -1:
        break;
      case kDisk:
        flags.demo.disk = FromUsersFolder(optarg);
        if (flags.demo.disk.empty()) flags.wrong = "--disk needs the name of a file";
        break;
      case kIso:
        flags.demo.iso = FromUsersFolder(optarg);
        if (flags.demo.iso.empty()) flags.wrong = "--iso needs the name of a file";
        break;
      case kSeed:
        if (!absl::SimpleAtoi(optarg, &flags.demo.seed)) {
          flags.wrong = "--seed " + std::string(optarg) + ": not a number of 64 bits";
        }
        break;
      case kFast:
        flags.demo.pace = DemoOptions::Pace::kFast;
        break;
      case kNoTmpfs:
        flags.demo.space = DemoOptions::Space::kAllocationLimit;
        break;
      case kKeep:
        flags.demo.files = DemoOptions::Files::kKeep;
        break;
      case kNoColor:
        flags.no_color = true;
        break;
      case kHelpOption:
        flags.help = true;
        return flags;
      case ':':
        flags.wrong = word + " needs a value";
        break;
      default:
        flags.wrong = "unknown option " + word;
    }
  }
  if (flags.wrong.empty() && optind < argc) {
    flags.wrong = "unknown argument " + std::string(argv[optind]) +
                  " (a disk is --disk FILE, a disc --iso FILE)";
  }
  return flags;
}

int Main(int argc, char** argv) {
  const Flags flags = ParseFlags(argc, argv);
  if (flags.help) {
    std::cout << kHelp;
    return 0;
  }
  if (!flags.wrong.empty()) return Usage(flags.wrong);
  const Narrator::Environment environment = {
      .terminal = ::isatty(STDOUT_FILENO) == 1,
      .term = std::getenv("TERM"),
      .no_color = flags.no_color ? "1" : std::getenv("NO_COLOR"),
      .locale = Locale()};
  // "demo | head" must not keep the run from taking its files away.
  ::signal(SIGPIPE, SIG_IGN);
  Narrator narrator(std::cout, Narrator::StyleFor(environment));
  const DemoResult result = RunDemo(flags.demo, narrator);
  if (result.status.ok()) return 0;
  // A step that failed has said so; what was wrong before the first one has not.
  std::cerr << "demo: "
            << (result.failed_step.empty() ? MessageOf(result.status)
                                           : "step '" + result.failed_step + "' did not hold")
            << '\n';
  return kExitFailed;
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  platter::PrepareProcess();
  return platter::FinishProcess("demo", platter::Main(argc, argv));
}
