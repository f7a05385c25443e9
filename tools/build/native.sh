# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The C++ parts: gotorch's library and the shim of torch/. Every unit that includes libtorch costs
# 12-17 s, so objects are kept and only what changed is compiled. cgo would compile all of a package
# whenever one file of it changes; that is why the shim is a library beside it.

gotorch=$tp/gotorch

# gotorch's cgo flags point into its own folder and the module cache is read-only: it is copied, and a
# git-ignored go.work replaces the module by the copy. The copy loses gotorch's init, which would lock the
# main goroutine to its thread and ask for half as many threads as there are cores (for none on one core,
# at which libtorch ends the process): how seer uses threads is decided in torch/ alone.
ensure_gotorch() {
  local module version dir tmp stamp
  read -r module version < <(pins gomod)
  stamp="$version, without its init"
  [[ -f $gotorch/SOURCE && $(<"$gotorch/SOURCE") == "$stamp" ]] && return
  stage "copying gotorch $version"
  dir=$(cd "$root" && GOWORK=off go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || true
  [[ -d $dir ]] || die "could not download $module $version; once the network is there, continue with" "./build.sh fetch"
  tmp=$(scratch gotorch)
  cp -r --no-preserve=mode "$dir/." "$tmp"
  sed -i -e '/^func init() {$/,/^}$/d' -e '/^\t"os"$/d' -e '/^\t"runtime"$/d' "$tmp/device.go"
  ! grep -q 'func init()' "$tmp/device.go" || die "gotorch's init is not where it was"
  mkdir -p "$tmp/cgotorch/libtorch"
  ln -s ../../../libtorch/lib "$tmp/cgotorch/libtorch/lib"
  ln -s ../../../libtorch/include "$tmp/cgotorch/libtorch/include"
  echo "$stamp" >"$tmp/SOURCE"
  publish "$tmp" "$gotorch"
}

write_go_work() {
  local module
  read -r module _ < <(pins gomod)
  write_if_changed "$root/go.work" "$(printf 'go %s\n\nuse .\n\nreplace %s => ./third_party/gotorch' \
    "$(sed -n 's/^go //p' "$root/go.mod")" "$module")"
}

# libtorch's headers are system headers: -MMD then lists only our own, and a check is quick.
cxx_flags() {
  echo "-std=c++17 -fPIC -fvisibility=default -D_GLIBCXX_USE_CXX11_ABI=1 -pthread" \
    "-isystem $libtorch/include -isystem $libtorch/include/torch/csrc/api/include"
}

# stale OBJECT: true if the object is missing or older than a file it was made from.
stale() {
  local object=$1 deps=${1%.o}.d newer
  [[ -f $object && -f $deps ]] || return 0
  local -a files
  # The file reads "object: a b \ c": drop the target and the line ends.
  read -ra files < <(sed -e 's/^[^:]*://' -e 's/\\$//' "$deps" | tr '\n' ' ')
  # A header that is gone makes find fail: compile, the compiler will say more.
  newer=$(find "${files[@]}" -newer "$object" -print -quit 2>/dev/null) || return 0
  [[ -n $newer ]]
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

# compile_stale FOLDER FLAGS SOURCE...: a job a core, and the failure of one lets the others finish.
compile_stale() {
  local dir=$1 source object failed=0 running=0
  local -a flags
  read -ra flags <<<"$2"
  shift 2
  for source in "$@"; do
    object=$dir/$(basename "${source%.*}").o
    stale "$object" || continue
    if ((running >= $(jobs_wanted))); then
      wait -n || failed=1
      running=$((running - 1))
    fi
    compile_unit "$object" "$source" "${flags[@]}" &
    running=$((running + 1))
  done
  for (( ; running > 0; running--)); do wait -n || failed=1; done
  ((failed == 0)) || die "a C++ unit does not compile: see above"
}

link_library() { # link_library LIBRARY LINKFLAGS OBJECT...
  local library=$1
  local -a flags
  read -ra flags <<<"$2"
  shift 2
  stage "linking ${library#"$root"/}"
  "${CXX:-g++}" -shared -pthread "$@" -o "$library.tmp" "-Wl,-soname,${library##*/}" -Wl,--enable-new-dtags \
    -L"$libtorch/lib" "${flags[@]}" -ltorch_cpu -lc10 || die "cannot link $library"
  mv "$library.tmp" "$library"
}

# Objects are only good for the compiler, flags and libtorch they were made with.
check_key() { # check_key FOLDER FLAGS
  local key
  key="$("${CXX:-g++}" -dumpfullversion) $(<"$libtorch/SOURCE") $2"
  [[ -f $1/key && $(<"$1/key") == "$key" ]] && return
  mkdir -p "$1"
  find "$1" \( -name '*.o' -o -name '*.gch' \) -delete
  write_if_changed "$1/key" "$key"
}

# build_library LIBRARY FOLDER FLAGS LINKFLAGS SOURCE...
build_library() {
  local library=$1 dir=$2 compile=$3 link=$4
  shift 4
  check_key "$dir" "$compile"
  compile_stale "$dir" "$compile" "$@"
  local -a objects=("${@##*/}")
  objects=("${objects[@]/%.cc/.o}")
  objects=("${objects[@]/#/$dir/}")
  # A unit that was removed leaves no newer object, only a shorter list.
  write_if_changed "$dir/link" "$link ${objects[*]}"
  if [[ ! -f $library || -n $(find "${objects[@]}" "$dir/link" -newer "$library" -print -quit) ]]; then
    mkdir -p "${library%/*}"
    link_library "$library" "$link" "${objects[@]}"
  fi
}

# gotorch never changes: its nine units as one cost the libtorch headers once, 30 s instead of 110 s.
# RUNPATH, not RPATH, here and below: LD_LIBRARY_PATH wins over it, which lets a run use another
# libtorch. libtorch_cpu.so finds its own neighbours through $ORIGIN.
build_gotorch() {
  local dir=$tp/.obj/cgotorch
  mkdir -p "$dir"
  write_if_changed "$dir/all.cc" "$(printf '#include "%s"\n' "$gotorch"/cgotorch/*.cc)"
  build_library "$gotorch/cgotorch/libcgotorch.so" "$dir" \
    "$(cxx_flags) -O1 -w -I$gotorch" "-Wl,-rpath,\$ORIGIN/libtorch/lib" "$dir/all.cc"
}

# The headers that every unit of the shim includes, read once: 4 s a unit instead of 13 s. It is only
# an accelerator: a compiler that cannot use it reads the headers themselves.
shim_flags() {
  echo "$(cxx_flags) -isystem $tp/gloo -O2 -Wall -I$root/torch/shim -I$tp/.obj/shim -include $tp/.obj/shim/libtorch.h"
}

# The Go side refuses a shim that was compiled with another ct.h: its operations have other numbers.
write_header_sum() {
  local sum
  sum=$(sha256sum "$root/torch/shim/ct.h")
  mkdir -p "$tp/.obj/shim"
  write_if_changed "$tp/.obj/shim/header_sum.h" "#define CT_HEADER_SUM 0x${sum:0:16}"
}

precompile_headers() {
  local dir=$tp/.obj/shim
  check_key "$dir" "$(shim_flags)"
  write_if_changed "$dir/libtorch.h" "$(printf '#include <%s>\n' ATen/ATen.h ATen/core/grad_mode.h cstdlib cstring new string vector)"
  [[ -f $dir/libtorch.h.gch && $dir/libtorch.h.gch -nt $dir/libtorch.h ]] && return
  stage "precompiling libtorch's headers"
  local -a flags
  read -ra flags <<<"$(cxx_flags) -O2 -Wall"
  "${CXX:-g++}" "${flags[@]}" -x c++-header "$dir/libtorch.h" -o "$dir/libtorch.tmp" || die "cannot precompile libtorch's headers"
  mv "$dir/libtorch.tmp" "$dir/libtorch.h.gch"
}

build_shim() {
  write_header_sum
  build_library "$tp/shim/libseertorch.so" "$tp/.obj/shim" \
    "$(shim_flags)" "-Wl,-rpath,\$ORIGIN/../libtorch/lib" "$root"/torch/shim/*.cc
}

# The part of the shim that needs CUDA, in a library of its own: torch/shim/nccl/nccl.h says why. It links without CUDA.
build_nccl() {
  build_library "$tp/shim/libseernccl.so" "$tp/.obj/nccl" \
    "$(cxx_flags) -O2 -I$root/torch/shim/nccl/types -isystem $tp/nccl/include" \
    "-Wl,-rpath,\$ORIGIN/../libtorch/lib" "$root"/torch/shim/nccl/*.cc
}

# The shim under AddressSanitizer, for a pass of the tests: beside the other one, with the same name.
build_sanitized_shim() {
  write_header_sum
  build_library "$tp/shim-asan/libseertorch.so" "$tp/.obj/shim-asan" \
    "$(cxx_flags) -isystem $tp/gloo -O1 -g -fsanitize=address -fno-omit-frame-pointer -w -I$root/torch/shim -I$tp/.obj/shim" \
    "-fsanitize=address -Wl,-rpath,\$ORIGIN/../libtorch/lib" "$root"/torch/shim/*.cc
}

# One core each for the two long units, then all of them for the short ones. The subshell keeps the
# headers' job out of the jobs that gotorch's build waits for.
build_native() {
  precompile_headers &
  local headers=$!
  (build_gotorch)
  wait "$headers" || exit 1
  build_shim
  if [[ -f $libtorch/CUDA || -f $tp/shim/libseernccl.so ]]; then
    ensure_nccl_headers
    build_nccl
  fi
}
