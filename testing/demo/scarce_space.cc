// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/scarce_space.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "drivers/memory/memory_node.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/narrator.h"
#include "testing/demo/small_tmpfs.h"

namespace platter {
namespace {

class TmpfsSpace final : public ScarceSpace {
 public:
  explicit TmpfsSpace(std::unique_ptr<SmallTmpfs> tmpfs) : tmpfs_(std::move(tmpfs)) {}

  std::string Describe() const override {
    return absl::StrCat("a tmpfs of ", FormatBytes(size_),
                        " in a user and mount namespace, with a sparse image of ",
                        FormatBytes(kDiskBytes));
  }
  const char* Kind() const override { return "the tmpfs"; }
  config::BlockdevOptions NodeOptions(const std::string& node_name) const override {
    config::BlockdevOptions options;
    options.set_node_name(node_name);
    options.mutable_file()->set_filename(ImagePath());
    return options;
  }
  void SetNode(NodeRef) override {}

  absl::Status Fill() override {
    const int fd = ::open(Ballast().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return ErrnoError(errno, "ballast in the tmpfs");
    std::array<uint8_t, 4096> page;
    page.fill(0xb5);
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    const int error = errno;
    ::close(fd);
    return error == ENOSPC ? absl::OkStatus() : ErrnoError(error, "ballast in the tmpfs");
  }

  absl::StatusOr<std::string> MakeRoom(Room how) override {
    if (how == Room::kDelete) {
      if (::unlink(Ballast().c_str()) != 0) return ErrnoError(errno, "ballast in the tmpfs");
      return std::string("deletes the ballast from the tmpfs");
    }
    PLATTER_RETURN_IF_ERROR(tmpfs_->Resize(size_ + kRealBytes));
    size_ += kRealBytes;
    return absl::StrCat("mount -o remount,size=", size_ / kMiB, "M");
  }

  absl::StatusOr<uint64_t> FreeBytes() const override { return tmpfs_->FreeBytes(); }
  std::string ImagePath() const override { return tmpfs_->File("disk.img"); }

 private:
  std::string Ballast() const { return tmpfs_->File("ballast"); }

  const std::unique_ptr<SmallTmpfs> tmpfs_;
  uint64_t size_ = kRealBytes;
};

class MemorySpace final : public ScarceSpace {
 public:
  std::string Describe() const override {
    return absl::StrCat("a memory node of ", FormatBytes(kDiskBytes),
                        " that may take allocation-limit=", kRealBytes / kMiB, "M");
  }
  const char* Kind() const override { return "the memory node"; }
  config::BlockdevOptions NodeOptions(const std::string& node_name) const override {
    config::BlockdevOptions options;
    options.set_node_name(node_name);
    options.mutable_memory()->set_size(kDiskBytes);
    options.mutable_memory()->set_allocation_limit(kRealBytes);
    return options;
  }
  void SetNode(NodeRef node) override { node_ = std::move(node); }

  absl::Status Fill() override { return SetFree(0); }
  absl::StatusOr<std::string> MakeRoom(Room) override {
    PLATTER_RETURN_IF_ERROR(SetFree(kRealBytes));
    return absl::StrCat("raises allocation-limit by ", FormatBytes(kRealBytes));
  }
  absl::StatusOr<uint64_t> FreeBytes() const override { return free_; }
  std::string ImagePath() const override { return ""; }

 private:
  absl::Status SetFree(uint64_t bytes) {
    auto* memory = dynamic_cast<MemoryNode*>(node_.get());
    if (memory == nullptr) return ErrorWithErrno(ENODEV, "there is no memory node");
    memory->SetAllocationLimit(memory->allocated_bytes() + bytes);
    free_ = bytes;
    return absl::OkStatus();
  }

  NodeRef node_;
  uint64_t free_ = kRealBytes;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScarceSpace>> ScarceSpace::OnTmpfs(const std::string& mount_point) {
  auto tmpfs = SmallTmpfs::Create(mount_point, kRealBytes);
  if (!tmpfs.ok()) return tmpfs.status();
  auto space = std::make_unique<TmpfsSpace>(*std::move(tmpfs));
  PLATTER_RETURN_IF_ERROR(MakeSparseImage(space->ImagePath(), kDiskBytes));
  return space;
}

std::unique_ptr<ScarceSpace> ScarceSpace::InMemory() { return std::make_unique<MemorySpace>(); }

}  // namespace platter
