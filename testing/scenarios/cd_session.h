// SPDX-License-Identifier: Apache-2.0
//
// PlayCdSession: one session of a guest and its host with an IDE CD-ROM drive: lock, eject, change
// of the disc. What each of them sees is written down, so that two drives can be compared.
//
// Ownership: bus and host outlive the call. Threading: as the bus. Units: none.
// Errors: a drive that does not answer is a line of the transcript.

#ifndef PLATTER_TESTING_SCENARIOS_CD_SESSION_H_
#define PLATTER_TESTING_SCENARIOS_CD_SESSION_H_

#include <string>
#include <vector>

#include "testing/guest/guest_bus.h"
#include "testing/guest/ide_driver.h"

namespace platter {

// The host's end of the drive. Each returns "done", or "refused: " and why.
class CdHost {
 public:
  virtual std::string Eject() = 0;
  virtual std::string OpenTray() = 0;
  virtual std::string CloseTray() = 0;
  virtual std::string RemoveMedium() = 0;
  // The other disc.
  virtual std::string InsertMedium() = 0;
  // How the tray has moved since the last call, by its events: "opened", "closed".
  virtual std::vector<std::string> TrayMoves() = 0;

 protected:
  ~CdHost() = default;
};

// A step of the session and what came of it.
struct CdStep {
  std::string step;
  std::string outcome;
};

// The drive has a disc whose blocks begin with "disc A", block by block; the other one has "disc
// B".
std::vector<CdStep> PlayCdSession(GuestBus& bus, IdeDriver::Place place, CdHost& host);

}  // namespace platter

#endif  // PLATTER_TESTING_SCENARIOS_CD_SESSION_H_
