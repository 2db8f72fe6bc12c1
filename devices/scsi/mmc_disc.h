// SPDX-License-Identifier: Apache-2.0
//
// What the MMC commands say of a disc with one session and one data track, which is what an image
// is: table of contents, disc and track information, features (MMC-6). Pure functions of the disc's
// size, the same for ATAPI and SCSI drives.
//
// Ownership: replies are written into zeroed memory of the caller's. Threading: any.
// Units: logical blocks of 2048 bytes. Errors: 0, for what the disc has not (5/24/00).

#ifndef PLATTER_DEVICES_SCSI_MMC_DISC_H_
#define PLATTER_DEVICES_SCSI_MMC_DISC_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace platter {

inline constexpr uint32_t kCdBlockBytes = 2048;
// Room that every function here is content with.
inline constexpr size_t kMmcReplyBytes = 512;

// Minute, second and frame of a block (MMC-6, table 653): 75 frames a second, and two seconds
// before the first block. What lies behind 255:59:74, on discs larger than a CD can be, is there.
struct Msf {
  uint8_t minute = 0;
  uint8_t second = 0;
  uint8_t frame = 0;
  friend bool operator==(const Msf&, const Msf&) = default;
};
Msf MsfOf(uint64_t lba);
// The block of an address; false for what is none: seconds above 59, frames above 74, before block
// 0.
bool LbaOf(const Msf& msf, uint64_t* lba);

enum class AddressForm : uint8_t { kLba, kMsf };

// READ TOC/PMA/ATIP (MMC-6, 6.26). Format 0 from `track` on (0 ... 1, or AAh for the lead-out), 1:
// sessions, 2: full, always in minutes.
size_t WriteToc(uint64_t blocks, uint8_t track, AddressForm form, std::span<uint8_t> out);
size_t WriteSessions(AddressForm form, std::span<uint8_t> out);
size_t WriteFullToc(uint64_t blocks, uint8_t first_session, std::span<uint8_t> out);

// READ DISC STRUCTURE (MMC-6, 6.22): formats of one layer of a DVD-ROM, and the list of those that
// the disc has, which is all that a CD has. 0 for formats that are not there.
inline constexpr uint8_t kDiscStructureList = 0xff;
size_t WriteDiscStructure(uint64_t blocks, uint8_t format, std::span<uint8_t> out);

// READ DISC INFORMATION, standard (MMC-6, 6.21).
size_t WriteDiscInformation(std::span<uint8_t> out);
// READ TRACK INFORMATION (MMC-6, 6.27) of track 1.
size_t WriteTrackInformation(uint64_t blocks, std::span<uint8_t> out);

// --- GET CONFIGURATION (MMC-6, 6.5). ---

enum class MmcProfile : uint16_t { kNone = 0x0000, kCdRom = 0x0008, kDvdRom = 0x0010 };
// By size: what is larger than a CD of 80 minutes is a DVD.
MmcProfile ProfileOf(uint64_t blocks);

enum class MmcInterface : uint8_t { kScsi = 1, kAtapi = 2 };
enum class FeatureRequest : uint8_t { kAll = 0, kCurrent = 1, kOne = 2 };

// `blocks` is 0 without a disc. Features below `starting` are left out.
size_t WriteConfiguration(uint64_t blocks, MmcInterface interface, FeatureRequest request,
                          uint16_t starting, std::span<uint8_t> out);

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_MMC_DISC_H_
