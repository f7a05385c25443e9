#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tries the archive of ./build.sh dist in an empty root: Debian's smallest system, without Go, a compiler or Python. As root.
# Needs debootstrap, and a libtorch: $LIBTORCH, or the one that build.sh uses.
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(mktemp -d)
trap 'umount "$root/libtorch" "$root/proc" 2>/dev/null; rm -rf "$root"' EXIT
passed=0 failed=0

check() { # check NAME COMMAND...
  local name=$1
  shift
  if "$@" >"$root/output" 2>&1; then
    passed=$((passed + 1))
    echo "pass $name"
  else
    failed=$((failed + 1))
    echo "fail $name"
    tail -n 20 "$root/output"
  fi
}

archive=$(find dist -maxdepth 1 -name 'seer-*-linux-x86_64.tar.zst' | head -n 1)
[[ -n $archive ]] || { echo "no archive: ./build.sh dist" >&2; exit 1; }
debootstrap --variant=minbase bookworm "$root" >/dev/null
mkdir "$root/libtorch" "$root/opt/images"
mount --bind "$(realpath "${LIBTORCH:-third_party/libtorch}")" "$root/libtorch"
mount -t proc proc "$root/proc"
zstd -qdc "$archive" | tar -C "$root/opt" -xf -
folder=/opt/$(basename "${archive%.tar.zst}")
for zip in data/formats/testdata/*.zip; do python3 -m zipfile -e "$zip" "$root/opt/images/$(basename "$zip" .zip)"; done

inside() { chroot "$root" "$@"; }
seer() { inside /usr/bin/env LIBTORCH=/libtorch "$folder/seer" "$@"; }

small() { [[ $(du -sb "$root$folder" | cut -f 1) -le 60000000 ]]; }
says_where_libtorch_is() { { inside "$folder/seer" doctor 2>&1 || true; } | grep -q 'pip install torch==2.11.0'; }
# The decoders of the archive find in the images of the tests what those of this machine do.
counts() { python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["images"], r["usable"], r["bad"])'; }
decodes() {
  local images format there here
  for images in "$root"/opt/images/*; do
    format=$(basename "$images")
    there=$({ seer data verify "/opt/images/$format" --set "data.members=*" --json 2>/dev/null || true; } | counts)
    here=$({ bin/seer data verify "$images" --set 'data.members=*' --json 2>/dev/null || true; } | counts)
    echo "$format: $there, here $here"
    [[ -n $there && $there == "$here" ]]
  done
}
trains() {
  seer pretrain /opt/images/png --hours=0.01 --set run.dir=/opt/run --set train.duration=2it --set optim.batch=4 --set data.workers=1 \
    --set data.max_bad_fraction=1
}

check "at most 60 MB" small
check "says how to get a libtorch" says_where_libtorch_is
check doctor seer doctor --device cpu
check "decodes every format" decodes
check "trains on a folder" trains
echo "$passed passed, $failed failed"
((failed == 0))
