// SPDX-License-Identifier: Apache-2.0
//
// DirectTransport with event descriptors, as a driver in another process has it: kicks and calls
// through the kernel, in both kinds of context that have one.

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"

#include "aio/create.h"
#include "base/status.h"
#include "devices/testing/fake_block_device.h"
#include "devices/virtio/direct_transport.h"
#include "devices/virtio/virtio_blk.h"
#include "testing/guest/in_process_bus.h"
#include "testing/guest/virtio_blk_queue.h"

namespace platter {
namespace {

constexpr uint16_t kQueues = 2;

class Event {
 public:
  Event() : fd_(eventfd(0, EFD_CLOEXEC)) {}
  ~Event() { close(fd_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  int fd() const { return fd_; }
  void Signal() const {
    const uint64_t one = 1;
    ASSERT_EQ(write(fd_, &one, sizeof(one)), ssize_t{sizeof(one)});
  }
  // What was signalled since the last call.
  uint64_t Take() const {
    pollfd look = {.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&look, 1, 0) != 1) return 0;
    uint64_t value = 0;
    EXPECT_EQ(read(fd_, &value, sizeof(value)), ssize_t{sizeof(value)});
    return value;
  }

 private:
  const int fd_;
};

// Waits until one of them is signalled, and takes it.
uint64_t WaitForEither(const Event& one, const Event& other) {
  pollfd look[] = {{one.fd(), POLLIN, 0}, {other.fd(), POLLIN, 0}};
  EXPECT_GT(poll(look, 2, 30'000), 0) << "no call came";
  return one.Take() + other.Take();
}

class DescriptorsTest : public testing::TestWithParam<AioKind> {
 protected:
  void SetUp() override {
    auto made = CreateAioContext({.kind = GetParam(), .name = "control"});
    if (!made.ok() && GetParam() == AioKind::kUring) {
      GTEST_SKIP() << "no-io-uring: " << made.status();
    }
    ASSERT_TRUE(made.ok()) << made.status();
    control = *std::move(made);
    io = *CreateAioContext({.kind = GetParam(), .name = "io"});
    bus = std::make_unique<InProcessBus>(*control, InProcessBus::Options());
    backend.record = false;
    data = *bus->Allocate(4096, 4096);
  }
  // Queues in the control context, or in one on a thread of its own.
  void MakeDevice(bool io_thread) {
    VirtioBlkOptions options = {.id = "disk0", .num_queues = kQueues};
    if (io_thread) options.iothreads = {io.get()};
    device = *VirtioBlk::Create(options, backend, *control);
    transport = std::make_unique<DirectTransport>(*device, bus->Vectors(0));
    if (io_thread) StartThread();
    ASSERT_TRUE(transport->SetMemory(bus->memory()).ok());
    ASSERT_TRUE(transport->SetFeatures(transport->offered_features()).ok());
  }
  void StartThread() {
    std::atomic<bool> bound{false};
    thread = std::thread([this, &bound] {
      io->BindToThisThread();
      bound.store(true);
      bound.notify_one();
      io->RunUntil([this] { return stop_thread; });
    });
    bound.wait(false);
  }
  void TearDown() override {
    if (device != nullptr) {
      bool done = false;
      device->Unplug([&] { done = true; });
      control->RunUntil([&] { return done; });
      device.reset();
      transport.reset();
    }
    if (thread.joinable()) {
      io->Post([this] { stop_thread = true; });
      thread.join();
      io->BindToThisThread();
    }
  }
  // Runs the control context until it would sleep.
  void Settle() {
    for (int turns = 0; control->RunReady(); ++turns) ASSERT_LT(turns, 10'000);
  }

  void StartQueue(uint16_t index) {
    queues[index] = *VirtioBlkQueue::Create(*bus, {.size = 16, .event_index = EventIndex::kOn});
    ASSERT_TRUE(transport->StartQueue(index, LayoutOf(index)).ok());
  }
  QueueLayout LayoutOf(uint16_t index) const {
    const RingLayout& layout = queues[index]->ring().layout();
    return {.size = layout.size,
            .descriptors = layout.descriptors,
            .driver = layout.driver,
            .device = layout.device};
  }
  void StopQueue(uint16_t index) {
    bool stopped = false;
    transport->StopQueue(index, [&](DirectTransport::Position) { stopped = true; });
    control->RunUntil([&] { return stopped; });
  }
  void SubmitRead(uint16_t index) {
    const GuestSegment segment = {data, 4096};
    ASSERT_TRUE(queues[index]->Submit({.data = {&segment, 1}}, 1));
    queues[index]->Publish();
  }
  uint32_t Reap(uint16_t index) {
    const uint32_t count = queues[index]->Reap(
        [](uint64_t, uint8_t status, uint32_t) { EXPECT_EQ(status, guest::kBlkOk); });
    return count;
  }
  uint64_t Vector(uint32_t vector) {
    return bus->Interrupt(InProcessBus::kFirstVector + vector).raised;
  }

  std::unique_ptr<AioContext> control;
  std::unique_ptr<AioContext> io;
  std::unique_ptr<InProcessBus> bus;
  FakeBlockDevice backend{kMiB};
  std::unique_ptr<VirtioBlk> device;
  std::unique_ptr<DirectTransport> transport;
  std::thread thread;
  bool stop_thread = false;  // In io.
  std::array<std::unique_ptr<VirtioBlkQueue>, kQueues> queues;
  std::array<Event, kQueues> kick;
  std::array<Event, kQueues> call;
  Event config;
  uint64_t data = 0;
};

TEST_P(DescriptorsTest, ReadsByDescriptorsAlone) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  for (uint16_t i = 0; i < kQueues; ++i) {
    ASSERT_TRUE(transport->SetKickDescriptor(i, kick[i].fd()).ok());
    ASSERT_TRUE(transport->SetCallDescriptor(i, call[i].fd()).ok());
    StartQueue(i);
  }
  Settle();
  for (int round = 0; round < 10; ++round) {
    for (uint16_t i = 0; i < kQueues; ++i) {
      SubmitRead(i);
      Settle();
      EXPECT_EQ(Reap(i), 0u);  // Nobody has kicked.
      kick[i].Signal();
      Settle();
      EXPECT_EQ(call[i].Take(), 1u);
      EXPECT_EQ(call[1 - i].Take(), 0u);
      EXPECT_EQ(Reap(i), 1u);
      queues[i]->ring().EnableInterrupts();
    }
  }
  for (uint16_t i = 0; i < kQueues; ++i) {
    EXPECT_EQ(Vector(i), 0u);
    EXPECT_EQ(transport->kick_descriptor_error(i), 0);
  }
}

// As a front-end that blocks on its call descriptor, which is exchanged while requests are on
// their way.
TEST_P(DescriptorsTest, AnotherThreadsQueueAndDescriptorsThatChange) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(true));
  const Event others[] = {Event(), Event()};
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  ASSERT_TRUE(transport->SetCallDescriptor(0, call[0].fd()).ok());
  StartQueue(0);
  uint64_t calls = 0;
  for (int round = 0; round < 500; ++round) {
    SubmitRead(0);
    (round % 2 == 0 ? kick[0] : others[0]).Signal();
    // The kick that is pending on the old descriptor is the driver's to repeat, here by call.
    const bool to_other = round % 2 == 0;
    ASSERT_TRUE(transport->SetCallDescriptor(0, (to_other ? others[1] : call[0]).fd()).ok());
    ASSERT_TRUE(transport->SetKickDescriptor(0, (to_other ? others[0] : kick[0]).fd()).ok());
    transport->Kick(0);
    while (Reap(0) == 0) calls += WaitForEither(call[0], others[1]);
    queues[0]->ring().EnableInterrupts();
  }
  EXPECT_GT(calls, 0u);
  EXPECT_EQ(Vector(0), 0u);
  StopQueue(0);
}

TEST_P(DescriptorsTest, AThreadsQueueByDescriptorsAlone) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(true));
  ASSERT_TRUE(transport->SetKickDescriptor(1, kick[1].fd()).ok());
  ASSERT_TRUE(transport->SetCallDescriptor(1, call[1].fd()).ok());
  StartQueue(1);
  for (int round = 0; round < 500; ++round) {
    SubmitRead(1);
    kick[1].Signal();
    while (Reap(1) == 0) ASSERT_GT(WaitForEither(call[1], call[0]), 0u);
    queues[1]->ring().EnableInterrupts();
  }
  EXPECT_EQ(Vector(1), 0u);
}

TEST_P(DescriptorsTest, PendingBeforeTheStart) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  kick[0].Signal();
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  Settle();
  EXPECT_EQ(kick[0].Take(), 1u);  // Not looked at before.
  kick[0].Signal();
  StartQueue(0);
  SubmitRead(0);
  Settle();
  EXPECT_EQ(Reap(0), 1u);
  EXPECT_EQ(kick[0].Take(), 0u);
  EXPECT_EQ(Vector(0), 1u);  // No call descriptor: the vector.
}

