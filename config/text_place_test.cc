// SPDX-License-Identifier: Apache-2.0

#include "config/text_place.h"

#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

#include "config/proto/machine.pb.h"

namespace platter {
namespace {

// The place of the mark '@', which stands for the error.
TextPlace At(std::string text) {
  const size_t mark = text.find('@');
  TextPosition stop;
  for (const char c : text.substr(0, mark)) {
    stop.column = c == '\n' ? 0 : stop.column + 1;
    if (c == '\n') ++stop.line;
  }
  text.erase(mark, 1);
  return FindTextPlace(text, stop, "top", config::MachineConfig::descriptor());
}

std::string PathAt(const std::string& text) {
  const TextPlace place = At(text);
  return place.field == nullptr ? place.path + " " + place.name : FieldPath(place);
}

TEST(TextPlace, NamesTheEnclosingMessageAsTheOtherSyntaxesDo) {
  EXPECT_EQ(PathAt("@"), "top ");
  EXPECT_EQ(PathAt("blockdevs { node_name @: 'a'"), "top.blockdevs.0.node-name");
  EXPECT_EQ(PathAt("blockdevs { file { aio: @"), "top.blockdevs.0.aio");
  EXPECT_EQ(PathAt("blockdevs < raw < file < definition < cache < direct: @"),
            "top.blockdevs.0.file.cache.direct");
  EXPECT_EQ(PathAt("devices { virtio_blk { logical_block_size@ }"),
            "top.devices.0.logical_block_size");
}

TEST(TextPlace, CountsTheElementsOfLists) {
  EXPECT_EQ(PathAt("blockdevs { } devices { } blockdevs { node_name @"),
            "top.blockdevs.1.node-name");
  EXPECT_EQ(PathAt("blockdevs: [{ file { } }, { }, { node_name @"), "top.blockdevs.2.node-name");
  EXPECT_EQ(PathAt("blockdevs [ ] blockdevs { read_only @"), "top.blockdevs.0.read-only");
  EXPECT_EQ(PathAt("devices { virtio_blk { iothread_vq_mapping { vqs: [1, 2] iothread @"),
            "top.devices.0.iothread-vq-mapping.0.iothread");
}

TEST(TextPlace, LeavesWhatIsClosed) {
  EXPECT_EQ(PathAt("blockdevs { cache { direct: true } @"), "top.blockdevs.0 ");
  EXPECT_EQ(PathAt("blockdevs { cache { direct: true } file { } } @"), "top ");
  EXPECT_EQ(PathAt("} } memory: @"), "top.memory");
}

TEST(TextPlace, TellsTheNameAndTheValueReadLast) {
  const TextPlace place = At("memory: 5;\n aio: FAST @}");
  EXPECT_EQ(place.type, config::MachineConfig::descriptor());
  EXPECT_EQ(place.name, "aio");
  EXPECT_EQ(place.field, place.type->FindFieldByName("aio"));
  EXPECT_EQ(place.value, "FAST");
  EXPECT_EQ(place.name_at, (TextPosition{1, 1}));
  EXPECT_EQ(place.value_at, (TextPosition{1, 6}));
  EXPECT_EQ(At("memory: 5 aio: @FAST").value, "");
  EXPECT_EQ(At("memory: - 5@ ").value, "5");
}

TEST(TextPlace, AnUnknownNameIsTakenWithItsHyphens) {
  EXPECT_EQ(At("blockdevs { node@-name-x: 'a' }").name, "node-name-x");
  EXPECT_EQ(At("blockdevs { node @ -name: 'a' }").name, "node");
  EXPECT_EQ(At("memory@-x: 1").name, "memory") << "a known name ends where it ends";
  EXPECT_EQ(At("blockdevs { node@-name: 'a' }").field, nullptr);
}

TEST(TextPlace, AMessageOfAnUnknownFieldHasNoType) {
  EXPECT_EQ(At("gone { inner: @").type, nullptr);
  EXPECT_EQ(PathAt("gone { inner: @"), "top.gone inner");
  EXPECT_EQ(PathAt("[a.b]: @"), "top ");
}

TEST(TextPlace, SkipsCommentsAndStrings) {
  EXPECT_EQ(PathAt("# devices {\nblockdevs { node_name: 'x {' 'y' read_only @"),
            "top.blockdevs.0.read-only");
}

}  // namespace
}  // namespace platter
