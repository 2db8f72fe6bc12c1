// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/sandbox.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "config/parse.h"
#include "config/parse_export.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"

namespace platter {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

config::StorageDaemonConfig WithNodes(const std::vector<std::string>& nodes) {
  config::StorageDaemonConfig config;
  for (const std::string& node : nodes) *config.add_blockdevs() = *ParseBlockdev(node);
  return config;
}

const auto kNull = Pair("/dev/null", ElementsAre(FileRights::kReadWrite));

TEST(SandboxTest, ImagesOfEveryDepthWithTheRightsOfTheirNodes) {
  const std::string below_read_only =
      "raw,node-name=d,read-only=on,file.driver=blkdebug,file.image.driver=host_device,"
      "file.image.filename=/dev/d";
  const std::string written_below_read_only =
      "raw,node-name=g,read-only=on,file.driver=file,file.filename=/images/g,file.read-only=off";
  EXPECT_THAT(FilesNeeded(WithNodes({
                              "file,node-name=a,filename=/images/a",
                              "file,node-name=b,filename=/images/b,read-only=on",
                              "raw,node-name=c,file.driver=file,file.filename=/images/c",
                              below_read_only,
                              written_below_read_only,
                              // What one writes, another only reads.
                              "file,node-name=e,filename=/images/a,read-only=on",
                              "null-co,node-name=f",
                          }),
                          {}),
              UnorderedElementsAre(
                  kNull, Pair("/images/a", ElementsAre(FileRights::kRead, FileRights::kReadWrite)),
                  Pair("/images/b", ElementsAre(FileRights::kRead)),
                  Pair("/images/c", ElementsAre(FileRights::kReadWrite)),
                  Pair("/images/g", ElementsAre(FileRights::kReadWrite)),
                  Pair("/dev/d", ElementsAre(FileRights::kRead))));
}

TEST(SandboxTest, FoldersOfSocketsAndWhatIsAllowedBesides) {
  config::StorageDaemonConfig config = WithNodes({"null-co,node-name=n"});
  *config.add_exports() =
      *ParseExport("vhost-user-blk,id=e,node-name=n,addr.type=unix,addr.path=/run/e/sock");
  *config.add_exports() = *ParseExport("vhost-user-blk,id=f,node-name=n,addr.type=fd,addr.str=5");
  *config.add_chardevs() = *ParseChardev("socket,id=m,path=qmp.sock,server=on,wait=off");
  EXPECT_THAT(
      FilesNeeded(config,
                  {.readable = {"/isos"}, .writable = {"/images"}, .pid_file = "/run/platter/pid"}),
      UnorderedElementsAre(kNull, Pair("/run/e", ElementsAre(FileRights::kSockets)),
                           Pair(".", ElementsAre(FileRights::kSockets)),
                           Pair("/run/platter", ElementsAre(FileRights::kSockets)),
                           Pair("/isos", ElementsAre(FileRights::kRead)),
                           Pair("/images", ElementsAre(FileRights::kReadWrite))));
}

TEST(SandboxTest, SocketsThatWerePassedOnNeedNoFolder) {
  config::StorageDaemonConfig config;
  *config.add_exports() =
      *ParseExport("vhost-user-scsi,id=e,addr.type=unix,addr.path=/run/s/sock,luns.0.kind=cd");
  *config.add_exports() =
      *ParseExport("vhost-user-scsi,id=f,addr.type=fd,addr.str=name,luns.0.kind=cd");
  *config.add_chardevs() = *ParseChardev("socket,id=m,fd=monitor,server=on,wait=off");
  EXPECT_THAT(FilesNeeded(config, {}),
              UnorderedElementsAre(kNull, Pair("/run/s", ElementsAre(FileRights::kSockets))));
}

}  // namespace
}  // namespace platter
