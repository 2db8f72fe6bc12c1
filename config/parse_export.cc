// SPDX-License-Identifier: Apache-2.0

#include "config/parse_export.h"

#include "base/status.h"
#include "config/completion.h"
#include "config/option_parser.h"
#include "config/proto/export.pb.h"

namespace platter {
namespace {

constexpr OptionKind kExport = {.root = "export", .option = "--export"};
constexpr OptionKind kChardev = {.root = "chardev", .option = "--chardev"};
constexpr OptionKind kMonitor = {.root = "monitor", .option = "--monitor", .implied = "chardev"};

template <typename Options>
absl::StatusOr<Options> Parse(std::string_view text, const OptionKind& kind) {
  Options options;
  PLATTER_RETURN_IF_ERROR(ParseOptions(text, kind, &options));
  return options;
}

template <typename Options>
absl::StatusOr<Options> FromValue(const Value& value, const OptionKind& kind) {
  Options options;
  PLATTER_RETURN_IF_ERROR(OptionsFromValue(value, kind, &options));
  return options;
}

}  // namespace

absl::StatusOr<config::BlockExportOptions> ParseExport(std::string_view text) {
  return Parse<config::BlockExportOptions>(text, kExport);
}

absl::StatusOr<config::ChardevOptions> ParseChardev(std::string_view text) {
  return Parse<config::ChardevOptions>(text, kChardev);
}

absl::StatusOr<config::MonitorOptions> ParseMonitor(std::string_view text) {
  return Parse<config::MonitorOptions>(text, kMonitor);
}

absl::StatusOr<config::BlockExportOptions> ExportFromValue(const Value& value) {
  return FromValue<config::BlockExportOptions>(value, kExport);
}

absl::StatusOr<config::ChardevOptions> ChardevFromValue(const Value& value) {
  return FromValue<config::ChardevOptions>(value, kChardev);
}

absl::StatusOr<config::MonitorOptions> MonitorFromValue(const Value& value) {
  return FromValue<config::MonitorOptions>(value, kMonitor);
}

absl::Status CompleteExport(config::BlockExportOptions& options) {
  return CompleteOptions(kExport.root, &options);
}

absl::Status CompleteChardev(config::ChardevOptions& options) {
  return CompleteOptions(kChardev.root, &options);
}

absl::Status CompleteMonitor(config::MonitorOptions& options) {
  return CompleteOptions(kMonitor.root, &options);
}

}  // namespace platter
