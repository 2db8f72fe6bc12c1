// SPDX-License-Identifier: Apache-2.0

#include "config/suggest.h"

#include <algorithm>

#include "base/quote.h"

namespace platter {
namespace {

constexpr size_t kMaxNameCompared = 64;  // names of the schema are shorter
constexpr size_t kMinPart = 3;           // a shorter part is in too many names by chance

std::string Fold(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The shortest candidate that the folded text is a part of, or "".
std::string Whole(const std::string& folded, const std::vector<std::string>& candidates) {
  if (folded.size() < kMinPart) return "";
  std::string best;
  for (const std::string& candidate : candidates) {
    if (Fold(candidate).find(folded) == std::string::npos) continue;
    if (best.empty() || candidate.size() < best.size()) best = candidate;
  }
  return best;
}

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the table: the current one, the one before and the one before that.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string Nearest(std::string_view text, const std::vector<std::string>& candidates) {
  if (text.empty() || text.size() > kMaxNameCompared) return "";
  const std::string folded = Fold(text);
  std::string best;
  size_t best_distance = kMaxNameCompared;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(folded, Fold(candidate));
    // A third of the letters may be wrong; one may always be, unless that is all of them.
    const size_t longest = std::max(folded.size(), candidate.size());
    const size_t allowed = std::max<size_t>(longest > 1 ? 1 : 0, longest / 3);
    if (distance <= allowed && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? Whole(folded, candidates) : best;
}

std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates,
                       std::string_view otherwise) {
  const std::string nearest = Nearest(text, candidates);
  return nearest.empty() ? std::string(otherwise) : "; did you mean " + Quote(nearest) + "?";
}

std::string ThereAre(const std::vector<std::string>& names) {
  if (names.empty()) return "; there are none";
  std::string list;
  for (const std::string& name : names) list.append(list.empty() ? "" : ", ").append(name);
  return "; there are " + list;
}

}  // namespace platter
