// SPDX-License-Identifier: Apache-2.0
//
// SenseText: sense data as people write it, key/code/qualifier, with the name of what the
// demonstration meets. Source: SPC-4, 4.5.6 and annex D.
//
// Ownership: values. Threading: any. Units: none. Errors: none; unknown codes have no name.

#ifndef PLATTER_TESTING_DEMO_SENSE_TEXT_H_
#define PLATTER_TESTING_DEMO_SENSE_TEXT_H_

#include <cstdint>
#include <string>

namespace platter {

// `code` is additional sense code and qualifier in one: 6, 0x2800 is
// "6/28/00, the medium may have changed".
std::string SenseText(uint8_t key, uint16_t code);

}  // namespace platter

#endif  // PLATTER_TESTING_DEMO_SENSE_TEXT_H_
