// SPDX-License-Identifier: Apache-2.0
//
// A read of a disc that fails once, under each of the policies of the field.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/arith.h"
#include "base/status.h"
#include "config/proto/blockdev.pb.h"
#include "testing/demo/disk_image.h"
#include "testing/demo/expect.h"
#include "testing/demo/sense_text.h"
#include "testing/demo/step.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

constexpr const char* kId = "cd2";
constexpr const char* kNode = "scratched";
constexpr uint32_t kMostBytes = IdeDriver::kBounceBytes;
const ExpectedError kError = {.device_id = kId, .operation = IoDirection::kRead};

// How often the node lets a read fail.
enum class Faults : uint8_t { kNone, kOnce, kAlways };

absl::Status AddScratchedNode(Stage& stage, Faults faults) {
  config::BlockdevOptions node;
  node.set_node_name(kNode);
  node.set_read_only(true);
  node.mutable_blkdebug()->mutable_image()->set_reference("iso-a");
  if (faults != Faults::kNone) {
    config::BlkdebugInjectError* rule = node.mutable_blkdebug()->add_inject_error();
    rule->set_event(config::BLKDEBUG_EVENT_NONE);
    rule->set_iotype(config::BLKDEBUG_IO_TYPE_READ);
    rule->set_once(faults == Faults::kOnce);
  }
  return stage.Run(stage.machine().BlockdevAdd(node));
}

std::string DeviceText(const std::string& policy) {
  return absl::StrCat("ide-cd,id=", kId, ",bus=ide.1,rerror=", policy);
}

// A drive "cd2" with disc A, scratched, plugged into the running machine with a policy and out
// again; and its guest's driver, which reads the beginning of the disc's file.
class ScratchedDisc {
 public:
  static absl::StatusOr<std::unique_ptr<ScratchedDisc>> Plug(Stage& stage,
                                                             const std::string& policy,
                                                             Faults faults = Faults::kOnce) {
    stage.narrator().Host(
        absl::StrCat("plugs ", DeviceText(policy), " with disc A, whose next read fails"));
    PLATTER_RETURN_IF_ERROR(AddScratchedNode(stage, faults));
    PLATTER_RETURN_IF_ERROR(stage.AddDevice(absl::StrCat(DeviceText(policy), ",drive=", kNode)));
    const auto at = stage.machine().LocationOf<IdeLocation>(kId);
    if (!at.ok()) return at.status();
    auto disc =
        std::make_unique<ScratchedDisc>(stage, IdeDriver::Place{.command = at->command,
                                                                .control = at->control,
                                                                .bus_master = at->bus_master,
                                                                .line = at->irq,
                                                                .unit = at->unit});
    PLATTER_RETURN_IF_ERROR(
        Require(disc->driver_.ClearNews(), "the new drive does not become ready"));
    return disc;
  }

  ScratchedDisc(Stage& stage, IdeDriver::Place place)
      : stage_(stage),
        driver_(stage.bus(), place),
        bytes_(AlignUp(std::min(stage.files().iso_a.extent.bytes, kMostBytes), kIsoBlockBytes)) {}

  void StartRead() {
    const uint32_t block = stage_.files().iso_a.extent.block;
    stage_.narrator().ToHost(
        absl::StrCat("reads ", FormatBytes(bytes_), " at block ", block, ", by DMA"));
    // What a read that does nothing leaves there.
    std::vector<uint8_t> before(bytes_);
    FillPattern(stage_.options().seed, 0, before);
    stage_.bus().Write(driver_.ide().scratch(), before);
    driver_.Start({.packet = AtapiDriver::MakeRead10(block, bytes_ / kIsoBlockBytes),
                   .way = IdeWay::kDma,
                   .buffer = driver_.ide().scratch(),
                   .bytes = bytes_});
  }
  std::optional<PacketAnswer> Poll() { return driver_.Poll(); }
  absl::StatusOr<PacketAnswer> WaitForRead(const char* what) {
    std::optional<PacketAnswer> answer;
    PLATTER_RETURN_IF_ERROR(stage_.WaitFor([&] { return (answer = Poll()).has_value(); }, what));
    return *answer;
  }
  std::optional<AtapiSense> RequestSense() { return driver_.RequestSense(); }

  // Whether the read brought what the host finds at that place of the image.
  absl::StatusOr<bool> IsRight() {
    const CdDisc& disc = stage_.files().iso_a;
    const auto on_host =
        ChecksumOfFile(disc.path, uint64_t{disc.extent.block} * kIsoBlockBytes, bytes_);
    if (!on_host.ok()) return on_host.status();
    std::vector<uint8_t> data(bytes_);
    stage_.bus().Read(driver_.ide().scratch(), data);
    return Checksum(data) == *on_host;
  }
  absl::Status ExpectRight() {
    const absl::StatusOr<bool> right = IsRight();
    if (!right.ok()) return right.status();
    PLATTER_RETURN_IF_ERROR(
        Require(*right, "wrong checksum: the guest does not read what is on the disc"));
    stage_.narrator().Guest("checksum right");
    return absl::OkStatus();
  }

