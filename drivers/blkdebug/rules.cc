// SPDX-License-Identifier: Apache-2.0
#include "drivers/blkdebug/rules.h"

#include <algorithm>

namespace platter {
namespace {

using Subject = BlkdebugRules::Subject;

bool Touches(const std::optional<BlkdebugRange>& range, const Subject& subject) {
  if (!range.has_value()) return true;
  if (subject.bytes == 0) return false;
  // Written so that neither end can overflow.
  if (subject.offset >= range->offset) return subject.offset - range->offset < range->bytes;
  return range->offset - subject.offset < subject.bytes;
}

bool InState(const std::optional<uint32_t>& wanted, uint32_t state) {
  return !wanted.has_value() || *wanted == state;
}

}  // namespace

BlkdebugIoType IoTypeOf(IoOp op) {
  switch (op) {
    case IoOp::kRead:
      return BlkdebugIoType::kRead;
    case IoOp::kWrite:
      return BlkdebugIoType::kWrite;
    case IoOp::kFlush:
      return BlkdebugIoType::kFlush;
    case IoOp::kDiscard:
      return BlkdebugIoType::kDiscard;
    case IoOp::kWriteZeroes:
      break;
  }
  return BlkdebugIoType::kWriteZeroes;
}

void BlkdebugRules::Add(const BlkdebugErrorRule& rule) {
  error_rules_.push_back({rule, rule.event == BlkdebugEvent::kNone});
}

void BlkdebugRules::Add(const BlkdebugStateRule& rule) {
  if (rule.event != BlkdebugEvent::kNone) {
    state_rules_.push_back(rule);
  } else if (InState(rule.state, state_)) {
    state_ = rule.new_state;
  }
}

void BlkdebugRules::Clear() {
  error_rules_.clear();
  state_rules_.clear();
  suspend_rules_.clear();
}

void BlkdebugRules::RemoveSuspend(std::string_view tag) {
  std::erase_if(suspend_rules_, [tag](const BlkdebugSuspendRule& rule) { return rule.tag == tag; });
}

bool BlkdebugRules::HasEvent(BlkdebugEvent event) const {
  const auto is_for = [event](const auto& rule) { return rule.event == event; };
  return std::any_of(state_rules_.begin(), state_rules_.end(), is_for) ||
         std::any_of(suspend_rules_.begin(), suspend_rules_.end(), is_for) ||
         std::any_of(error_rules_.begin(), error_rules_.end(),
                     [event](const ArmedRule& rule) { return rule.rule.event == event; });
}

void BlkdebugRules::OnEvent(BlkdebugEvent event) {
  const auto fires = [this, event](const ArmedRule& rule) {
    return rule.rule.event == event && InState(rule.rule.state, state_);
  };
  if (std::any_of(error_rules_.begin(), error_rules_.end(), fires)) {
    for (ArmedRule& rule : error_rules_) {
      rule.armed = fires(rule) || rule.rule.event == BlkdebugEvent::kNone;
    }
  }
  // All rules see the state that the event met; of several changes the last stands.
  uint32_t next = state_;
  for (const BlkdebugStateRule& rule : state_rules_) {
    if (rule.event == event && InState(rule.state, state_)) next = rule.new_state;
  }
  state_ = next;
}

std::optional<std::string> BlkdebugRules::TakeSuspend(BlkdebugEvent event, const Subject& subject) {
  for (auto rule = suspend_rules_.begin(); rule != suspend_rules_.end(); ++rule) {
    if (rule->event != event || !Touches(rule->range, subject)) continue;
    if (rule->iotype.has_value() && *rule->iotype != subject.iotype) continue;
    const std::string tag = rule->tag;
    if (rule->count != kBlkdebugForEver && --rule->count == 0) suspend_rules_.erase(rule);
    return tag;
  }
  return std::nullopt;
}

std::optional<BlkdebugRules::Fault> BlkdebugRules::TakeFault(const Subject& subject) {
  for (auto at = error_rules_.begin(); at != error_rules_.end(); ++at) {
    BlkdebugErrorRule& rule = at->rule;
    if (!at->armed || !Touches(rule.range, subject)) continue;
    // One that an event armed met its state then.
    if (rule.event == BlkdebugEvent::kNone && !InState(rule.state, state_)) continue;
    if (rule.iotype.has_value() ? *rule.iotype != subject.iotype
                                : subject.iotype == BlkdebugIoType::kBlockStatus) {
      continue;
    }
    const Fault fault{rule.error, rule.failure};
    if (rule.count != kBlkdebugForEver && --rule.count == 0) error_rules_.erase(at);
    return fault;
  }
  return std::nullopt;
}

}  // namespace platter
