# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# third_party/libtorch: include/ and lib/ of libtorch, found on this machine or fetched.
#
# SOURCE names where it came from ("2.11.0 wheel", "2.11.0 path /opt/libtorch") and is written last.
# CUDA marks a tree with the CUDA part. lib/libtorch.so is always a linker script: see below.

libtorch=$tp/libtorch
wheels=$tp/downloads

# --- wheels ---------------------------------------------------------------------------------------

need_pip() {
  need python3 "apt-get install -y python3 python3-pip"
  python3 -m pip --version >/dev/null 2>&1 || die "pip is missing; bring it with" "apt-get install -y python3-pip"
  [[ $(uname -m) == x86_64 ]] || die "the pinned wheels are for x86_64, this is $(uname -m)" \
    "set LIBTORCH to a libtorch $(pins libtorch) for this machine"
}

# One interpreter tag for every machine: the libraries inside do not depend on it, the checksum does.
download_wheel() { # download_wheel NAME VERSION FOLDER
  local tmp
  tmp=$(scratch wheel)
  stage "downloading $1 $2"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --implementation cp --dest "$tmp" "$1==$2" >&2 ||
    die "could not download $1 $2; once the network is there, continue with" "./build.sh fetch" \
      "or set LIBTORCH to an unpacked libtorch $(pins libtorch)"
  publish "$tmp" "$3"
}

fetch_wheel() { # fetch_wheel NAME VERSION SHA256: path of the verified file on stdout
  local dir=$wheels/$1-$2 file found
  [[ -d $dir ]] || download_wheel "$1" "$2" "$dir"
  file=$(find "$dir" -name '*.whl' -print -quit)
  found=$(sha256sum "$file" | cut -d ' ' -f 1)
  if [[ $found != "$3" ]]; then
    rm -rf "$dir"
    die "$1 $2: SHA-256 is $found" "third_party/VERSIONS says  $3" "run ./build.sh fetch again, or look at who serves your wheels"
  fi
  echo "$file"
}

unpack_wheels() { # unpack_wheels KIND TARGET
  local name version sum patterns file
  while read -r name version sum patterns; do
    file=$(fetch_wheel "$name" "$version" "$sum")
    stage "unpacking $name $version"
    local -a globs
    read -ra globs <<<"$patterns"
    python3 "$root/tools/build/unwheel.py" "$file" "$2" "${globs[@]}" || die "cannot unpack $file"
  done < <(pins "$1")
}

# gotorch links -ltorch. The wheel's own libtorch.so pulls in CUDA, which a CPU tree lacks and a
# binary for both must not need: a linker script takes its place, and CUDA is opened at run time.
write_linker_script() { printf 'INPUT(-ltorch_cpu -lc10)\n' >"$1/libtorch.so"; }

libtorch_from_wheels() {
  local tmp
  need_pip
  tmp=$(scratch libtorch)
  unpack_wheels wheel "$tmp"
  write_linker_script "$tmp/lib"
  echo "$(pins libtorch) wheel" >"$tmp/SOURCE"
  publish "$tmp" "$libtorch"
}

