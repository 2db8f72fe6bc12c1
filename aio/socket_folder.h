// SPDX-License-Identifier: Apache-2.0
//
// SocketFolder: for tests: a folder with a path that is short enough for sockets in it, which that
// of a test's own folder need not be.
//
// Ownership: the folder goes with it, and all that is in it. Threading: none of its own. Errors: a
//   failed check when there is no room in /tmp.

#ifndef PLATTER_AIO_SOCKET_FOLDER_H_
#define PLATTER_AIO_SOCKET_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/check.h"

namespace platter {

class SocketFolder {
 public:
  SocketFolder() { PLATTER_CHECK(mkdtemp(path_.data()) != nullptr); }
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/platter-XXXXXX";  // sun_path has 108 bytes.
};

}  // namespace platter

#endif  // PLATTER_AIO_SOCKET_FOLDER_H_