  absl::Status Unplug() {
    PLATTER_RETURN_IF_ERROR(platter::Unplug(stage_, kId));
    return stage_.Run(stage_.machine().BlockdevDel(kNode));
  }

 private:
  Stage& stage_;
  AtapiDriver driver_;
  const uint32_t bytes_;  // Whole blocks.
};

}  // namespace

absl::Status StepReadErrorReport(Stage& stage) {
  const auto disc = ScratchedDisc::Plug(
      stage, "report", stage.Sabotaged(Sabotage::kNoReadError) ? Faults::kNone : Faults::kOnce);
  if (!disc.ok()) return disc.status();
  (*disc)->StartRead();
  const auto answer = (*disc)->WaitForRead("the answer to the read");
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(Require(!answer->ok(), "a read that failed was not reported"));
  const AtapiSense sense = (*disc)->RequestSense().value_or(AtapiSense{});
  stage.narrator().Guest(absl::StrCat("is told: ", SenseText(sense.key, sense.code)));
  PLATTER_RETURN_IF_ERROR(Require(sense == AtapiSense{.key = 3, .code = 0x1100},
                                  "the sense of the failed read is another"));
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, kError, ErrorAction::kReport));
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  (*disc)->StartRead();
  const auto again = (*disc)->WaitForRead("the answer to the second read");
  if (!again.ok()) return again.status();
  PLATTER_RETURN_IF_ERROR(Require(again->ok(), "the second read failed too"));
  PLATTER_RETURN_IF_ERROR((*disc)->ExpectRight());
  return (*disc)->Unplug();
}

absl::Status StepReadErrorIgnore(Stage& stage) {
  const auto disc =
      ScratchedDisc::Plug(stage, stage.Sabotaged(Sabotage::kWrongReadPolicy) ? "report" : "ignore");
  if (!disc.ok()) return disc.status();
  (*disc)->StartRead();
  const auto answer = (*disc)->WaitForRead("the answer to the read");
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(
      Require(answer->ok(), "a failed read was reported in spite of rerror=ignore"));
  stage.narrator().Guest("is told: OK");
  PLATTER_RETURN_IF_ERROR(ExpectIoError(stage, kError, ErrorAction::kIgnore));
  const absl::StatusOr<bool> right = (*disc)->IsRight();
  if (!right.ok()) return right.status();
  PLATTER_RETURN_IF_ERROR(Require(!*right, "the data is there: the read did not fail"));
  stage.narrator().Guest("but has not got what is on the disc: the price of 'ignore'");
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disc)->Unplug();
}

absl::Status StepReadErrorEnospc(Stage& stage) {
  const char* policy = stage.Sabotaged(Sabotage::kReadPolicyTaken) ? "stop" : "enospc";
  stage.narrator().Host(absl::StrCat("plugs ", DeviceText(policy), " with disc A"));
  PLATTER_RETURN_IF_ERROR(AddScratchedNode(stage, Faults::kNone));
  const absl::Status refused = stage.AddDevice(absl::StrCat(DeviceText(policy), ",drive=", kNode));
  PLATTER_RETURN_IF_ERROR(
      Require(!refused.ok(), "a drive takes a policy for reads that lack space"));
  stage.narrator().Host(absl::StrCat("refused: ", MessageOf(refused)));
  PLATTER_RETURN_IF_ERROR(Require(MessageOf(refused).find("rerror") != std::string::npos,
                                  "the refusal does not name rerror"));
  PLATTER_RETURN_IF_ERROR(Require(stage.machine().FindDevice(kId) == nullptr,
                                  "the drive is there although it was refused"));
  return stage.Run(stage.machine().BlockdevDel(kNode));
}

absl::Status StepReadErrorStop(Stage& stage) {
  const auto disc = ScratchedDisc::Plug(
      stage, "stop", stage.Sabotaged(Sabotage::kReadErrorStays) ? Faults::kAlways : Faults::kOnce);
  if (!disc.ok()) return disc.status();
  (*disc)->StartRead();
  // The guest goes on with its command until then.
  bool answered = false;
  PLATTER_RETURN_IF_ERROR(stage.WaitFor(
      [&] { return (answered = (*disc)->Poll().has_value()) || stage.events().size() != 0; },
      "BLOCK_IO_ERROR"));
  PLATTER_RETURN_IF_ERROR(Require(!answered, "the read is answered before the machine stops"));
  PLATTER_RETURN_IF_ERROR(ExpectStopped(stage, kError));
  PLATTER_RETURN_IF_ERROR(Require(!(*disc)->Poll().has_value(),
                                  "the read was answered although the machine stopped for it"));
  stage.narrator().Guest("stands still; its read is not answered");
  PLATTER_RETURN_IF_ERROR(Cont(stage));
  const auto answer = (*disc)->WaitForRead("the end of the read that was kept");
  if (!answer.ok()) return answer.status();
  PLATTER_RETURN_IF_ERROR(Require(answer->ok(), "the read that was kept failed"));
  stage.narrator().Guest("its read is done: OK; it noticed nothing");
  PLATTER_RETURN_IF_ERROR((*disc)->ExpectRight());
  PLATTER_RETURN_IF_ERROR(ExpectRunning(stage));
  return (*disc)->Unplug();
}

}  // namespace platter
