// SPDX-License-Identifier: Apache-2.0
//
// Lets a libFuzzer program run as a Bazel test: it writes where a test may write, and starts from
// the corpus that defs.bzl names. Run by hand (no TEST_TMPDIR) it leaves the command line alone.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace platter {
namespace {

// What libFuzzer keeps pointers to for the life of the process.
struct Arguments {
  std::vector<std::string> words;
  std::vector<char*> pointers;
};

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const char* writable = std::getenv("TEST_TMPDIR");
  if (writable == nullptr) return 0;
  static platter::Arguments* const arguments = new platter::Arguments;
  arguments->words.assign(*argv, *argv + *argc);
  const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  const std::string artifacts = outputs != nullptr ? outputs : writable;
  arguments->words.push_back("-artifact_prefix=" + artifacts + "/");
  // The first folder named is where libFuzzer puts what it finds of interest.
  const std::string found = std::string(writable) + "/found";
  std::filesystem::create_directories(found);
  arguments->words.push_back(found);
  if (const char* corpus = std::getenv("PLATTER_FUZZ_CORPUS"); corpus != nullptr) {
    arguments->words.emplace_back(corpus);
  }
  for (std::string& word : arguments->words) arguments->pointers.push_back(word.data());
  *argc = static_cast<int>(arguments->pointers.size());
  arguments->pointers.push_back(nullptr);
  *argv = arguments->pointers.data();
  return 0;
}
