// SPDX-License-Identifier: Apache-2.0

#include "config/queue_rules.h"

#include <initializer_list>
#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

using Mapping = google::protobuf::RepeatedPtrField<config::IoThreadVqMapping>;

void Add(Mapping& mapping, const std::string& thread, std::initializer_list<uint32_t> queues) {
  config::IoThreadVqMapping& entry = *mapping.Add();
  entry.set_iothread(thread);
  for (const uint32_t queue : queues) entry.add_vqs(queue);
}

std::string Check(const Mapping& mapping, bool has_iothread = false) {
  return MessageOf(CheckVqMapping("x", has_iothread, mapping, 3));
}

TEST(QueueRules, EveryQueueOnceOrNone) {
  Mapping mapping;
  EXPECT_EQ(Check(mapping, /*has_iothread=*/true), "");
  Add(mapping, "a", {});
  EXPECT_EQ(Check(mapping), "");
  EXPECT_EQ(Check(mapping, /*has_iothread=*/true),
            "x.iothread-vq-mapping: iothread is given already; it takes one or the other");
  Add(mapping, "b", {1});
  EXPECT_EQ(Check(mapping), "x.iothread-vq-mapping.1.vqs: must be given in every entry or in none");
  mapping.Mutable(0)->add_vqs(0);
  EXPECT_EQ(Check(mapping), "x.iothread-vq-mapping: queue 2 has no thread");
  mapping.Mutable(0)->add_vqs(2);
  EXPECT_EQ(Check(mapping), "");
  mapping.Mutable(0)->add_vqs(1);
  EXPECT_EQ(Check(mapping), "x.iothread-vq-mapping.1.vqs: queue 1 has a thread already");
  mapping.Mutable(0)->set_vqs(2, 3);
  EXPECT_EQ(Check(mapping), "x.iothread-vq-mapping.0.vqs: there is no queue 3; num-queues is 3");
  mapping.Mutable(1)->set_iothread("a");
  mapping.Mutable(0)->mutable_vqs()->RemoveLast();
  EXPECT_EQ(Check(mapping), "x.iothread-vq-mapping.1.iothread: 'a' has an entry already");
}

}  // namespace
}  // namespace platter
