# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The C++ parts: gotorch's library and the shim of torch/, an object a unit, kept between runs.

gotorch=$tp/gotorch

# gotorch's cgo flags point into its own folder and the module cache is read-only: it is copied,
# and a git-ignored go.work replaces the module by the copy.
copy_gotorch() {
  local module version dir tmp
  read -r module version _ < <(pins gomod)
  [[ -f $gotorch/SOURCE && $(<"$gotorch/SOURCE") == "$version" ]] && return
  need go "see https://go.dev/doc/install (Go 1.26 or later)"
  stage "copying gotorch $version"
  dir=$(cd "$root" && GOWORK=off GOFLAGS=-mod=mod go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  [[ -d $dir ]] || die "could not download $module $version" "try again with: go mod download $module@$version"
  tmp=$(scratch gotorch)
  cp -r --no-preserve=mode "$dir/." "$tmp"
  mkdir -p "$tmp/cgotorch/libtorch"
  ln -s ../../../libtorch/lib "$tmp/cgotorch/libtorch/lib"
  ln -s ../../../libtorch/include "$tmp/cgotorch/libtorch/include"
  echo "$version" >"$tmp/SOURCE"
  publish "$tmp" "$gotorch"
}

write_go_work() {
  local want module
  read -r module _ < <(pins gomod)
  want=$(printf 'go %s\n\nuse .\n\nreplace %s => ./third_party/gotorch' "$(sed -n 's/^go //p' "$root/go.mod")" "$module")
  [[ -f $root/go.work && $(<"$root/go.work") == "$want" ]] && return
  printf '%s\n' "$want" >"$root/go.work.tmp"
  mv "$root/go.work.tmp" "$root/go.work"
}

# libtorch's headers are system headers: -MMD then lists only our own, and a check is quick.
cxx_flags() {
  echo "-std=c++17 -fPIC -fvisibility=default -D_GLIBCXX_USE_CXX11_ABI=1 -pthread" \
    "-isystem $libtorch/include -isystem $libtorch/include/torch/csrc/api/include"
}

# stale OBJECT: true if the object is missing or older than a file it was made from.
stale() {
  local object=$1 deps=${1%.o}.d
  [[ -f $object && -f $deps ]] || return 0
  local -a files
  # The dependency file is "object: a b \ c": drop the target and the line ends.
  read -r -d '' -a files < <(sed -e 's/^[^:]*://' -e 's/\\$//' "$deps" && printf '\0')
  [[ ${#files[@]} -gt 0 && -z $(find "${files[@]}" -newer "$object" -print -quit 2>&1) ]] && return 1
  return 0
}

compile_unit() { # compile_unit OBJECT SOURCE FLAGS...
  local object=$1 source=$2
  shift 2
  stage "compiling ${source#"$root"/}"
  "${CXX:-g++}" "$@" -MMD -MF "${object%.o}.d.tmp" -MT "$object" -c "$source" -o "$object.tmp" || return 1
  # The dependencies first: an object without them counts as missing.
  mv "${object%.o}.d.tmp" "${object%.o}.d"
  mv "$object.tmp" "$object"
}

# build_library LIBRARY OBJECTS FLAGS LINKFLAGS SOURCE...
# Recompiles what changed, with a job a core, and links if an object is newer than the library.
build_library() {
  local library=$1 dir=$2 flags=$3 link=$4 key source object failed=0 running=0
  shift 4
  mkdir -p "$dir"
  key="$("${CXX:-g++}" -dumpfullversion) $(<"$libtorch/SOURCE") $flags $link $*"
  if [[ ! -f $dir/key || $(<"$dir/key") != "$key" ]]; then
    find "$dir" -maxdepth 1 -name '*.o' -delete
    rm -f "$library"
    printf '%s\n' "$key" >"$dir/key"
  fi
  local -a objects=()
  for source in "$@"; do
    object=$dir/$(basename "${source%.*}").o
    objects+=("$object")
    stale "$object" || continue
    if ((running == $(jobs_wanted))); then
      wait -n || failed=1
      running=$((running - 1))
    fi
    # shellcheck disable=SC2086
    compile_unit "$object" "$source" $flags &
    running=$((running + 1))
  done
  while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
  done
  ((failed == 0)) || die "a unit of $(basename "$library") does not compile: see above"
  if [[ ! -f $library || -n $(find "${objects[@]}" -newer "$library" -print -quit) ]]; then
    stage "linking $(basename "$library")"
    # shellcheck disable=SC2086
    "${CXX:-g++}" -shared -pthread "${objects[@]}" -o "$library.tmp" -Wl,-soname,"$(basename "$library")" \
      -Wl,--enable-new-dtags -L"$libtorch/lib" $link -ltorch_cpu -lc10 || die "cannot link $library"
    mv "$library.tmp" "$library"
  fi
}

build_gotorch() {
  build_library "$gotorch/cgotorch/libcgotorch.so" "$tp/.obj/cgotorch" \
    "$(cxx_flags) -O1 -w -I$gotorch" "-Wl,-rpath,\$ORIGIN/libtorch/lib" "$gotorch"/cgotorch/*.cc
}

build_shim() {
  local -a units
  shopt -s nullglob
  units=("$root"/torch/shim/*.cc)
  shopt -u nullglob
  ((${#units[@]})) || return 0
  mkdir -p "$tp/shim"
  build_library "$tp/shim/libseertorch.so" "$tp/.obj/shim" \
    "$(cxx_flags) -O2 -Wall -I$root/torch/shim" "-Wl,-rpath,\$ORIGIN/../libtorch/lib" "${units[@]}"
}
