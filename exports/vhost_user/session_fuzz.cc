// SPDX-License-Identifier: Apache-2.0
//
// A front-end that sends messages mostly of the right form, in any order, some of them mangled, cut
// or with descriptors that belong elsewhere. Held: nothing ends the process, no descriptor is left,
// and the next front-end is served.
//
// The bytes choose: a disk or a SCSI adapter, then messages, what of each is wrong, and its
// numbers.

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "exports/vhost_user/requests.h"
#include "exports/vhost_user/scsi_fixture.h"
#include "exports/vhost_user/session_fixture.h"

namespace platter {
namespace {

constexpr int kMostMessages = 40;
constexpr uint32_t kQueues = 2;
constexpr std::array<uint64_t, 13> kNumbers = {0,
                                               1,
                                               2,
                                               64,
                                               256,
                                               4096,
                                               kMiB,
                                               0x7f0000000000,
                                               0x7f0000001000,
                                               uint64_t{1} << 32,
                                               0x100000000 | (1u << 30),
                                               0x00400001,  // One queue of 64 entries.
                                               UINT64_MAX};

class Chooser {
 public:
  Chooser(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  size_t Below(size_t end) {
    if (left_ == 0) return 0;
    --left_;
    return *data_++ % end;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

struct Files {
  OwnedDescriptor event{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  OwnedDescriptor memory{memfd_create("fuzz", MFD_CLOEXEC)};
  // The back-end's ends of two pipes, for a state that is saved and for one that is loaded, and the
  // other end of the first.
  OwnedDescriptor writer;
  OwnedDescriptor reader;
  OwnedDescriptor saved;
};

// Such as a message of this kind comes with.
int FileFor(VhostUserRequest request, const Files& files, Chooser& choose) {
  switch (request) {
    case VhostUserRequest::kAddMemReg:
    case VhostUserRequest::kSetMemTable:
    case VhostUserRequest::kSetLogBase:
    case VhostUserRequest::kSetInflightFd:
      return files.memory.get();
    case VhostUserRequest::kSetDeviceStateFd:
      return choose.Below(2) == 0 ? files.writer.get() : files.reader.get();
    default:
      return files.event.get();
  }
}

void SendOne(Chooser& choose, VhostUserFrontEnd& front, const Files& files) {
  const std::span<const RequestRule> rules = ServedRequests();
  const RequestRule& rule = rules[choose.Below(rules.size())];
  uint32_t request = static_cast<uint32_t>(rule.id);
  uint32_t size = rule.min_payload;
  if (rule.max_payload > rule.min_payload) size += static_cast<uint32_t>(choose.Below(8)) * 32;
  if (choose.Below(16) == 15) size = static_cast<uint32_t>(choose.Below(256));
  if (choose.Below(32) == 31) request = static_cast<uint32_t>(choose.Below(50));
  std::vector<uint8_t> payload(size);
  // Words of the protocol are 32 or 64 bits wide.
  for (size_t at = 0; at + 4 <= payload.size() && !choose.empty(); at += 4) {
    const uint64_t number = kNumbers[choose.Below(kNumbers.size())];
    std::memcpy(payload.data() + at, &number, at + 8 <= payload.size() ? 8 : 4);
    if (number > UINT32_MAX) at += 4;
  }
  const size_t count = choose.Below(16) == 15 ? choose.Below(9) : rule.max_descriptors & 1;
  const std::vector<int> fds(count, FileFor(rule.id, files, choose));
  const uint32_t flags = kVhostUserVersion | (choose.Below(2) == 0 ? kVhostUserNeedReply : 0);
  if (choose.Below(64) != 63) {
    front.Send(request, flags, payload, fds);
  } else {
    front.SendBytes(std::span(payload).first(payload.size() / 2), fds);
  }
}

// With a few bytes of a state that is to be loaded.
Files MakeFiles(Chooser& choose) {
  Files files;
  PLATTER_CHECK(ftruncate(files.memory.get(), 2 * kMiB) == 0);
  std::array<int, 2> save = {-1, -1};
  std::array<int, 2> load = {-1, -1};
  PLATTER_CHECK(pipe2(save.data(), O_CLOEXEC) == 0 && pipe2(load.data(), O_CLOEXEC) == 0);
  files.saved = OwnedDescriptor(save[0]);
  files.writer = OwnedDescriptor(save[1]);
  files.reader = OwnedDescriptor(load[0]);
  const OwnedDescriptor loading(load[1]);
  std::array<uint8_t, 16> bytes = {};
  const size_t count = choose.Below(bytes.size());
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(choose.Below(256));
  PLATTER_CHECK(write(loading.get(), bytes.data(), count) == static_cast<ssize_t>(count));
  return files;
}

// One front-end's session, and the next one.
template <typename Rig>
void FuzzSession(Chooser& choose, Rig& rig, uint32_t rings) {
  const Files files = MakeFiles(choose);
  rig.Turn();
  const size_t before = Rig::OpenDescriptors();
  {
    auto front = rig.Connect();
    const uint64_t features = 0x100000000 | kVhostUserFProtocolFeatures;
    PLATTER_CHECK(front->NegotiateProtocol(choose.Below(4) == 0 ? 0 : UINT64_MAX).ok());
    if (choose.Below(4) != 0) {
      PLATTER_CHECK(front->Tell(VhostUserRequest::kSetFeatures, BytesOf(features)).ok());
    }
    for (int i = 0; i < kMostMessages && !choose.empty(); ++i) {
      SendOne(choose, *front, files);
      rig.Turn();
    }
  }
  rig.Turn();
  PLATTER_CHECK(!rig.exported->serving());
  // A ring's call descriptor keeps its number for good, from the first one on.
  const size_t after = Rig::OpenDescriptors();
  PLATTER_CHECK(after >= before && after <= before + rings);
  auto next = rig.Connect();
  PLATTER_CHECK(next->Ask(VhostUserRequest::kGetFeatures).ok());
}

}  // namespace
}  // namespace platter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  platter::Chooser choose(data, size);
  if (choose.Below(2) == 0) {
    platter::SessionRig rig({.num_queues = platter::kQueues});
    platter::FuzzSession(choose, rig, platter::kQueues);
  } else {
    platter::ScsiRig rig({.num_queues = platter::kQueues});
    platter::FuzzSession(choose, rig, platter::kQueues + platter::kVirtioScsiFirstRequestQueue);
  }
  return 0;
}
