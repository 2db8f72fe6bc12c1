// SPDX-License-Identifier: Apache-2.0
//
// "did you mean": the nearest of the names that would have been right.
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

// The candidate nearest to text, or "" where none is near enough to be a slip of the keyboard.
// '_' and '-' and upper and lower case count as equal. The first of equals wins.
std::string Nearest(std::string_view text, const std::vector<std::string>& candidates);

// "; did you mean 'x'?" or "".
std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace platter

#endif  // PLATTER_CONFIG_SUGGEST_H_
