// SPDX-License-Identifier: Apache-2.0

#include "config/parse_export.h"

#include <cerrno>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json.h"
#include "config/parse.h"
#include "config/proto/export.pb.h"

namespace platter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseExport, TheTypeIsTheFirstValue) {
  const auto parsed = ParseExport(
      "vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=/run/e.sock,writable=on,"
      "num-queues=4,iothread=t0");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->id(), "e");
  EXPECT_EQ(parsed->vhost_user_blk().node_name(), "d");
  EXPECT_TRUE(parsed->vhost_user_blk().writable());
  EXPECT_EQ(parsed->iothread(), "t0");
  EXPECT_EQ(parsed->vhost_user_blk().addr().unix_path().path(), "/run/e.sock");
  EXPECT_EQ(parsed->vhost_user_blk().num_queues(), 4u);
}

TEST(ParseExport, DefaultsAreThoseOfTheField) {
  const auto parsed = ParseExport("type=vhost-user-blk,id=e,node-name=d,addr.type=fd,addr.str=3");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->vhost_user_blk().has_writable());
  EXPECT_FALSE(parsed->vhost_user_blk().writable());
  EXPECT_FALSE(parsed->vhost_user_blk().writethrough());
  EXPECT_FALSE(parsed->has_iothread());
  EXPECT_EQ(parsed->vhost_user_blk().num_queues(), 1u);
  EXPECT_EQ(parsed->vhost_user_blk().logical_block_size(), 512u);
  EXPECT_EQ(parsed->vhost_user_blk().addr().fd().str(), "3");
}

TEST(ParseExport, LunsAreAList) {
  const auto parsed = ParseExport(
      "type=vhost-user-scsi,id=e,addr.type=unix,addr.path=SOCK,num-queues=2,luns.0.node-name=d,"
      "luns.0.kind=disk,luns.0.writable=on,luns.1.node-name=cd,luns.1.kind=cd,luns.1.serial=S,"
      "luns.1.lun=5,luns.2.kind=cd,luns.2.id=drive,luns.2.rerror=stall");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const config::VhostUserScsiExportOptions& scsi = parsed->vhost_user_scsi();
  EXPECT_EQ(scsi.num_queues(), 2u);
  ASSERT_EQ(scsi.luns_size(), 3);
  EXPECT_TRUE(scsi.luns(0).has_disk());
  EXPECT_TRUE(scsi.luns(0).disk().writable());
  EXPECT_EQ(scsi.luns(0).node_name(), "d");
  EXPECT_FALSE(scsi.luns(0).has_lun());
  EXPECT_EQ(scsi.luns(0).disk().werror(), config::EXPORT_ERROR_POLICY_REPORT);
  EXPECT_TRUE(scsi.luns(1).has_cd());
  EXPECT_EQ(scsi.luns(1).lun(), 5u);
  EXPECT_EQ(scsi.luns(1).serial(), "S");
  EXPECT_EQ(scsi.luns(2).id(), "drive");
  EXPECT_FALSE(scsi.luns(2).has_node_name());
  EXPECT_EQ(scsi.luns(2).rerror(), config::EXPORT_ERROR_POLICY_STALL);
  const auto from_json = ParseExport(R"({"type": "vhost-user-scsi", "id": "e", "num-queues": 2,
      "addr": {"type": "unix", "path": "SOCK"}, "luns": [
      {"node-name": "d", "kind": "disk", "writable": true},
      {"node-name": "cd", "kind": "cd", "serial": "S", "lun": 5},
      {"kind": "cd", "id": "drive", "rerror": "stall"}]})");
  ASSERT_TRUE(from_json.ok()) << from_json.status();
  EXPECT_EQ(from_json->SerializeAsString(), parsed->SerializeAsString());
}

TEST(ParseExport, JsonAndValuesSayTheSame) {
  constexpr char kJson[] = R"({"type": "vhost-user-blk", "id": "e", "node-name": "d",
      "addr": {"type": "unix", "path": "x"}, "logical-block-size": 4096})";
  const auto parsed = ParseExport(kJson);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->vhost_user_blk().logical_block_size(), 4096u);
  const auto from_value = ExportFromValue(*ParseJson(kJson, "x"));
  ASSERT_TRUE(from_value.ok()) << from_value.status();
  EXPECT_EQ(from_value->SerializeAsString(), parsed->SerializeAsString());
}

