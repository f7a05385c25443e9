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

# tool NAME ARGUMENTS...: runs a Go program that VERSIONS pins. A folder a version: a new pin brings the new program.
tool() {
  local package version dir
  read -r package version < <(sed -n "s|^tool \\(.*/$1 \\)|\\1|p" third_party/VERSIONS)
  dir=$PWD/third_party/bin/$version
  [[ -x $dir/$1 ]] || GOWORK=off GOFLAGS='' GOBIN=$dir go install "$package@$version"
  "$dir/$1" "${@:2}"
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
check staticcheck tool staticcheck ./...
check "dead code" tool deadcode -test ./...
check "licence lines" licence_lines
check "loose ends" loose_ends
if command -v shellcheck >/dev/null; then
  check shellcheck shellcheck -x -a build.sh tools/*.sh tools/gpu/*.sh tools/dist/seer tools/dist/cluster/*.sbatch .ci/run
fi
exit "$failed"
