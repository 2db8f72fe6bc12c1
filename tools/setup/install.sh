#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh LIST PACKAGE...: installs Debian packages, or says what is missing where it can't.
# bazelw calls it, only when something is missing.

set -euo pipefail

list=$1
shift
say() { echo "bazelw: $*" >&2; }

system=unknown
os_release=${PLATTER_OS_RELEASE:-/etc/os-release}  # The test sets it.
# shellcheck disable=SC1090
[[ -r $os_release ]] && system=$(. "$os_release" && echo "${ID:-unknown}-${VERSION_ID:-}")

explain() {
  say "$1"
  say "what is missing (third_party/packages/$list.txt says what for):"
  printf '  %s\n' "${missing[@]}" >&2
}
missing=("$@")

if [[ $system != debian-12 ]]; then
  explain "this system is '$system'; only Debian 12 can be made ready automatically."
  say "Either install the equivalents with your system's package manager and run 'bazel' itself,"
  say "or work in a container: docker run -it -v \"\$PWD\":/platter -w /platter debian:12"
  exit 1
fi

as_root=()
if ((${PLATTER_SETUP_EUID:-$EUID} != 0)); then
  if ! command -v sudo >/dev/null; then
    explain "installing needs root, and there is no sudo."
    say "As root: apt-get install --no-install-recommends $*"
    exit 1
  fi
  as_root=(sudo)
fi

log=$(mktemp -t platter-setup.XXXXXX)
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -qq "$@" >>"$log" 2>&1
}

say "installing ${#missing[@]} Debian packages: $*"
# A list that is there but old names versions that the server may no longer have: update regardless.
if ! { apt update && apt install -y --no-install-recommends "$@"; }; then
  tail -n 20 "$log" >&2
  say "apt-get failed (all of its output: $log)."
  exit 1
fi
rm -f "$log"
say "installed."