TEST(ParseExport, MistakesAreNamed) {
  const std::string good = "vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=x";
  const std::string scsi = "vhost-user-scsi,id=e,addr.type=unix,addr.path=x";
  for (const auto& [text, wanted] : {
           std::pair<std::string, std::string>{"nbd,id=e,node-name=d", "'nbd'"},
           {"vhost-user-blk,node-name=d,addr.type=unix,addr.path=x", "export.id: missing"},
           {"vhost-user-blk,id=e,addr.type=unix,addr.path=x", "export.node-name: missing"},
           {"vhost-user-blk,id=e,node-name=d", "export.addr"},
           {"vhost-user-blk,id=e,node-name=d,addr.type=inet", "export.addr.type"},
           {"vhost-user-blk,id=e,node-name=d,addr.type=unix", "export.addr.path: missing"},
           {good + ",num-queues=0", "export.num-queues"},
           {good + ",num-queues=257", "export.num-queues"},
           {good + ",logical-block-size=513", "export.logical-block-size"},
           {good + ",writeable=on", "did you mean 'writable'"},
           {good + ",id=1", "export.id"},
           {good + ",rerror=stop", "export.rerror"},
           {good + ",luns.0.kind=cd", "export.luns: unknown option"},
           {scsi + ",node-name=d", "export.node-name: unknown option"},
           {scsi + ",luns.1.kind=cd", "export.luns"},
           {scsi + ",luns.0.node-name=d", "export.luns.0.kind: missing"},
           {scsi + ",luns.0.kind=tape", "export.luns.0.kind"},
           {scsi + ",luns.0.kind=cd,luns.0.writable=on", "export.luns.0.writable: unknown option"},
           {scsi + ",luns.0.kind=cd,luns.0.lun=16384", "export.luns.0.lun"},
           {scsi + ",luns.0.kind=cd,num-queues=255", "export.num-queues"},
           {scsi + ",luns.0.kind=cd,luns.0.seral=x", "did you mean 'serial'"},
       }) {
    const absl::Status status = ParseExport(text).status();
    EXPECT_EQ(ErrnoOf(status), EINVAL) << text;
    EXPECT_THAT(MessageOf(status), HasSubstr(wanted)) << text;
  }
}

TEST(ParseChardev, DefaultsAreThoseOfTheField) {
  const auto parsed = ParseChardev("socket,id=m,path=qmp.sock,server=on,wait=off");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->id(), "m");
  EXPECT_EQ(parsed->socket().path(), "qmp.sock");
  EXPECT_TRUE(parsed->socket().server());
  EXPECT_FALSE(parsed->socket().wait());
  const auto left_away = ParseChardev("socket,id=m,path=x");
  ASSERT_TRUE(left_away.ok()) << left_away.status();
  EXPECT_FALSE(left_away->socket().server());
  EXPECT_TRUE(left_away->socket().wait());
  EXPECT_THAT(MessageOf(ParseChardev("file,id=m,path=x").status()), HasSubstr("'file'"));
  EXPECT_TRUE(
      ChardevFromValue(*ParseJson(R"({"backend": "socket", "id": "m", "path": "x"})", "x")).ok());
}

TEST(ParseMonitor, TheChardevIsTheFirstValue) {
  for (const char* const text : {"m", "chardev=m", "m,mode=control", R"({"chardev": "m"})"}) {
    const auto parsed = ParseMonitor(text);
    ASSERT_TRUE(parsed.ok()) << text << parsed.status();
    EXPECT_EQ(parsed->chardev(), "m");
    EXPECT_EQ(parsed->mode(), config::MONITOR_MODE_CONTROL);
  }
  EXPECT_THAT(MessageOf(ParseMonitor("m,mode=readline").status()), HasSubstr("monitor.mode"));
  EXPECT_THAT(MessageOf(ParseMonitor("mode=control").status()), HasSubstr("monitor.chardev"));
  EXPECT_THAT(MessageOf(ParseMonitor("help").status()), HasSubstr("--help"));
  EXPECT_TRUE(MonitorFromValue(*ParseJson(R"({"chardev": "m"})", "x")).ok());
}

TEST(ParseExport, HelpTellsOfAddresses) {
  const std::optional<std::string> list = HelpRequested(ParseExport("help").status());
  ASSERT_TRUE(list.has_value());
  EXPECT_THAT(*list, HasSubstr("\n  vhost-user-blk"));
  const std::optional<std::string> help =
      HelpRequested(ParseExport("vhost-user-blk,help").status());
  ASSERT_TRUE(help.has_value());
  EXPECT_THAT(*help, HasSubstr("\n  addr.type=<unix|fd> "));
  EXPECT_THAT(*help, HasSubstr("\n  addr.path=<string> "));
  EXPECT_THAT(*help, HasSubstr("\n  addr.str=<string> "));
  EXPECT_THAT(*help, HasSubstr("\n  writable=<on|off> "));
  EXPECT_THAT(*help, Not(HasSubstr("and its options")));
  const std::optional<std::string> scsi =
      HelpRequested(ParseExport("vhost-user-scsi,help").status());
  ASSERT_TRUE(scsi.has_value());
  EXPECT_THAT(*scsi, HasSubstr("\n  luns.N.kind=<disk|cd> "));
  EXPECT_THAT(*scsi, HasSubstr("\n  luns.N.node-name=<id> "));
  EXPECT_THAT(*scsi, HasSubstr("\n  luns.N.writable=<on|off> "));
  EXPECT_TRUE(HelpRequested(ParseChardev("socket,help").status()).has_value());
}

TEST(CompleteExport, TreatsAMessageMadeByAProgramLikeAParsedOne) {
  config::BlockExportOptions made;
  made.set_id("e");
  made.mutable_vhost_user_blk()->set_node_name("d");
  made.mutable_vhost_user_blk()->mutable_addr()->mutable_unix_path()->set_path("x");
  ASSERT_TRUE(CompleteExport(made).ok());
  const auto parsed = ParseExport("vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=x");
  EXPECT_EQ(made.SerializeAsString(), parsed->SerializeAsString());
  config::ChardevOptions chardev;
  EXPECT_FALSE(CompleteChardev(chardev).ok());
  config::MonitorOptions monitor;
  EXPECT_FALSE(CompleteMonitor(monitor).ok());
}

}  // namespace
}  // namespace platter