TEST_P(DescriptorsTest, NothingIsReadOfAStoppedQueueAndAllOfAStartedAgain) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  StartQueue(0);
  Settle();
  StopQueue(0);
  kick[0].Signal();
  Settle();
  EXPECT_EQ(kick[0].Take(), 1u);
  // A reset stops queues too.
  StartQueue(0);
  Settle();
  bool done = false;
  device->Reset([&] { done = true; });
  control->RunUntil([&] { return done; });
  kick[0].Signal();
  Settle();
  EXPECT_EQ(kick[0].Take(), 1u);
  // Descriptors stay.
  ASSERT_TRUE(transport->SetFeatures(transport->offered_features()).ok());
  StartQueue(0);
  Settle();
  SubmitRead(0);
  kick[0].Signal();
  Settle();
  EXPECT_EQ(Reap(0), 1u);
}

TEST_P(DescriptorsTest, FromStopQueueOnNothingIsRead) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  StartQueue(0);
  backend.hold = true;
  SubmitRead(0);
  kick[0].Signal();
  Settle();
  ASSERT_EQ(backend.held(), 1u);
  bool stopped = false;
  transport->StopQueue(0, [&](DirectTransport::Position) { stopped = true; });
  Settle();
  kick[0].Signal();
  Settle();
  EXPECT_FALSE(stopped);
  EXPECT_EQ(kick[0].Take(), 1u);
  backend.Release();
  control->RunUntil([&] { return stopped; });
}

