#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Lint of the whole tree; needs a finished ./build.sh. Every check runs, then the script fails if one did.
# With a file name as argument, appends a line "pass NAME" or "fail NAME" a check to it.
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
results=${1:-/dev/null}
failed=0

# check NAME COMMAND...: fails if the command fails or prints anything on its standard output.
check() {
  local name=$1 output verdict=pass
  shift
  output=$("$@") || verdict=fail
  if [[ -n $output ]]; then
    verdict=fail
    printf '%s\n' "$output"
  fi
  [[ $verdict == pass ]] || failed=1
  printf '%s lint: %s\n' "$verdict" "$name" | tee -a "$results" >&2
}

sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

# Not ".": third_party holds other people's code.
unformatted() { sources '*.go' | xargs gofmt -s -l; }

staticcheck() {
  local package version
  read -r package version < <(sed -n 's/^tool //p' third_party/VERSIONS)
  # A folder a version: a new pin brings the new program.
  local dir=$PWD/third_party/bin/$version
  [[ -x $dir/${package##*/} ]] || GOWORK=off GOFLAGS='' GOBIN=$dir go install "$package@$version"
  "$dir/${package##*/}" ./...
}

# Every source file says its licence in one of its first two lines (the first may be #!).
licence_lines() {
  local file
  while read -r file; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file: no SPDX-License-Identifier: MIT"
  done < <(sources '*.go' '*.c' '*.cc' '*.h' '*.py' '*.sh' '.ci/run')
}

# Loose ends belong into an issue.
loose_ends() {
  sources '*.go' '*.c' '*.cc' '*.h' '*.py' '*.sh' | grep -v '^tools/lint.sh$' | xargs grep -nE '\b(TODO|FIXME|XXX)\b' || true
}

check "gofmt -s" unformatted
check "go vet" go vet ./...
check "go vet -tags torchdebug" go vet -tags torchdebug ./torch/...
check staticcheck staticcheck
check "licence lines" licence_lines
check "loose ends" loose_ends
if command -v shellcheck >/dev/null; then
  check shellcheck shellcheck -x -a build.sh tools/*.sh .ci/run
fi
exit "$failed"
