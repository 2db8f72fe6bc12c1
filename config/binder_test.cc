// SPDX-License-Identifier: Apache-2.0
//
// What the binder refuses and says. What it takes, option by option, is table_test's.

#include "config/binder.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json.h"
#include "config/keyval.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

using ::testing::EndsWith;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <typename Options>
std::string Outcome(const Value& value) {
  Options options;
  const absl::Status status = BindMessage(value, "top", &options);
  return status.ok() ? "ok" : MessageOf(status);
}

template <typename Options = config::BlockdevOptions>
std::string Json(std::string_view text) {
  const auto value = ParseJson(text, "top");
  return value.ok() ? Outcome<Options>(*value) : MessageOf(value.status());
}

template <typename Options = config::BlockdevOptions>
std::string Keys(std::string_view text) {
  const auto keyval = ParseKeyval(text, "top", "driver");
  return keyval.ok() ? Outcome<Options>(keyval->options) : MessageOf(keyval.status());
}

TEST(Binder, AnUnknownOptionHasItsPathAndASuggestion) {
  EXPECT_EQ(Keys("file,filenam=x"),
            "top.filenam: unknown option of driver=file; did you mean 'filename'?");
  EXPECT_EQ(Keys("raw,file.driver=file,file.cache.dirct=on"),
            "top.file.cache.dirct: unknown option; did you mean 'direct'?");
  EXPECT_EQ(
      Json(R"({"driver": "blkdebug", "inject-error": [{"event": "none"}, {"evnt": "none"}]})"),
      "top.inject-error.1.evnt: unknown option; did you mean 'event'?");
  EXPECT_EQ(Keys<config::DeviceOptions>("virtio-blk,logical-block-size=512"),
            "top.logical-block-size: unknown option of driver=virtio-blk; did you mean "
            "'logical_block_size'?");
  EXPECT_EQ(Keys("file,node_name=x"),
            "top.node_name: unknown option of driver=file; did you mean 'node-name'?");
}

TEST(Binder, WhereNothingIsNearTheMessageSaysWhatListsTheNames) {
  EXPECT_EQ(Keys("file,zzzzzz=x"),
            "top.zzzzzz: unknown option of driver=file (driver=file,help lists them)");
  EXPECT_EQ(Json(R"({"driver": "file", "": 1})"),
            "top.'': unknown option of driver=file (driver=file,help lists them)");
  EXPECT_EQ(Keys("file,cache.zzzzzz=x"),
            "top.cache.zzzzzz: unknown option; there are direct, no-flush");
  EXPECT_EQ(Keys("qcow2"), "top.driver: no driver is called 'qcow2' (driver=help lists them)");
  EXPECT_EQ(Keys<config::ObjectOptions>("qom-type=secret,driver=x"),
            "top.qom-type: no qom-type is called 'secret' (qom-type=help lists them)");
}

TEST(Binder, AMisspeltDiscriminatorIsSuggestedToo) {
  EXPECT_EQ(Json(R"({"drvier": "file"})"), "top.drvier: unknown option; did you mean 'driver'?");
  EXPECT_EQ(Keys("drvier=file,filename=x"), "top.drvier: unknown option; did you mean 'driver'?");
}

TEST(Binder, AnOptionOfAnotherDriverIsSaidToBeSo) {
  EXPECT_EQ(Keys("null-co,filename=x"),
            "top.filename: unknown option of driver=null-co; it is one of driver=file");
}

TEST(Binder, TheDiscriminatorIsCheckedFirst) {
  EXPECT_EQ(Keys("nul-co,size=x"),
            "top.driver: no driver is called 'nul-co'; did you mean 'null-co'?");
  EXPECT_EQ(Json(R"({"size": 1})"), "top.driver: missing");
  EXPECT_EQ(Json(R"({"driver": 1})"), "top.driver: takes a name, not 1");
  EXPECT_EQ(Json(R"({"size": 1, "driver": "null-co"})"), "ok");
}

TEST(Binder, AWrongChoiceHasASuggestion) {
  EXPECT_EQ(Keys("file,discard=unmapp"),
            "top.discard: takes ignore or unmap, not 'unmapp'; did you mean 'unmap'?");
  EXPECT_EQ(
      Keys("blkdebug,inject-error.0.event=read_aoi"),
      "top.inject-error.0.event: takes none, read_aio, write_aio, flush_to_os, flush_to_disk, "
      "pwritev, pwritev_zero or pwritev_done, not 'read_aoi'; did you mean 'read_aio'?");
  EXPECT_THAT(Keys("file,discard=UNMAP"), StartsWith("top.discard: takes"));
  EXPECT_EQ(Keys("file,aio=uring"),
            "top.aio: takes threads, native or io_uring, not 'uring'; did you mean 'io_uring'?");
  EXPECT_EQ(Json(R"({"driver":"file","discard":1})"), "top.discard: takes ignore or unmap, not 1");
}

