// SPDX-License-Identifier: Apache-2.0
#include "drivers/home_hop.h"

namespace platter {

IoResult HomeHop::Start(Edge& edge, IoRequest& request, AioContext& home) {
  auto* const hop = request.context->buffers().New<HomeHop>(edge, request, home);
  edge.ops_.Get(*request.context).Add(*hop);
  hop->request_crossing_.Go(home, &HomeHop::StartAtHome);
  return kIoPending;
}

HomeHop::HomeHop(Edge& edge, IoRequest& request, AioContext& home)
    : EdgeOp(request), edge_(edge), submitter_(*request.context) {
  context = &home;
  op = request.op;
  flags = request.flags;
  iov_count = request.iov_count;
  offset = request.offset;
  bytes = request.bytes;
  iov = request.iov;
}

void HomeHop::StartAtHome() {
  const IoResult result = edge_.StartLocal(*this);
  if (result != kIoPending) OnIoDone(result);
}

void HomeHop::OnIoDone(IoResult result) {
  result_ = result;
  done_at_home_ = true;
  request_crossing_.Go(submitter_, &HomeHop::ComeBack);
}

void HomeHop::ComeBack() {
  back_ = true;
  FinishWhenQuiet();
}

void HomeHop::CancelOp() {
  if (cancelled_) return;
  cancelled_ = cancel_out_ = true;
  cancel_crossing_.Go(*context, &HomeHop::CancelAtHome);
}

void HomeHop::CancelAtHome() {
  // Posted after the request by the same thread, so the request has been started.
  if (!done_at_home_) edge_.Cancel(*this);
  cancel_crossing_.Go(submitter_, &HomeHop::CancelCameBack);
}

void HomeHop::CancelCameBack() {
  cancel_out_ = false;
  FinishWhenQuiet();
}

void HomeHop::FinishWhenQuiet() {
  // A cancel that is still out refers to this object.
  if (!back_ || cancel_out_) return;
  IoRequest& parent = parent_;
  const IoResult result = result_;
  edge_.ops_.Find(submitter_)->Remove(*this);
  submitter_.buffers().Delete(this);
  parent.OnIoDone(result);
}

}  // namespace platter
