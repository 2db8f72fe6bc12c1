// SPDX-License-Identifier: Apache-2.0

#include "daemon/export_config.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "config/parse_export.h"
#include "config/proto/export.pb.h"

namespace platter {
namespace {

constexpr char kBlk[] = "vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=/x";
constexpr char kScsi[] =
    "vhost-user-scsi,id=e,addr.type=fd,addr.str=3,num-queues=2,"
    "luns.0.kind=disk,luns.0.node-name=d,luns.0.writable=on,luns.0.writethrough=on,"
    "luns.0.werror=stall,luns.1.kind=cd,luns.1.lun=7,luns.1.id=drive,luns.1.rerror=ignore";

TEST(ExportConfigTest, ADiskIsADriveOfTheExportsName) {
  const config::BlockExportOptions options = *ParseExport(kBlk);
  EXPECT_EQ(ExportTypeOf(options), "vhost-user-blk");
  EXPECT_EQ(AddressOf(options).unix_path().path(), "/x");
  EXPECT_TRUE(IoThreadsOf(options).empty());
  const std::vector<ExportDrive> drives = DrivesOf(options);
  ASSERT_EQ(drives.size(), 1u);
  EXPECT_EQ(drives[0].title, "export 'e'");
  EXPECT_EQ(drives[0].id, "e");
  EXPECT_EQ(drives[0].node_name, "d");
  EXPECT_FALSE(drives[0].lun.has_value());
  EXPECT_FALSE(drives[0].writable);
  EXPECT_TRUE(drives[0].backend.read_only);
  EXPECT_TRUE(drives[0].backend.write_cache);
  EXPECT_EQ(drives[0].backend.read_error, OnError::kReport);
  EXPECT_EQ(drives[0].backend.write_error, OnError::kReport) << "there is no machine to stop";
  const std::vector<ExportDrive> others =
      DrivesOf(*ParseExport(std::string(kBlk) + ",writable=on,rerror=stall,werror=ignore"));
  EXPECT_TRUE(others[0].writable);
  EXPECT_FALSE(others[0].backend.read_only);
  EXPECT_EQ(others[0].backend.read_error, OnError::kStall);
  EXPECT_EQ(others[0].backend.write_error, OnError::kIgnore);
}

TEST(ExportConfigTest, EachLunIsADrive) {
  const config::BlockExportOptions options = *ParseExport(kScsi);
  EXPECT_EQ(ExportTypeOf(options), "vhost-user-scsi");
  EXPECT_EQ(AddressOf(options).fd().str(), "3");
  const std::vector<ExportDrive> drives = DrivesOf(options);
  ASSERT_EQ(drives.size(), 2u);
  EXPECT_EQ(drives[0].title, "export 'e': LUN 0");
  EXPECT_EQ(drives[0].id, "e.0");
  EXPECT_EQ(drives[0].lun, 0u);
  EXPECT_STREQ(drives[0].kind, "disk");
  EXPECT_TRUE(drives[0].writable);
  EXPECT_FALSE(drives[0].backend.write_cache);
  EXPECT_EQ(drives[0].backend.write_error, OnError::kStall);
  EXPECT_EQ(drives[1].title, "export 'e': LUN 7");
  EXPECT_EQ(drives[1].id, "drive");
  EXPECT_EQ(drives[1].lun, 7u);
  EXPECT_STREQ(drives[1].kind, "cd");
  EXPECT_EQ(drives[1].node_name, "");
  EXPECT_FALSE(drives[1].writable);
  EXPECT_TRUE(drives[1].backend.read_only);
  EXPECT_EQ(drives[1].backend.read_error, OnError::kIgnore);
}

TEST(ExportConfigTest, ThreadsAreNamedOneWayOrTheOther) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(IoThreadsOf(*ParseExport(std::string(kBlk) + ",iothread=t")), Ids{"t"});
  EXPECT_EQ(IoThreadsOf(*ParseExport(std::string(kScsi) + ",iothread-vq-mapping.0.iothread=a"
                                                          ",iothread-vq-mapping.1.iothread=b")),
            (Ids{"a", "b"}));
}

}  // namespace
}  // namespace platter
