# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Messages, stages, pins and atomic folders: what every part of build.sh uses.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tp=$root/third_party
versions=$tp/VERSIONS
build_start=$(date +%s)

# Stages carry the seconds since the start, so that a slow step shows itself.
stage() { printf '[%4d s] %s\n' "$(($(date +%s) - build_start))" "$*" >&2; }
warn() { printf 'build.sh: %s\n' "$*" >&2; }

# die WHAT HOW...: what is wrong, then the commands or facts that mend it.
die() {
  printf 'build.sh: %s\n' "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# need TOOL COMMAND: stop with the command that brings a missing tool.
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing; bring it with" "$2"; }

# pins KIND: what follows KIND on every such line of VERSIONS.
pins() { sed -n "s/^$1 //p" "$versions"; }

# Things are made in a scratch folder of the same file system and renamed at the end: an interrupted
# run leaves nothing half-made under a final name.
scratch() {
  mkdir -p "$tp/.tmp"
  mktemp -d "$tp/.tmp/$1.XXXXXX"
}

publish() { # publish SCRATCH FINAL
  chmod 755 "$1" # mktemp's folders are private
  mkdir -p "$(dirname "$2")"
  rm -rf "$2"
  mv -T "$1" "$2"
}

# write_if_changed FILE TEXT: keeps the time stamp, and with it the caches, of an unchanged file.
write_if_changed() {
  [[ -f $1 && $(<"$1") == "$2" ]] && return
  printf '%s\n' "$2" >"$1.tmp"
  mv "$1.tmp" "$1"
}

# Two builds in one tree take turns: they would remove each other's scratch folders.
lock() {
  mkdir -p "$tp"
  exec 9>"$tp/.lock"
  flock --nonblock 9 || {
    stage "waiting for another build in this folder"
    flock 9
  }
  trap 'rm -rf "$tp/.tmp"' EXIT
}

# Released before anything long that only uses the result.
unlock() {
  rm -rf "$tp/.tmp"
  trap - EXIT
  exec 9>&-
}

jobs_wanted() { echo "${SEER_JOBS:-$(nproc)}"; }
