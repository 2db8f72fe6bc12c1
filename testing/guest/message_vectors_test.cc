// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/message_vectors.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace platter {
namespace {

class Recorder final : public InterruptVectors {
 public:
  void Raise(uint16_t vector) override { raised.push_back(vector); }
  std::vector<uint16_t> raised;
};

TEST(MessageVectorsTest, AMessageRaisesTheVectorOfItsDataAndOthersAreCounted) {
  Recorder recorder;
  MessageVectors messages(recorder, 4);
  messages.Send(MessageVectors::kAddress, 3);
  EXPECT_EQ(messages.strays(), 0u);
  messages.Send(MessageVectors::kAddress, 4);
  messages.Send(MessageVectors::kAddress + 4, 0);
  messages.Send(0, UINT32_MAX);
  EXPECT_EQ(messages.strays(), 3u);
  EXPECT_THAT(recorder.raised, testing::ElementsAre(3));
}

}  // namespace
}  // namespace platter
