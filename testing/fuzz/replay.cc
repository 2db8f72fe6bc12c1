// SPDX-License-Identifier: Apache-2.0
//
// The main function of a fuzz test outside --config=fuzz: the corpus, then pseudo-random inputs.
//
// From the environment (defs.bzl sets the first two): PLATTER_FUZZ_CORPUS, a folder;
// PLATTER_FUZZ_RUNS, how many pseudo-random inputs; PLATTER_FUZZ_SEED; PLATTER_FUZZ_ONLY, the
// number of the single run to repeat. When the entry point crashes, the input's name goes to
// stderr.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "testing/fuzz/mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Present when a sanitizer's run-time library is linked: called before it ends the process.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace platter {
namespace {

// What to say about the input being run if the process dies. A signal handler reads it, so it is
// made beforehand, and it outlives everything.
char g_current[512];

void ReportCurrentInput() {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, g_current, strlen(g_current));
}

void OnSignal(int signal) {
  ReportCurrentInput();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void ReportDeaths() {
  if (__sanitizer_set_death_callback != nullptr)
    __sanitizer_set_death_callback(&ReportCurrentInput);
  std::signal(SIGABRT, &OnSignal);
  // The rest are the sanitizer's where there is one: it prints a stack, then calls back.
  if (__sanitizer_set_death_callback == nullptr) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP}) {
      std::signal(signal, &OnSignal);
    }
  }
}

uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

struct CorpusFile {
  std::string path;
  Mutator::Bytes bytes;
};

// The files of PLATTER_FUZZ_CORPUS in the order of their names; none if it isn't set.
std::vector<CorpusFile> ReadCorpus() {
  std::vector<CorpusFile> files;
  const char* folder = std::getenv("PLATTER_FUZZ_CORPUS");
  if (folder == nullptr) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!std::filesystem::is_regular_file(entry.path())) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.push_back(
        {entry.path().string(), Mutator::Bytes(std::istreambuf_iterator<char>(in), {})});
  }
  std::sort(files.begin(), files.end(),
            [](const CorpusFile& a, const CorpusFile& b) { return a.path < b.path; });
  return files;
}

// An exact copy, so that a sanitizer sees the first byte read past the end.
void RunOne(const Mutator::Bytes& bytes) {
  const Mutator::Bytes copy(bytes.begin(), bytes.end());
  EXPECT_EQ(LLVMFuzzerTestOneInput(copy.data(), copy.size()), 0);
}

TEST(FuzzReplay, EveryFileOfTheCorpus) {
  const std::vector<CorpusFile> corpus = ReadCorpus();
  EXPECT_EQ(corpus.empty(), std::getenv("PLATTER_FUZZ_CORPUS") == nullptr);
  for (const CorpusFile& file : corpus) {
    std::snprintf(g_current, sizeof(g_current), "\nfuzz replay: died in %s\n", file.path.c_str());
    RunOne(file.bytes);
  }
}

TEST(FuzzReplay, SeededInputs) {
  const uint64_t seed = NumberFromEnvironment("PLATTER_FUZZ_SEED", 1);
  const uint64_t only = NumberFromEnvironment("PLATTER_FUZZ_ONLY", UINT64_MAX);
  const uint64_t runs = NumberFromEnvironment("PLATTER_FUZZ_RUNS", 2000);
  std::vector<Mutator::Bytes> corpus;
  for (CorpusFile& file : ReadCorpus()) corpus.push_back(std::move(file.bytes));
  const Mutator mutator(seed, std::move(corpus));
  const uint64_t first = only == UINT64_MAX ? 0 : only;
  const uint64_t last = only == UINT64_MAX ? runs : only + 1;
  for (uint64_t run = first; run < last; ++run) {
    std::snprintf(g_current, sizeof(g_current),
                  "\nfuzz replay: died in run %llu of seed %llu; again with "
                  "PLATTER_FUZZ_SEED=%llu PLATTER_FUZZ_ONLY=%llu\n",
                  static_cast<unsigned long long>(run), static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(run));
    RunOne(mutator.Input(run));
    ASSERT_FALSE(HasFailure()) << g_current;
  }
  g_current[0] = '\0';
}

}  // namespace
}  // namespace platter

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  platter::ReportDeaths();
  return RUN_ALL_TESTS();
}
