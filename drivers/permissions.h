// SPDX-License-Identifier: Apache-2.0
//
// Permissions: what a parent does with a node (used) and what it lets the node's other parents do
// at the same time (shared). The numbers are those of QEMU's image locks: permission n is byte
// 100 + n of the file (used) and byte 200 + n (not shared).
//
// Threading: values. Errors: none.

#ifndef PLATTER_DRIVERS_PERMISSIONS_H_
#define PLATTER_DRIVERS_PERMISSIONS_H_

#include <cstdint>
#include <string>

namespace platter {

enum class Permission : uint8_t {
  kConsistentRead = 1 << 0,  // What is read is what a guest wrote.
  kWrite = 1 << 1,
  kWriteUnchanged = 1 << 2,  // Writes that do not change what is read (copy on read, repair).
  kResize = 1 << 3,
};
inline constexpr int kPermissionCount = 4;

// A set of Permission bits.
class PermissionSet {
 public:
  constexpr PermissionSet() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): one permission is a set.
  constexpr PermissionSet(Permission permission) : bits_(static_cast<uint8_t>(permission)) {}
  static constexpr PermissionSet All() { return PermissionSet(uint8_t{0xf}); }

  constexpr bool Has(Permission p) const { return (bits_ & static_cast<uint8_t>(p)) != 0; }
  constexpr bool Contains(PermissionSet other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint8_t bits() const { return bits_; }

  friend constexpr PermissionSet operator|(PermissionSet a, PermissionSet b) {
    return PermissionSet(static_cast<uint8_t>(a.bits_ | b.bits_));
  }
  friend constexpr PermissionSet operator&(PermissionSet a, PermissionSet b) {
    return PermissionSet(static_cast<uint8_t>(a.bits_ & b.bits_));
  }
  friend constexpr PermissionSet operator-(PermissionSet a, PermissionSet b) {
    return PermissionSet(static_cast<uint8_t>(a.bits_ & ~b.bits_));
  }
  friend constexpr bool operator==(PermissionSet, PermissionSet) = default;

  // "consistent read, write" for messages.
  std::string ToString() const;

 private:
  constexpr explicit PermissionSet(uint8_t bits) : bits_(bits) {}
  uint8_t bits_ = 0;
};
constexpr PermissionSet operator|(Permission a, Permission b) {
  return PermissionSet(a) | PermissionSet(b);
}

struct Permissions {
  PermissionSet used;
  PermissionSet shared = PermissionSet::All();
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_PERMISSIONS_H_
