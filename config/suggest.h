// SPDX-License-Identifier: Apache-2.0
//
// "did you mean": the nearest of the names that would have been right, or else where they stand.
//
// Ownership: nothing is kept. Threading: pure functions. Errors: none.

#ifndef PLATTER_CONFIG_SUGGEST_H_
#define PLATTER_CONFIG_SUGGEST_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace platter {

// The least number of single-byte insertions, deletions, replacements and swaps of neighbours that
// turn one text into the other (optimal string alignment).
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to text: by slips of the keyboard, or where none is near enough for that,
// the shortest one that text is a part of ("uring" of io_uring; at least 3 letters). "" where there
// is neither. '_' and '-' and upper and lower case count as equal. The first of equals wins.
std::string Nearest(std::string_view text, const std::vector<std::string>& candidates);

// "; did you mean 'x'?", or else `otherwise`, which says what lists the names.
std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates,
                       std::string_view otherwise = "");

// "; there are a, b", for few names.
std::string ThereAre(const std::vector<std::string>& names);

}  // namespace platter

#endif  // PLATTER_CONFIG_SUGGEST_H_
