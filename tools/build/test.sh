# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# ./build.sh test: the passes of go test, counted together.

# Packages that reach libtorch cost seconds to link and load; the others run first, so that a plain
# mistake shows within seconds.
packages() { # packages pure|torch PATTERN...
  local kind=$1
  shift
  go list -f '{{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' "$@" |
    awk -v kind="$kind" '
      { torch = 0; for (i = 1; i <= NF; i++) if ($i == "seer/torch" || $i ~ /wangkuiyi\/gotorch/) torch = 1 }
      { needs[$1] = torch; line[++n] = $0 }
      END {
        # A test may import a package of ours that imports torch.
        for (i = 1; i <= n; i++) { split(line[i], f, " "); for (j in f) if (needs[f[j]]) needs[f[1]] = 1 }
        for (i = 1; i <= n; i++) { split(line[i], f, " "); if (needs[f[1]] == (kind == "torch")) print f[1] }
      }'
}

# test_pass TITLE FLAG... PACKAGE...: no cached results, because go does not see a change of the shim.
test_pass() {
  local title=$1
  shift
  stage "tests: $title"
  go test -json -count=1 -timeout 20m "$@" 2>&1 | python3 "$root/tools/build/gotest.py" "$tp/.tests" "$title" || failures=$((failures + 1))
}

# The S3 server of data/remote's tests: two minutes to build, kept out of go.mod.
ensure_gateway() {
  local package version
  read -r package version < <(sed -n 's/^gateway //p' "$root/third_party/VERSIONS")
  local dir=$tp/bin/$version
  [[ -x $dir/${package##*/} ]] && return
  stage "building $package@$version"
  GOWORK=off GOFLAGS='' GOBIN=$dir go install "$package@$version" ||
    die "the S3 server of the tests could not be built" "GOWORK=off GOBIN=$dir go install $package@$version"
}

# The shim and what Go hands to it under AddressSanitizer. LD_LIBRARY_PATH brings the sanitized shim; libtorch itself is
# not instrumented. Leaks are not looked for here: Go's runtime keeps its memory, and the tests count their tensors.
test_sanitized() {
  build_sanitized_shim
  LD_LIBRARY_PATH=$tp/shim-asan${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} GODEBUG=cgocheck=1 \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=8 \
    test_pass "torch under AddressSanitizer" -asan -tags torchdebug ./torch/...
}

verb_test() {
  local failures=0
  local -a patterns=("${@:-./...}") pure torch
  need python3 "apt-get install -y python3"
  lock
  build_all
  ensure_fashion_mnist
  ensure_gateway
  unlock
  cd "$root"
  export SEER_FASHION_MNIST=$tp/fashion-mnist
  rm -f "$tp/.tests"
  mapfile -t pure < <(packages pure "${patterns[@]}")
  mapfile -t torch < <(packages torch "${patterns[@]}")
  if ((${#pure[@]})); then
    test_pass "without libtorch" "${pure[@]}"
    test_pass "race detector" -race "${pure[@]}"
  fi
  if ((${#torch[@]})); then
    test_pass "with libtorch" "${torch[@]}"
    test_pass "race detector, with libtorch" -race "${torch[@]}"
  fi
  if (($# == 0)); then test_sanitized; fi
  python3 "$root/tools/build/gotest.py" "$tp/.tests" --summary
  return $((failures > 0))
}
