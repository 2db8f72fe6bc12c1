// SPDX-License-Identifier: Apache-2.0

#include "config/rules.h"

#include <string>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"

namespace platter {
namespace {

std::string Node(const std::string& text) {
  return MessageOf(ParseBlockdev("node-name=n," + text).status());
}

std::string Disk(const std::string& text) {
  return MessageOf(ParseDevice("virtio-blk,drive=d," + text).status());
}

TEST(Rules, DetectZeroesUnmapNeedsDiscardUnmap) {
  EXPECT_EQ(Node("driver=null-co,detect-zeroes=unmap"),
            "blockdev.detect-zeroes: unmap needs discard=unmap");
  EXPECT_EQ(Node("driver=null-co,detect-zeroes=unmap,discard=unmap"), "");
}

// What a node nested in another one does not say, it takes from there.
TEST(Rules, ANestedNodeIsJudgedByWhatItTakesFromAbove) {
  const std::string file = "file.driver=file,file.filename=x,";
  EXPECT_EQ(Node("driver=raw,cache.direct=on," + file + "file.aio=native"), "");
  EXPECT_EQ(Node("driver=raw,cache.direct=on," + file + "file.aio=native,file.cache.direct=off"),
            "blockdev.file.aio: native needs cache.direct=on");
  EXPECT_EQ(Node("driver=blkdebug,cache.direct=on,image.driver=raw,image.file.driver=host_device,"
                 "image.file.filename=x,image.file.aio=native"),
            "");
  EXPECT_EQ(Node("driver=blkdebug,image.driver=raw,image.file.driver=host_device,"
                 "image.file.filename=x,image.file.aio=native"),
            "blockdev.image.file.aio: native needs cache.direct=on");
  // Discards are no matter of the node above.
  EXPECT_EQ(Node("driver=raw," + file + "file.detect-zeroes=unmap"), "");
  EXPECT_EQ(
      Node("driver=raw,discard=unmap," + file + "file.detect-zeroes=unmap,file.discard=ignore"),
      "blockdev.file.detect-zeroes: unmap needs discard=unmap");
  EXPECT_EQ(Node("driver=raw,detect-zeroes=unmap," + file + "file.discard=unmap"),
            "blockdev.detect-zeroes: unmap needs discard=unmap");
}

TEST(Rules, NativeAioNeedsDirectCache) {
  EXPECT_EQ(Node("driver=raw,file.driver=file,file.filename=x,file.aio=native"),
            "blockdev.file.aio: native needs cache.direct=on");
  EXPECT_EQ(Node("driver=host_device,filename=x,aio=native"),
            "blockdev.aio: native needs cache.direct=on");
  EXPECT_EQ(Node("driver=file,filename=x,aio=native,cache.direct=on"), "");
}

TEST(Rules, ARangeOfRawFitsInAnOffset) {
  EXPECT_EQ(Node("driver=raw,file=f,offset=4E,size=4E"),
            "blockdev.size: offset and size together go beyond the largest offset, 2^63-1");
  EXPECT_EQ(Node("driver=raw,file=f,offset=4E,size=4611686018427387903"), "");
}

TEST(Rules, SimulatedLimitsAreMultiples) {
  EXPECT_EQ(Node("driver=blkdebug,image=f,align=4K,max-transfer=5000"),
            "blockdev.max-transfer: 5000 is not a multiple of align (4096)");
  EXPECT_EQ(Node("driver=blkdebug,image=f,opt-discard=3000,max-discard=7000"),
            "blockdev.max-discard: 7000 is not a multiple of opt-discard (3000)");
  EXPECT_EQ(Node("driver=blkdebug,image=f,opt-write-zero=3000,max-write-zero=7000"),
            "blockdev.max-write-zero: 7000 is not a multiple of opt-write-zero (3000)");
  EXPECT_EQ(Node("driver=blkdebug,image=f,align=512,max-transfer=5K,opt-discard=3K,max-discard=6K"),
            "");
}

TEST(Rules, ARuleOfBlkdebugSaysWhereAndHowOftenOnce) {
  const std::string rule = "driver=blkdebug,image=f,inject-error.0.event=none,inject-error.0.";
  EXPECT_EQ(Node(rule + "sector=1,inject-error.0.x-offset=0"),
            "blockdev.inject-error.0.x-offset: sector is given already; it takes one or the other");
  EXPECT_EQ(Node(rule + "x-bytes=1"), "blockdev.inject-error.0.x-bytes: needs x-offset");
  EXPECT_EQ(Node(rule + "x-offset=4E,inject-error.0.x-bytes=4E"),
            "blockdev.inject-error.0.x-bytes: the range goes beyond the largest offset, 2^63-1");
  EXPECT_EQ(Node(rule + "once=on,inject-error.0.x-count=2"),
            "blockdev.inject-error.0.x-count: once is on already; it takes one or the other");
  EXPECT_EQ(Node(rule + "x-count=2,inject-error.0.x-offset=1M,inject-error.0.x-bytes=4K"), "");
}

TEST(Rules, AnEventThatNothingRaisesIsRefused) {
  const std::string why =
      ".event: takes none, read_aio, write_aio, flush_to_os, flush_to_disk, pwritev, pwritev_zero "
      "or pwritev_done, not '";
  const std::string node = "driver=blkdebug,image=f,";
  for (const std::string event : {"l2_update", "cluster_alloc", "cor_write", "vmstate_save"}) {
    EXPECT_EQ(Node(node + "set-state.0.event=" + event),
              "blockdev.set-state.0" + why + event + "'");
  }
  EXPECT_EQ(Node(node + "x-suspend.0.event=pwritev_rmw_after_tail"),
            "blockdev.x-suspend.0" + why + "pwritev_rmw_after_tail'");
}

TEST(Rules, BlockSizesOfVirtioBlkFitTogether) {
  EXPECT_EQ(Disk("logical_block_size=4096,physical_block_size=512"),
            "device.physical_block_size: 512 is less than logical_block_size (4096)");
  EXPECT_EQ(Disk("logical_block_size=4096"), "");
  EXPECT_EQ(Disk("min_io_size=513"),
            "device.min_io_size: 513 is not a multiple of logical_block_size (512)");
  EXPECT_EQ(Disk("opt_io_size=1000"),
            "device.opt_io_size: 1000 is not a multiple of logical_block_size (512)");
  EXPECT_EQ(Disk("discard_granularity=1000"),
            "device.discard_granularity: 1000 is not a multiple of logical_block_size (512)");
  EXPECT_EQ(Disk("min_io_size=32M"),
            "device.min_io_size: must not be more than 33553920, 65535 logical blocks");
  EXPECT_EQ(Disk("min_io_size=33553920"), "");
}

TEST(Rules, BlockSizesOfAScsiDiskFitTogether) {
  const auto scsi = [](const std::string& text) {
    return MessageOf(ParseDevice("scsi-hd,drive=d," + text).status());
  };
  EXPECT_EQ(scsi("logical_block_size=4096,physical_block_size=512"),
            "device.physical_block_size: 512 is less than logical_block_size (4096)");
  EXPECT_EQ(scsi("logical_block_size=4096,min_io_size=513"),
            "device.min_io_size: 513 is not a multiple of logical_block_size (4096)");
  // Of a drive whose blocks are not known yet.
  EXPECT_EQ(scsi("min_io_size=513,physical_block_size=512"), "");
}

TEST(Rules, RotationRatesAreThoseOfTheStandard) {
  for (const std::string device : {"ide-hd", "scsi-hd"}) {
    const std::string rate = device + ",drive=d,rotation_rate=";
    for (const std::string good : {"0", "1", "1025", "7200", "65534"}) {
      EXPECT_EQ(MessageOf(ParseDevice(rate + good).status()), "");
    }
    EXPECT_EQ(MessageOf(ParseDevice(rate + "2").status()),
              "device.rotation_rate: 2 is neither 0 nor 1 nor at least 1025");
    EXPECT_EQ(MessageOf(ParseDevice(rate + "1024").status()),
              "device.rotation_rate: 1024 is neither 0 nor 1 nor at least 1025");
  }
}

TEST(Rules, OnlyARemovableDiskCanBeEmpty) {
  const std::string missing = "device.drive: missing: only a disk with removable=on can be empty";
  EXPECT_EQ(MessageOf(ParseDevice("scsi-hd").status()), missing);
  EXPECT_EQ(MessageOf(ParseDevice("scsi-hd,removable=off").status()), missing);
  EXPECT_EQ(MessageOf(ParseDevice("scsi-hd,removable=on").status()), "");
  EXPECT_EQ(MessageOf(ParseDevice("scsi-hd,drive=d,removable=on").status()), "");
}

TEST(Rules, EveryQueueOfAnAdapterHasOneThread) {
  EXPECT_EQ(MessageOf(ParseDevice("virtio-scsi,num-queues=2,iothread-vq-mapping.0.iothread=t,"
                                  "iothread-vq-mapping.0.vqs.0=1")
                          .status()),
            "device.iothread-vq-mapping: queue 0 has no thread");
}

TEST(Rules, EveryQueueHasOneThread) {
  const std::string two = "num-queues=2,iothread-vq-mapping.0.iothread=t0,iothread-vq-mapping.1.";
  const std::string path = "device.iothread-vq-mapping";
  EXPECT_EQ(Disk(two + "iothread=t1,iothread=t2"),
            path + ": iothread is given already; it takes one or the other");
  EXPECT_EQ(Disk(two + "iothread=t0"), path + ".1.iothread: 't0' has an entry already");
  EXPECT_EQ(Disk(two + "iothread=t1,iothread-vq-mapping.1.vqs.0=0"),
            path + ".1.vqs: must be given in every entry or in none");
  const std::string both =
      two + "iothread=t1,iothread-vq-mapping.0.vqs.0=0,iothread-vq-mapping.1.vqs.";
  EXPECT_EQ(Disk(both + "0=2"), path + ".1.vqs: there is no queue 2; num-queues is 2");
  EXPECT_EQ(Disk(both + "0=0"), path + ".1.vqs: queue 0 has a thread already");
  EXPECT_EQ(Disk(both + "0=1"), "");
  EXPECT_EQ(Disk(two + "iothread=t1"), "");
  EXPECT_EQ(Disk("num-queues=2,iothread-vq-mapping.0.iothread=t,iothread-vq-mapping.0.vqs.0=1"),
            path + ": queue 0 has no thread");
}

TEST(Rules, RetryOptionsNeedTheRetryPolicy) {
  const auto device = [](const std::string& text) { return MessageOf(ParseDevice(text).status()); };
  for (const std::string disk : {"virtio-blk,drive=d", "ide-hd,drive=d", "scsi-hd,drive=d",
                                 "ide-cd,drive=d", "scsi-cd,drive=d"}) {
    SCOPED_TRACE(disk);
    for (const std::string option : {"x-retry-delay=5", "x-retry-limit=0", "x-retry-action=stop"}) {
      const std::string name = option.substr(0, option.find('='));
      EXPECT_EQ(device(disk + ",rerror=stop," + option),
                "device." + name + ": needs the error policy retry");
      EXPECT_EQ(device(disk + ",rerror=retry," + option), "");
    }
    EXPECT_EQ(device(disk + ",rerror=retry,x-retry-action=enospc"),
              "device.x-retry-action: enospc is only for writes, and rerror is retry");
    EXPECT_EQ(device(disk + ",rerror=stall"), "");
    EXPECT_EQ(device(disk + ",rerror=retry,x-retry-delay=0"),
              "device.x-retry-delay: 0 must be between 1 and 3600000");
    EXPECT_EQ(device(disk + ",rerror=retry,x-retry-limit=1000001"),
              "device.x-retry-limit: 1000001 must be between 0 and 1000000");
    EXPECT_NE(device(disk + ",rerror=retry,x-retry-action=retry").find("device.x-retry-action"),
              std::string::npos);
  }
  EXPECT_EQ(device("virtio-blk,drive=d,werror=retry,x-retry-action=enospc"), "");
}

}  // namespace
}  // namespace platter
