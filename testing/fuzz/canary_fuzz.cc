// SPDX-License-Identifier: Apache-2.0
//
// Code with a fault for the fuzzers to find: it aborts on inputs that begin with the letter p and
// have the top bit of the second byte set. One bit away from its corpus, and never in it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2 && (data[0] | 0x20) == 'p' && (data[1] & 0x80) != 0) std::abort();
  return 0;
}