TEST(Binder, KindsAreNotConverted) {
  EXPECT_EQ(Json(R"({"driver":"file","read-only":"on"})"),
            "top.read-only: takes on or off, not the string 'on'");
  EXPECT_EQ(Json(R"({"driver":"file","read-only":1})"), "top.read-only: takes on or off, not 1");
  EXPECT_EQ(Json(R"({"driver":"file","read-only":null})"),
            "top.read-only: takes on or off, not null");
  EXPECT_EQ(Json(R"({"driver":"file","filename":7})"), "top.filename: takes a string, not 7");
  EXPECT_EQ(Json(R"({"driver":"file","filename":true})"), "top.filename: takes a string, not true");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":"1M"})"),
            "top.size: takes a number of bytes, not the string '1M'");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":1e6})"),
            "top.size: takes a number of bytes, not a number with a fraction or exponent");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":[1]})"),
            "top.size: takes a number of bytes, not a list");
  EXPECT_EQ(Json(R"({"driver":"null-co","cache":true})"), "top.cache: takes an object, not true");
  EXPECT_EQ(Json(R"({"driver":"raw","file":7})"), "top.file: takes a name or an object, not 7");
  EXPECT_EQ(Json(R"({"driver":"raw","file":null})"),
            "top.file: takes a name or an object, not null");
  EXPECT_EQ(Json(R"({"driver":"blkdebug","inject-error":{}})"),
            "top.inject-error: takes a list, not an object");
  EXPECT_EQ(Json("[]"), "top: takes an object, not a list");
  EXPECT_EQ(Json("3"), "top: takes an object, not 3");
}

TEST(Binder, KeyValueTextsMeanWhatTheFieldIs) {
  EXPECT_EQ(Keys("null-co,size=12x"),
            "top.size: takes a number of bytes, not '12x' (suffixes are K, M, G, T, P, E)");
  EXPECT_EQ(Keys("null-co,latency-ns=1K"), "top.latency-ns: takes a whole number, not '1K'");
  EXPECT_EQ(Keys("null-co,read-zeroes=maybe"), "top.read-zeroes: takes on or off, not 'maybe'");
  EXPECT_EQ(Keys("null-co,cache=on"),
            "top.cache: takes an object, not 'on' (name its options: top.cache.NAME=...)");
  EXPECT_EQ(Keys("blkdebug,inject-error=none"),
            "top.inject-error: takes a list, not 'none' (name its elements: top.inject-error.0 and "
            "so on)");
  EXPECT_EQ(Keys("blkdebug,inject-error.event=none"),
            "top.inject-error: takes a list, not an object");
  EXPECT_EQ(Keys("file,filename.0=a"), "top.filename: takes a string, not a list");
  EXPECT_EQ(Keys("raw,file="),
            "top.file: '' must be a letter followed by letters, digits, '-', '.' and '_'");
}

TEST(Binder, NumbersAreHeldToTheirRange) {
  EXPECT_EQ(Keys("null-co,size=-1"), "top.size: -1 must be between 0 and 9223372036854775807");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":9223372036854775808})"),
            "top.size: 9223372036854775808 must be between 0 and 9223372036854775807");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":9223372036854775807})"), "ok");
  EXPECT_EQ(Json(R"({"driver":"null-co","size":-9223372036854775808})"),
            "top.size: -9223372036854775808 must be between 0 and 9223372036854775807");
  EXPECT_EQ(Keys("blkdebug,max-transfer=4G"),
            "top.max-transfer: 4294967296 must be between 0 and 2147483647");
  EXPECT_EQ(
      Keys("null-co,size=9999999999999999999999"),
      "top.size: takes a number of bytes, not '9999999999999999999999' (suffixes are K, M, G, "
      "T, P, E)");
}

TEST(Binder, StringsHoldNoNul) {
  EXPECT_EQ(Json(R"({"driver":"file","filename":"/etc/passwd\u0000.img"})"),
            "top.filename: '/etc/passwd\\x00.img' must not hold a NUL byte");
}

TEST(Binder, DeepNestingIsRefusedOrBound) {
  std::string inner = R"({"driver":"null-co"})";
  for (int i = 0; i < 60; ++i) inner = R"({"driver":"raw","file":)" + inner + "}";
  EXPECT_EQ(Json(inner), "ok");
  for (int i = 0; i < 10; ++i) inner = R"({"driver":"raw","file":)" + inner + "}";
  EXPECT_THAT(Json(inner), HasSubstr("nested deeper"));
}

TEST(Binder, AnEmptyListIsAList) {
  EXPECT_THAT(Json(R"({"driver":"blkdebug","image":"n","inject-error":[]})"), Eq("ok"));
  EXPECT_THAT(Json(R"({"driver":"blkdebug","image":"n","inject-error":[[]]})"),
              EndsWith("inject-error.0: takes an object, not a list"));
}

}  // namespace
}  // namespace platter