TEST_P(DescriptorsTest, ReplacedAndTakenAway) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  StartQueue(0);
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  ASSERT_TRUE(transport->SetCallDescriptor(0, call[0].fd()).ok());
  Settle();
  // Others in their place, of which the caller closes its own.
  const Event other_call;
  const auto other_kick = std::make_unique<Event>();
  ASSERT_TRUE(transport->SetKickDescriptor(0, other_kick->fd()).ok());
  ASSERT_TRUE(transport->SetCallDescriptor(0, other_call.fd()).ok());
  SubmitRead(0);
  kick[0].Signal();
  Settle();
  EXPECT_EQ(Reap(0), 0u);
  EXPECT_EQ(kick[0].Take(), 1u);
  other_kick->Signal();
  Settle();
  EXPECT_EQ(Reap(0), 1u);
  EXPECT_EQ(call[0].Take(), 0u);
  EXPECT_EQ(other_call.Take(), 1u);
  queues[0]->ring().EnableInterrupts();
  // None: calls and vectors.
  ASSERT_TRUE(transport->SetKickDescriptor(0, -1).ok());
  ASSERT_TRUE(transport->SetCallDescriptor(0, -1).ok());
  SubmitRead(0);
  other_kick->Signal();
  Settle();
  EXPECT_EQ(Reap(0), 0u);
  EXPECT_EQ(other_kick->Take(), 1u);
  EXPECT_EQ(Vector(0), 0u);
  transport->Kick(0);
  Settle();
  EXPECT_EQ(Reap(0), 1u);
  EXPECT_EQ(Vector(0), 1u);
  EXPECT_EQ(other_call.Take(), 0u);
}

