#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# unpack.sh LIST: unpacks the packages of the list's "unpack NAME" lines into
# ${XDG_CACHE_HOME:-~/.cache}/platter/NAME, without installing them. A package that only names
# another (linux-image-cloud-amd64) brings what it names: both end up in the same folder. Where apt
# has no lists, or too old ones, it gets them; that needs root or sudo.

set -euo pipefail

list=$1
# Without HOME, as in some services, the shell takes ~ from the user's entry.
cache=${XDG_CACHE_HOME:-$(echo ~)/.cache}/platter
say() { echo "bazelw: $*" >&2; }
as_root=()
if ((${PLATTER_SETUP_EUID:-$EUID} != 0)); then as_root=(sudo); fi

# Of a meta package, the kernel package it depends on now.
parts() {
  echo "$1"
  [[ $1 == linux-image-* ]] || return 0
  apt-cache depends --no-recommends --no-suggests "$1" |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'
}

# Sets `packages` and downloads them to $work.
download() {
  mapfile -t packages < <(parts "$name" 2>>"$work/log")
  (cd "$work" && apt-get -qq download "${packages[@]}" >>log 2>&1 </dev/null)
}

update() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
    -o DPkg::Lock::Timeout=600 -qq update >>"$work/log" 2>&1 </dev/null
}

while read -r word name _; do
  [[ $word == unpack ]] || continue
  target=$cache/$name
  [[ -e $target/.complete ]] && continue
  say "unpacking $name into $target"
  work=$(mktemp -d)
  chmod 755 "$work"
  if ! download && ! { say "updating apt's lists" && update && download; }; then
    cat "$work/log" >&2
    say "can't download ${packages[*]}."
    rm -rf "$work"
    exit 1
  fi
  rm -rf "$target.new" "$target"
  mkdir -p "$target.new"
  for package in "$work"/*.deb; do dpkg -x "$package" "$target.new"; done
  printf '%s\n' "${packages[@]}" >"$target.new/.complete"
  mv "$target.new" "$target"
  rm -rf "$work"
done <"$list"
