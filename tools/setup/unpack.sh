#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# unpack.sh LIST: unpacks the packages of the list's "unpack NAME" lines into
# ${XDG_CACHE_HOME:-~/.cache}/platter/NAME, without installing them. A package that only names
# another (linux-image-cloud-amd64) brings what it names: both end up in the same folder.

set -euo pipefail

list=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/platter
say() { echo "bazelw: $*" >&2; }

# Of a meta package, the kernel package it depends on now.
parts() {
  echo "$1"
  [[ $1 == linux-image-* ]] || return 0
  apt-cache depends --no-recommends --no-suggests "$1" |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'
}

while read -r word name _; do
  [[ $word == unpack ]] || continue
  target=$cache/$name
  [[ -e $target/.complete ]] && continue
  say "unpacking $name into $target"
  work=$(mktemp -d)
  chmod 755 "$work"
  mapfile -t packages < <(parts "$name")
  if ! (cd "$work" && apt-get -qq download "${packages[@]}" >log 2>&1); then
    cat "$work/log" >&2
    say "can't download ${packages[*]}; 'apt-get update' may be needed."
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