# The CUDA part goes file by file into the tree in use; CUDA is written when all are there.
cuda_from_wheels() {
  local tmp
  need_pip
  tmp=$(scratch cuda)
  unpack_wheels cudawheel "$tmp"
  mv "$tmp"/lib/* "$libtorch/lib/"
  pins libtorch >"$libtorch/CUDA"
}

# third_party/nccl/include: what libtorch's headers of its NCCL backend include. The libraries themselves are the machine's.
ensure_nccl_headers() {
  local tmp
  [[ -f $tp/nccl/include/nccl.h ]] && return
  need_pip
  tmp=$(scratch nccl)
  unpack_wheels ncclwheel "$tmp"
  publish "$tmp" "$tp/nccl"
}

# --- a libtorch that is already on the machine --------------------------------------------------

libtorch_version() { # libtorch_version FOLDER: its version, empty if it is none
  sed -n 's/^ *"\(.*\)"$/\1/p' "$1/include/torch/headeronly/version.h" 2>/dev/null || true
}

# Links only, so that an own linker script can stand in for libtorch.so. The libraries look for
# their neighbours in $ORIGIN, which is the folder of the link: NVIDIA's packages of a Python
# environment are therefore linked beside them.
adopt_libtorch() { # adopt_libtorch FOLDER
  local dir tmp found file
  dir=$(realpath "$1")
  found=$(libtorch_version "$dir")
  [[ ${found%%+*} == "$(pins libtorch)" && -e $dir/lib/libtorch_cpu.so ]] ||
    die "$1 holds ${found:+libtorch }${found:-no libtorch}; wanted libtorch $(pins libtorch) with include/ and lib/" \
      "unset LIBTORCH to have it fetched"
  stage "using libtorch of $dir"
  tmp=$(scratch libtorch)
  ln -s "$dir/include" "$tmp/include"
  mkdir "$tmp/lib"
  for file in "$dir"/lib/*.so* "$dir"/../nvidia/*/lib/*.so*; do
    [[ -e $file && ${file##*/} != libtorch.so ]] && ln -sf "$(realpath -s "$file")" "$tmp/lib/"
  done
  write_linker_script "$tmp/lib"
  if [[ -e $dir/lib/libtorch_cuda.so ]]; then echo "$found" >"$tmp/CUDA"; fi
  echo "$(pins libtorch) path $dir" >"$tmp/SOURCE"
  publish "$tmp" "$libtorch"
}

# Folder of the torch package of python3, found without importing it.
python_torch() {
  python3 - 2>/dev/null <<'PY' || true
import importlib.util
spec = importlib.util.find_spec("torch")
if spec and spec.submodule_search_locations:
    print(spec.submodule_search_locations[0])
PY
}

# --- lookup ---------------------------------------------------------------------------------------

libtorch_ready() {
  [[ -f $libtorch/SOURCE && $(<"$libtorch/SOURCE") == "$(pins libtorch) "* ]] &&
    [[ -e $libtorch/lib/libtorch_cpu.so && -e $libtorch/include/ATen/ATen.h ]]
}

# adopted FOLDER: third_party/libtorch already stands for it.
adopted() { libtorch_ready && [[ $(<"$libtorch/SOURCE") == *" path $(realpath -m "$1")" ]]; }

# A libtorch that somebody put into third_party by hand is kept, under another name.
adopt_given_libtorch() {
  [[ -L $libtorch || (-d $libtorch && ! -f $libtorch/SOURCE) ]] || return 1
  [[ $(libtorch_version "$libtorch") == "$(pins libtorch)"* ]] || return 1
  [[ -e $libtorch/lib/libtorch_cpu.so ]] || return 1
  rm -rf "$libtorch.given"
  mv -T "$libtorch" "$libtorch.given"
  adopt_libtorch "$libtorch.given"
}

ensure_libtorch() {
  local python_dir
  if [[ -n ${LIBTORCH:-} && $(realpath -m "$LIBTORCH") != "$(realpath -m "$libtorch")" ]]; then
    adopted "$LIBTORCH" || adopt_libtorch "$LIBTORCH"
  elif ! libtorch_ready && ! adopt_given_libtorch; then
    python_dir=$(python_torch)
    if [[ -n $python_dir && $(libtorch_version "$python_dir") == "$(pins libtorch)"* ]]; then
      adopt_libtorch "$python_dir"
    else
      libtorch_from_wheels
    fi
  fi
  ensure_cuda
  rm -rf "$wheels" # kept until here so that a broken run continues
}

ensure_cuda() {
  [[ ${SEER_CUDA:-0} != 1 || -f $libtorch/CUDA ]] && return
  [[ $(<"$libtorch/SOURCE") == *" wheel" ]] ||
    die "SEER_CUDA=1, but $(cut -d ' ' -f 3- "$libtorch/SOURCE") has no libtorch_cuda.so" \
      "set LIBTORCH to one that has, or remove third_party/libtorch to have the wheels fetched"
  cuda_from_wheels
}
