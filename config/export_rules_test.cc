// SPDX-License-Identifier: Apache-2.0

#include "config/export_rules.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/parse_export.h"
#include "config/proto/export.pb.h"

namespace platter {
namespace {

std::string Scsi(const std::string& text) {
  return MessageOf(ParseExport("vhost-user-scsi,id=e,addr.type=unix,addr.path=x" + text).status());
}

TEST(ExportRules, LunsHaveNumbersOfTheirOwn) {
  EXPECT_EQ(Scsi(",luns.0.kind=cd,luns.1.kind=cd"), "");
  EXPECT_EQ(Scsi(",luns.0.kind=cd,luns.0.lun=1,luns.1.kind=cd,luns.1.lun=0"), "");
  EXPECT_EQ(Scsi(",luns.0.kind=cd,luns.0.lun=1,luns.1.kind=cd"),
            "export.luns.1.lun: 1 is that of luns.0 already");
  EXPECT_EQ(Scsi(",luns.0.kind=cd,luns.1.kind=cd,luns.1.lun=0"),
            "export.luns.1.lun: 0 is that of luns.0 already");
}

TEST(ExportRules, OnlyADriveCanBeEmpty) {
  EXPECT_EQ(Scsi(""), "export.luns: missing: it takes a unit at least (luns.0.kind=disk or cd)");
  EXPECT_EQ(Scsi(",luns.0.kind=disk"), "export.luns.0.node-name: missing: only a cd can be empty");
  EXPECT_EQ(Scsi(",luns.0.kind=disk,luns.0.node-name=d"), "");
}

TEST(ExportRules, QueuesHaveAThread) {
  const std::string luns = ",luns.0.kind=cd,num-queues=2,iothread-vq-mapping.0.iothread=a";
  EXPECT_EQ(Scsi(luns), "");
  EXPECT_EQ(Scsi(luns + ",iothread=b"),
            "export.iothread-vq-mapping: iothread is given already; it takes one or the other");
  EXPECT_EQ(Scsi(luns + ",iothread-vq-mapping.0.vqs.0=1"),
            "export.iothread-vq-mapping: queue 0 has no thread");
  EXPECT_EQ(MessageOf(ParseExport("vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=x,"
                                  "iothread-vq-mapping.0.iothread=a,"
                                  "iothread-vq-mapping.0.vqs.0=1")
                          .status()),
            "export.iothread-vq-mapping.0.vqs: there is no queue 1; num-queues is 1");
}

TEST(ExportRules, AChardevHasOneSocket) {
  const auto check = [](const std::string& text) {
    return MessageOf(ParseChardev("socket,id=m" + text).status());
  };
  EXPECT_EQ(check(",path=x"), "");
  EXPECT_EQ(check(",fd=3"), "");
  EXPECT_EQ(check(",fd=monitor"), "");
  EXPECT_EQ(check(""), "chardev.path: missing: path or fd is needed");
  EXPECT_EQ(check(",path=x,fd=3"), "chardev.fd: path is given already; it takes one or the other");
}

}  // namespace
}  // namespace platter
