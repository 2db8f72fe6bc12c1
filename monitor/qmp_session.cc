// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_session.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/quote.h"
#include "base/status.h"
#include "config/json_writer.h"
#include "monitor/proto/machine.pb.h"
#include "monitor/qmp_error.h"
#include "monitor/version.h"

namespace platter {
namespace {

constexpr char kNegotiation[] = "qmp_capabilities";

}  // namespace

QmpSession::QmpSession(QmpMonitor& monitor, QmpOutput& output)
    : monitor_(monitor), output_(&output) {
  monitor_.SessionBegins();
}

QmpSession::~QmpSession() {
  Close();
  monitor_.SessionEnds();
}

void QmpSession::Start() {
  // No capability is offered: commands run in order, none out of band.
  Value::Object greeting = {{"version", VersionValue()}, {"capabilities", Value::FromList({})}};
  output_->SendLine(
      FormatJson(Value::FromObject({{"QMP", Value::FromObject(std::move(greeting))}})));
}

void QmpSession::Close() {
  if (output_ == nullptr) return;
  output_ = nullptr;
  if (negotiated_) monitor_.events().RemoveListener(*this);
  room_.Set();
}

void QmpSession::OnQmpEvent(const std::string& line) {
  if (output_ != nullptr) output_->SendLine(line);
}

void QmpSession::OnRoom() {
  room_.Set();
  if (output_ != nullptr) room_.Reset();
}

void QmpSession::Receive(std::string_view bytes) {
  stream_.Feed(bytes);
  if (serving_ || output_ == nullptr) return;
  serving_ = true;
  Spawn(monitor_.control(), Serve(shared_from_this()));
}

Task<void> QmpSession::Serve(std::shared_ptr<QmpSession> self) {
  while (self->output_ != nullptr && !self->monitor_.quitting()) {
    if (!self->output_->has_room()) {
      co_await self->room_.Wait();
      continue;
    }
    std::optional<absl::StatusOr<Value>> input = self->stream_.Next();
    if (!input.has_value()) break;
    co_await self->Answer(*std::move(input));
  }
  if (self->monitor_.quitting()) co_return;  // Nothing is read any more.
  self->serving_ = false;
  if (self->output_ != nullptr) self->output_->OnInputWanted();
}

void QmpSession::Reply(QmpResult result, std::optional<Value> id) {
  if (output_ != nullptr) output_->SendLine(FormatReply(std::move(result), std::move(id)));
}

Task<void> QmpSession::Answer(absl::StatusOr<Value> input) {
  if (!input.ok()) {
    Reply(input.status(), std::nullopt);
    co_return;
  }
  std::optional<Value> id = IdOf(*input);
  absl::StatusOr<QmpRequest> request = ParseRequest(*std::move(input));
  if (!request.ok()) {
    Reply(request.status(), std::move(id));
  } else if (!negotiated_ || request->command == kNegotiation) {
    Reply(Negotiate(*request), std::move(id));
  } else {
    // Serve keeps the session until then.
    co_await monitor_.Execute(*std::move(request), [this, &id](QmpResult result) {
      Reply(std::move(result), std::move(id));
    });
  }
}

QmpResult QmpSession::Negotiate(const QmpRequest& request) {
  const auto refuse = [](std::string_view text) {
    return QmpError(QmpErrorClass::kCommandNotFound, text);
  };
  if (negotiated_) {
    return refuse("Capabilities negotiation is already complete, command ignored");
  }
  if (request.command != kNegotiation) {
    return refuse("Expecting capabilities negotiation with 'qmp_capabilities'");
  }
  qmp::QmpCapabilities arguments;
  PLATTER_RETURN_IF_ERROR(BindArguments(kNegotiation, request.arguments, &arguments));
  if (!arguments.enable().empty()) {
    return QmpError(QmpErrorClass::kGenericError,
                    absl::StrCat("qmp_capabilities.enable: the capability ",
                                 Quote(arguments.enable(0)), " is not offered"));
  }
  negotiated_ = true;
  if (output_ != nullptr) monitor_.events().AddListener(*this);
  return NothingToReturn();
}

}  // namespace platter
