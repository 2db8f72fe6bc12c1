// SPDX-License-Identifier: Apache-2.0

#include "config/table_samples.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "config/proto/blockdev.pb.h"
#include "config/proto/machine.pb.h"
#include "config/table_printers.h"

namespace platter {
namespace {

using ::testing::IsSupersetOf;

TEST(TableSamples, TakeEachOptionThroughItsValues) {
  std::set<std::string> printed;
  for (const Sample& sample : MakeSamples(config::ObjectOptions::descriptor())) {
    printed.insert(PrintKeyval(*sample.message));
  }
  EXPECT_THAT(printed, IsSupersetOf({"id=n0,qom-type=iothread", "id=A.b-c_9,qom-type=iothread",
                                     "id=n0,qom-type=iothread,poll-max-ns=0",
                                     "id=n0,qom-type=iothread,poll-max-ns=4096",
                                     "id=n0,qom-type=iothread,poll-max-ns=1000000000"}));
}

TEST(TableSamples, ReachNestedNodesListsAndWhatRulesAskFor) {
  std::set<std::string> printed;
  for (const Sample& sample : MakeSamples(config::BlockdevOptions::descriptor())) {
    printed.insert(PrintKeyval(*sample.message));
  }
  EXPECT_THAT(printed, IsSupersetOf({"driver=raw,file.driver=null-co,file.size=4096",
                                     "discard=unmap,detect-zeroes=unmap,driver=null-co",
                                     "driver=blkdebug,image=below,inject-error.0.event=none,"
                                     "inject-error.0.once=on"}));
  EXPECT_GT(printed.size(), 500u);
}

}  // namespace
}  // namespace platter
