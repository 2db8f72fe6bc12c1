// SPDX-License-Identifier: Apache-2.0
#include "tools/options.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"

namespace platter {
namespace {

// Of what getopt_long returned, and the index that it gave.
std::string NameOf(int got, int index, const option* options) {
  if (got == 0) return options[index].name;
  for (const option* each = options; each->name != nullptr; ++each) {
    if (each->val == got) return each->name;
  }
  return std::string(1, static_cast<char>(got));
}

}  // namespace

absl::Status ForEachOption(
    int argc, char** argv, const option* options, std::string_view letters,
    absl::FunctionRef<absl::Status(std::string_view name, const std::string& value)> set) {
  // "+": the words are taken in their order. ":": a missing value is told apart.
  const std::string all_letters = absl::StrCat("+:", std::string(letters));
  int index = 0;
  opterr = 0;
  for (;;) {
    // getopt moves optind, though not within a cluster of letters: what it looks at is there before
    // the call.
    const int at = optind == 0 ? 1 : optind;  // 0: from the start.
    const std::string word = at < argc ? argv[at] : "";
    const int got = getopt_long(argc, argv, all_letters.c_str(), options, &index);
    if (got == -1) break;
    if (got == ':' || got == '?') {
      const char* what = got == ':' ? "needs a value" : "is no option";
      return ErrorWithErrno(EINVAL, absl::StrCat(Quote(word), " ", what, "; see --help"));
    }
    const std::string value = optarg == nullptr ? "" : optarg;
    PLATTER_RETURN_IF_ERROR(set(NameOf(got, index, options), value));
  }
  if (optind == argc) return absl::OkStatus();
  return ErrorWithErrno(EINVAL, absl::StrCat(Quote(argv[optind]), ": no such argument"));
}

}  // namespace platter
