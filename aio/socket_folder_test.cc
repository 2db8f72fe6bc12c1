// SPDX-License-Identifier: Apache-2.0
#include "aio/socket_folder.h"

#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace platter {
namespace {

TEST(SocketFolderTest, IsThereShortAndGoesWithAllThatIsInIt) {
  std::optional<SocketFolder> folder(std::in_place);
  const SocketFolder other;
  EXPECT_NE(folder->path(), other.path());
  const std::string inside = *folder / "socket";
  EXPECT_LT(inside.size(), sizeof(sockaddr_un::sun_path) / 2);
  std::ofstream(inside) << "x";
  ASSERT_TRUE(std::filesystem::exists(inside));
  const std::string path = folder->path();
  folder.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace platter
