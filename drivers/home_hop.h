// SPDX-License-Identifier: Apache-2.0
//
// HomeHop: a request on its way to a child's home context and back: posted there (lock-free), sent
// through the same Edge there, and posted back to complete in the context that submitted it.
//
// Ownership: owns itself, in the pool of the submitting context. Threading: see each member.
// Errors: those of the request.

#ifndef PLATTER_DRIVERS_HOME_HOP_H_
#define PLATTER_DRIVERS_HOME_HOP_H_

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "drivers/edge.h"
#include "drivers/edge_op.h"

namespace platter {

class HomeHop final : public IoRequest, public EdgeOp {
 public:
  // In the submitting context, which is not `home`. Always kIoPending.
  static IoResult Start(Edge& edge, IoRequest& request, AioContext& home);

  // In the submitting context.
  void CancelOp() override;

 private:
  friend class BufferPool;

  // One crossing of the hop, there and back.
  class Crossing final : public WorkItem {
   public:
    using Step = void (HomeHop::*)();
    explicit Crossing(HomeHop& hop) : hop_(hop) {}
    void Go(AioContext& context, Step step) {
      step_ = step;
      context.Post(*this);
    }
    void Run() override { (hop_.*step_)(); }

   private:
    HomeHop& hop_;
    Step step_ = nullptr;
  };

  HomeHop(Edge& edge, IoRequest& request, AioContext& home);
  ~HomeHop() = default;

  // In the home context.
  void StartAtHome();
  void OnIoDone(IoResult result) override;
  void CancelAtHome();
  // In the submitting context.
  void ComeBack();
  void CancelCameBack();
  void FinishWhenQuiet();

  Edge& edge_;
  AioContext& submitter_;
  IoResult result_ = kIoPending;
  Crossing request_crossing_{*this};
  Crossing cancel_crossing_{*this};
  bool done_at_home_ = false;  // Of the home context.
  // Of the submitting context.
  bool back_ = false;
  bool cancelled_ = false;
  bool cancel_out_ = false;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_HOME_HOP_H_
