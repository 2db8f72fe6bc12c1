// SPDX-License-Identifier: Apache-2.0

#include "daemon/sandbox/sandbox.h"

#include <cerrno>
#include <filesystem>
#include <string_view>

#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/export.pb.h"
#include "daemon/sandbox/system_calls.h"

namespace platter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kOption = "--sandbox";
// Where a daemon in the background writes its output to.
constexpr const char* kNull = "/dev/null";

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

// Goes over a tree of options.
class Collector {
 public:
  void Add(const std::string& path, FileRights rights) { files_[path].insert(rights); }

  // `read_only`: of the node above, for those that do not say it themselves.
  void AddNodes(const Message& message, bool read_only) {
    if (message.GetDescriptor() == config::BlockdevOptions::descriptor()) {
      const auto& node = static_cast<const config::BlockdevOptions&>(message);
      if (node.has_read_only()) read_only = node.read_only();
      const FileRights rights = read_only ? FileRights::kRead : FileRights::kReadWrite;
      if (node.has_file()) Add(node.file().filename(), rights);
      if (node.has_host_device()) Add(node.host_device().filename(), rights);
    }
    ForEachPart(message, [&](const Message& part) { AddNodes(part, read_only); });
  }
  // Of all sockets at a path.
  void AddSockets(const Message& message) {
    if (message.GetDescriptor() == config::UnixSocketAddress::descriptor()) {
      AddSocket(static_cast<const config::UnixSocketAddress&>(message).path());
    }
    if (message.GetDescriptor() == config::SocketChardevOptions::descriptor()) {
      const auto& socket = static_cast<const config::SocketChardevOptions&>(message);
      // One of a descriptor is there already.
      if (socket.has_path()) AddSocket(socket.path());
    }
    ForEachPart(message, [&](const Message& part) { AddSockets(part); });
  }
  const FilesOfSandbox& files() const { return files_; }

 private:
  void AddSocket(const std::string& path) { Add(FolderOf(path), FileRights::kSockets); }

  template <typename Do>
  static void ForEachPart(const Message& message, Do each) {
    const auto* const reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      if (!field->is_repeated()) {
        each(reflection->GetMessage(message, field));
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        each(reflection->GetRepeatedMessage(message, field, i));
      }
    }
  }

  FilesOfSandbox files_;
};

}  // namespace

FilesOfSandbox FilesNeeded(const config::StorageDaemonConfig& config,
                           const SandboxOptions& options) {
  Collector files;
  files.Add(kNull, FileRights::kReadWrite);
  files.AddNodes(config, /*read_only=*/false);
  files.AddSockets(config);
  if (!options.pid_file.empty()) files.Add(FolderOf(options.pid_file), FileRights::kSockets);
  for (const std::string& path : options.readable) files.Add(path, FileRights::kRead);
  for (const std::string& path : options.writable) files.Add(path, FileRights::kReadWrite);
  return files.files();
}

absl::Status CloseFiles(const config::StorageDaemonConfig& config, const SandboxOptions& options) {
  absl::StatusOr<Landlock> rules = Landlock::Create();
  if (!rules.ok()) return Annotate(rules.status(), kOption);
  for (const auto& [path, all] : FilesNeeded(config, options)) {
    for (const FileRights rights : all) {
      if (absl::Status status = rules->Allow(path, rights); !status.ok()) {
        return Annotate(status, kOption);
      }
    }
  }
  const absl::Status closed = rules->Enforce();
  return closed.ok() ? closed : Annotate(closed, kOption);
}

absl::Status CloseSystemCalls(AioKind kind) {
  const RingUse rings = kind == AioKind::kUring ? RingUse::kExisting : RingUse::kNone;
  const absl::Status closed = FilterSystemCalls(rings);
  return closed.ok() ? closed : Annotate(closed, kOption);
}

}  // namespace platter
