// SPDX-License-Identifier: Apache-2.0

#include "devices/pci/pci_program.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

#include "testing/model/random.h"

namespace platter {
namespace {

TEST(PciProgramTest, NothingIsAProgramToo) {
  PciProgram program;
  program.Run({});
}

TEST(PciProgramTest, SeededPrograms) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    PciProgram program;
    std::vector<uint8_t> bytes(random.Below(2000));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    program.Run(bytes);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace platter
