// SPDX-License-Identifier: Apache-2.0

#include "exports/vhost_user/requests.h"

#include <array>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

absl::Status Check(uint32_t request, size_t bytes, size_t descriptors, uint64_t features) {
  const std::vector<uint8_t> payload(bytes);
  std::array<OwnedDescriptor, 9> none;
  const VhostUserMessage message = {.request = request,
                                    .flags = kVhostUserVersion,
                                    .payload = payload,
                                    .descriptors = std::span(none).first(descriptors)};
  return CheckRequest(message, features).status();
}

TEST(RequestsTest, ARowIsWhatItsSizesSay) {
  for (const RequestRule& rule : ServedRequests()) {
    const auto id = static_cast<uint32_t>(rule.id);
    for (const size_t size : {rule.min_payload, rule.max_payload}) {
      EXPECT_TRUE(Check(id, size, rule.min_descriptors, rule.needs).ok()) << rule.name;
      EXPECT_TRUE(Check(id, size, rule.max_descriptors, rule.needs).ok()) << rule.name;
    }
    EXPECT_FALSE(Check(id, rule.max_payload + 1, rule.min_descriptors, rule.needs).ok());
    EXPECT_FALSE(Check(id, rule.max_payload, rule.max_descriptors + 1, rule.needs).ok());
    if (rule.min_payload > 0) {
      EXPECT_FALSE(Check(id, rule.min_payload - 1, rule.min_descriptors, rule.needs).ok());
    }
    if (rule.needs != 0) {
      EXPECT_EQ(Check(id, rule.min_payload, rule.min_descriptors, 0).code(),
                absl::StatusCode::kFailedPrecondition);
    }
    EXPECT_EQ(rule.needs & ~kServedProtocolFeatures, 0u) << rule.name;
    EXPECT_LE(rule.max_payload, kVhostUserMaxPayload);
  }
}

TEST(RequestsTest, EveryMessageOfTheSpecificationHasANameOfItsOwn) {
  std::set<std::string> names;
  for (uint32_t request = 1; request <= 44; ++request) names.insert(NameOfRequest(request));
  EXPECT_EQ(names.size(), 44u);
  EXPECT_EQ(NameOfRequest(32), "SET_INFLIGHT_FD");
  EXPECT_EQ(NameOfRequest(0), "message 0");
  EXPECT_EQ(NameOfRequest(99), "message 99");
}

TEST(RequestsTest, ErrorsNameTheMessage) {
  EXPECT_EQ(MessageOf(Check(30, 0, 0, UINT64_MAX)), "POSTCOPY_END is not supported");
  EXPECT_EQ(MessageOf(Check(2, 7, 0, 0)), "SET_FEATURES has 7 bytes, not 8");
  EXPECT_EQ(MessageOf(Check(37, 40, 0, UINT64_MAX)),
            "ADD_MEM_REG comes with 0 file descriptors, not 1");
}

}  // namespace
}  // namespace platter
