# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Messages, stages, pins and atomic folders: what every part of build.sh uses.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tp=$root/third_party
versions=$tp/VERSIONS
export SEER_BUILD_START=${SEER_BUILD_START:-$(date +%s)}

# Stages carry the seconds since the first command, so that a slow step shows itself.
stage() { printf '[%4d s] %s\n' "$(($(date +%s) - SEER_BUILD_START))" "$*" >&2; }
warn() { printf 'build.sh: %s\n' "$*" >&2; }

# die WHAT HOW: what is wrong, and the command that mends it.
die() {
  printf 'build.sh: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# need TOOL COMMAND: stop with the command that brings a missing tool.
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing; bring it with" "$2"; }

# pins KIND: the fields after KIND of every such line of VERSIONS.
pins() { sed -n "s/^$1 //p" "$versions"; }
# pin KIND NAME: version of one thing.
pin() { awk -v k="$1" -v n="$2" '$1 == k && $2 == n { print $3 }' "$versions"; }

# Everything is made in a scratch folder on the same file system and renamed at the end:
# an interrupted run leaves no half-made folder under a final name.
scratch() {
  mkdir -p "$tp/.tmp"
  mktemp -d "$tp/.tmp/$1.XXXXXX"
}
publish() { # publish SCRATCH FINAL
  chmod 755 "$1" # mktemp's folders are private
  rm -rf "$2"
  mv -T "$1" "$2"
}
clean_scratch() { rm -rf "$tp/.tmp"; }

jobs_wanted() { echo "${SEER_JOBS:-$(nproc)}"; }
