// SPDX-License-Identifier: Apache-2.0
//
// SimulatedWorld: several AioContexts on one thread under one virtual clock. A seed decides which
// context turns next, how long file operations take, and what a crash leaves; the same seed and
// the same program give the same run.
//
//   SimulatedWorld world(seed);
//   AioContext& io = world.NewContext("io");
//   world.disk().Create("/disk.img", 1 << 20);
//   ... io.file_io().Open("/disk.img", O_RDWR, 0) ...
//   io.RunUntil([&] { return done; });  // Other contexts of the world progress too.
//
// The clock advances to the next timer or file completion only when no context has anything to do
// and no RealIoHold is alive. Descriptors of the kernel may be watched (a socket to another
// process): hold the clock while an answer is on its way.
//
// Ownership: owns its contexts; they die with it, last made first. Threading: one thread; Post and
// Wake from any. Errors: a run that can never progress fails a check that prints the seed.

#ifndef PLATTER_AIO_SIMULATED_WORLD_H_
#define PLATTER_AIO_SIMULATED_WORLD_H_

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

#include "aio/aio_context.h"
#include "aio/clock.h"
#include "aio/simulated/context.h"
#include "aio/simulated/disk.h"
#include "aio/simulated/random.h"

namespace platter {

class SimulatedWorld {
 public:
  explicit SimulatedWorld(uint64_t seed);
  SimulatedWorld(const SimulatedWorld&) = delete;
  SimulatedWorld& operator=(const SimulatedWorld&) = delete;
  ~SimulatedWorld();

  AioContext& NewContext(std::string name);

  uint64_t seed() const { return seed_; }
  VirtualClock& clock() { return clock_; }
  SimulatedDisk& disk() { return disk_; }
  SimulatedRandom& random() { return random_; }

  // Turns until `done`, advancing the clock as needed.
  void RunUntil(absl::FunctionRef<bool()> done);
  // Turns until no context has anything to do and no file operation is outstanding; the clock goes
  // no further than that needs, so timers may be left. True when it did anything.
  bool RunUntilIdle();
  // Turns until the clock has reached Now() + `duration` and everything due by then has run.
  void RunFor(Duration duration);

  // While one is alive the clock stands and the world waits for descriptors and posts instead.
  class RealIoHold {
   public:
    explicit RealIoHold(SimulatedWorld& world) : world_(world) { ++world_.holds_; }
    ~RealIoHold() { --world_.holds_; }
    RealIoHold(const RealIoHold&) = delete;
    RealIoHold& operator=(const RealIoHold&) = delete;

   private:
    SimulatedWorld& world_;
  };

 private:
  friend class SimulatedContext;

  enum class Progress : uint8_t {
    kTurn,      // A context turned, or is ready now.
    kTime,      // The clock advanced.
    kReal,      // Waited for a descriptor or a post.
    kTooLate,   // The next event lies after the limit.
    kDeadlock,  // Nothing can happen.
  };

  // The next thing that happens; the clock does not pass `limit`.
  Progress Step(Instant limit);
  void StepOrDie();
  bool TurnOf(SimulatedContext& context);
  // A random one of the contexts for which `wanted` holds; nullptr when there is none.
  SimulatedContext* Draw(absl::FunctionRef<bool(SimulatedContext&)> wanted);
  Progress AdvanceClock(Instant limit);

  // Notes which watched descriptors are ready; waits `timeout_ms` (-1: for ever) at most.
  void CheckDescriptors(int timeout_ms = 0);
  bool HasWatches() const;
  void WaitForRealIo();
  void Wake();
  bool InContext(const SimulatedContext& context) const;
  void BindToThisThread();

  const uint64_t seed_;
  SimulatedRandom random_;
  VirtualClock clock_;
  SimulatedDisk disk_;
  std::vector<std::unique_ptr<SimulatedContext>> contexts_;
  std::vector<SimulatedContext*> drawn_;  // Scratch of Draw.
  std::vector<pollfd> pollfds_;           // Scratch of CheckDescriptors.
  int holds_ = 0;
  int wake_fd_ = -1;
  std::atomic<bool> waiting_{false};
  std::atomic<const SimulatedContext*> turning_{nullptr};
  std::atomic<const void*> home_{nullptr};
};

}  // namespace platter

#endif  // PLATTER_AIO_SIMULATED_WORLD_H_