TEST_P(DescriptorsTest, ConfigurationChanges) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  ASSERT_TRUE(transport->SetConfigDescriptor(config.fd()).ok());
  backend.Resize(2 * kMiB);
  EXPECT_EQ(config.Take(), 0u);  // 3.1.1: not before DRIVER_OK.
  StartQueue(0);
  backend.Resize(3 * kMiB);
  EXPECT_EQ(config.Take(), 1u);
  EXPECT_EQ(Vector(transport->config_vector()), 0u);
  ASSERT_TRUE(transport->SetConfigDescriptor(-1).ok());
  backend.Resize(4 * kMiB);
  EXPECT_EQ(config.Take(), 0u);
  EXPECT_EQ(Vector(transport->config_vector()), 1u);
}

TEST_P(DescriptorsTest, ABrokenQueueIsAConfigurationChange) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  ASSERT_TRUE(transport->SetConfigDescriptor(config.fd()).ok());
  ASSERT_TRUE(transport->SetKickDescriptor(0, kick[0].fd()).ok());
  StartQueue(0);
  Settle();
  const uint8_t far[2] = {0xff, 0x7f};
  ASSERT_TRUE(bus->Write(queues[0]->ring().layout().driver + guest::kRingIndex, far));
  kick[0].Signal();
  Settle();
  EXPECT_TRUE(transport->needs_reset());
  EXPECT_EQ(config.Take(), 1u);
}

TEST_P(DescriptorsTest, APeerThatClosesItsEndIsNotLookedAtAgain) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_TRUE(transport->SetKickDescriptor(0, ends[0]).ok());
  close(ends[0]);
  StartQueue(0);
  SubmitRead(0);
  ASSERT_EQ(write(ends[1], "12345678", 8), 8);
  Settle();
  EXPECT_EQ(Reap(0), 1u);
  EXPECT_EQ(transport->kick_descriptor_error(0), 0);
  close(ends[1]);
  Settle();  // Bounded.
  EXPECT_EQ(transport->kick_descriptor_error(0), EPIPE);
  queues[0]->ring().EnableInterrupts();
  SubmitRead(0);
  transport->Kick(0);
  Settle();
  EXPECT_EQ(Reap(0), 1u);
}

// The queue of a driver whose counter never ends does not keep the context from sleeping.
TEST_P(DescriptorsTest, AnEndlessCounterIsGivenARest) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  const int endless = eventfd(1u << 31, EFD_SEMAPHORE);
  ASSERT_GE(endless, 0);
  ASSERT_TRUE(transport->SetKickDescriptor(0, endless).ok());
  close(endless);
  StartQueue(0);
  const uint64_t sleeps = control->stats().sleeps;
  control->RunUntil([&] { return control->stats().sleeps >= sleeps + 5; });
  // And it works: what is there is found at the next look.
  for (int round = 0; round < 3; ++round) {
    SubmitRead(0);
    uint32_t done = 0;
    control->RunUntil([&] { return (done += Reap(0)) == 1; });
    queues[0]->ring().EnableInterrupts();
  }
}

TEST_P(DescriptorsTest, MistakesAreNamed) {
  ASSERT_NO_FATAL_FAILURE(MakeDevice(false));
  const int zero = open("/dev/zero", O_RDWR);
  ASSERT_GE(zero, 0);
  EXPECT_EQ(transport->SetKickDescriptor(kQueues, -1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(MessageOf(transport->SetCallDescriptor(kQueues, -1)),
            "device 'disk0' queue 2 does not exist");
  const std::string number = std::to_string(zero);
  EXPECT_EQ(MessageOf(transport->SetKickDescriptor(0, zero)),
            "device 'disk0' queue 0: kick: descriptor " + number +
                " is a file or a device, not an eventfd to watch");
  EXPECT_EQ(MessageOf(transport->SetCallDescriptor(1, zero)),
            "device 'disk0' queue 1: call: descriptor " + number +
                " is not an eventfd or a unix stream socket to signal");
  EXPECT_EQ(MessageOf(transport->SetConfigDescriptor(zero)),
            "device 'disk0': configuration changes: descriptor " + number +
                " is not an eventfd or a unix stream socket to signal");
  close(zero);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DescriptorsTest,
                         testing::Values(AioKind::kUring, AioKind::kThreads),
                         [](const testing::TestParamInfo<AioKind>& kind) {
                           return kind.param == AioKind::kUring ? "Uring" : "Threads";
                         });

}  // namespace
}  // namespace platter
