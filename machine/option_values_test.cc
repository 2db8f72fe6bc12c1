// SPDX-License-Identifier: Apache-2.0

#include "machine/option_values.h"

#include <cerrno>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/status.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

using ::testing::ElementsAre;

TEST(OptionValuesTest, PoliciesAndSwitches) {
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_AUTO), OnError::kAuto);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_REPORT), OnError::kReport);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_IGNORE), OnError::kIgnore);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_ENOSPC), OnError::kEnospc);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_STOP), OnError::kStop);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_STALL), OnError::kStall);
  EXPECT_EQ(OnErrorFrom(config::ERROR_POLICY_RETRY), OnError::kRetry);
  EXPECT_EQ(OnErrorFrom(config::RETRY_ACTION_REPORT), OnError::kReport);
  EXPECT_EQ(OnErrorFrom(config::RETRY_ACTION_IGNORE), OnError::kIgnore);
  EXPECT_EQ(OnErrorFrom(config::RETRY_ACTION_ENOSPC), OnError::kEnospc);
  EXPECT_EQ(OnErrorFrom(config::RETRY_ACTION_STOP), OnError::kStop);
  EXPECT_EQ(OnErrorFrom(config::RETRY_ACTION_STALL), OnError::kStall);
  EXPECT_EQ(OnOffFrom(config::ON_OFF_AUTO_AUTO), std::nullopt);
  EXPECT_EQ(OnOffFrom(config::ON_OFF_AUTO_ON), true);
  EXPECT_EQ(OnOffFrom(config::ON_OFF_AUTO_OFF), false);
}

// An iothread and the queues it serves.
struct Entry {
  std::string iothread;
  std::vector<uint32_t> vqs = {};
};

class IoThreadsFromTest : public testing::Test {
 protected:
  IoThreadsFromTest() {
    for (const char* name : {"t0", "t1"}) contexts_[name] = &world_.NewContext(name);
  }

  absl::StatusOr<std::vector<AioContext*>> Convert(const std::string& iothread,
                                                   const std::vector<Entry>& entries,
                                                   uint32_t num_queues = 1) {
    google::protobuf::RepeatedPtrField<config::IoThreadVqMapping> mapping;
    for (const Entry& entry : entries) {
      config::IoThreadVqMapping& added = *mapping.Add();
      added.set_iothread(entry.iothread);
      added.mutable_vqs()->Assign(entry.vqs.begin(), entry.vqs.end());
    }
    return IoThreadsFrom(iothread, mapping, num_queues,
                         [this](std::string_view name) -> absl::StatusOr<AioContext*> {
                           const auto found = contexts_.find(std::string(name));
                           if (found != contexts_.end()) return found->second;
                           return ErrorWithErrno(ENOENT, "no iothread " + std::string(name));
                         });
  }
  std::string Why(const std::vector<Entry>& entries, uint32_t num_queues = 2) {
    return MessageOf(Convert("", entries, num_queues).status());
  }

  SimulatedWorld world_{1};
  std::map<std::string, AioContext*> contexts_;
};

TEST_F(IoThreadsFromTest, QueuesGoToTheirThreads) {
  EXPECT_THAT(*Convert("", {}), ElementsAre());
  EXPECT_THAT(*Convert("t1", {}), ElementsAre(contexts_["t1"]));
  EXPECT_THAT(*Convert("", {{"t0"}, {"t1"}}, 2), ElementsAre(contexts_["t0"], contexts_["t1"]));
  EXPECT_THAT(*Convert("", {{"t0", {2}}, {"t1", {0, 1}}}, 3),
              ElementsAre(contexts_["t1"], contexts_["t1"], contexts_["t0"]));
}

TEST_F(IoThreadsFromTest, WrongMappingsAreNamed) {
  EXPECT_EQ(MessageOf(Convert("t9", {}).status()), "no iothread t9");
  EXPECT_EQ(Why({{"t9"}}), "no iothread t9");
  EXPECT_EQ(MessageOf(Convert("t0", {{"t1"}}).status()),
            "iothread and iothread-vq-mapping exclude each other");
  EXPECT_EQ(Why({{"t0", {0}}}), "iothread-vq-mapping: queue 1 has no iothread");
  EXPECT_EQ(Why({{"t0", {0, 0}}}), "iothread-vq-mapping: queue 0 is mapped twice");
  EXPECT_EQ(Why({{"t0", {0, 2}}}), "iothread-vq-mapping: queue 2 does not exist");
}

}  // namespace
}  // namespace platter
