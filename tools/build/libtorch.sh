# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# third_party/libtorch: include/ and lib/ of libtorch, found or fetched.

libtorch=$tp/libtorch

# One file holds a wheel's pin; the file's name does not matter, its sum does.
fetch_wheel() { # fetch_wheel NAME VERSION SHA256 -> path on stdout
  local name=$1 version=$2 sum=$3 dir file
  dir=$tp/downloads/$name-$version
  file=$(find "$dir" -name '*.whl' 2>/dev/null | head -n 1)
  if [[ -z $file ]]; then
    local tmp
    tmp=$(scratch wheel)
    stage "downloading $name $version"
    # One interpreter tag for every machine: libtorch inside does not depend on it, the checksum does.
    python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
      --implementation cp --dest "$tmp" "$name==$version" >&2 ||
      die "could not download $name $version" "try again with: python3 -m pip download --no-deps $name==$version" \
        "or set LIBTORCH to an unpacked libtorch $(pins libtorch)"
    mkdir -p "$tp/downloads"
    publish "$tmp" "$dir"
    file=$(find "$dir" -name '*.whl' | head -n 1)
  fi
  if ! echo "$sum  $file" | sha256sum --check --status; then
    local found
    found=$(sha256sum "$file" | cut -d' ' -f1)
    rm -rf "$dir"
    die "$name $version: SHA-256 is $found, third_party/VERSIONS says $sum" "run ./build.sh fetch again"
  fi
  echo "$file"
}

unpack_wheels() { # unpack_wheels KIND TARGET
  local name version sum patterns file
  while read -r name version sum patterns; do
    file=$(fetch_wheel "$name" "$version" "$sum") || exit 1
    stage "unpacking $name $version"
    # Patterns are split at blanks, never expanded by the shell.
    set -f
    # shellcheck disable=SC2086
    python3 "$root/tools/build/unwheel.py" "$file" "$2" $patterns || die "cannot unpack $file"
    set +f
  done < <(pins "$1")
}

# gotorch links -ltorch. The wheel's own libtorch.so pulls in CUDA, which a CPU tree lacks:
# a linker script takes its place, and CUDA is opened at run time instead.
write_linker_script() { printf 'INPUT(-ltorch_cpu -lc10)\n' >"$1/libtorch.so"; }

libtorch_from_wheels() {
  local tmp
  need python3 "apt-get install -y python3 python3-pip"
  python3 -m pip --version >/dev/null 2>&1 || die "pip is missing; bring it with" "apt-get install -y python3-pip"
  [[ $(uname -m) == x86_64 ]] || die "the pinned wheels are for x86_64, this is $(uname -m)" \
    "set LIBTORCH to an unpacked libtorch $(pins libtorch) for this machine"
  tmp=$(scratch libtorch)
  unpack_wheels wheel "$tmp"
  write_linker_script "$tmp/lib"
  echo "$(pins libtorch) wheel" >"$tmp/SOURCE"
  publish "$tmp" "$libtorch"
  rm -rf "$tp/downloads"
}

ensure_libtorch() {
  [[ -f $libtorch/SOURCE ]] && return
  libtorch_from_wheels
}
