#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a bare machine to bin/seer. ./build.sh --help lists the verbs; the parts are in tools/build/.
set -euo pipefail
shopt -s inherit_errexit nullglob

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/build/common.sh
source "$here/tools/build/common.sh"
# shellcheck source=tools/build/libtorch.sh
source "$here/tools/build/libtorch.sh"
# shellcheck source=tools/build/native.sh
source "$here/tools/build/native.sh"
# shellcheck source=tools/build/debian.sh
source "$here/tools/build/debian.sh"
# shellcheck source=tools/build/verbs.sh
source "$here/tools/build/verbs.sh"
# shellcheck source=tools/build/test.sh
source "$here/tools/build/test.sh"
# shellcheck source=tools/build/dist.sh
source "$here/tools/build/dist.sh"

main() {
  local verb=${1:-build}
  if (($#)); then shift; fi
  case $verb in
  -h | --help | help) help_main && exit ;;
  build | dist | demo | test | fetch | env | golden | clean) ;;
  *) die "unknown verb $verb" "./build.sh --help lists them" ;;
  esac
  case ${1:-} in
  -h | --help) "help_$verb" ;;
  *) "verb_$verb" "$@" ;;
  esac
}

main "$@"
