# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# ./build.sh dist: one folder that runs where there is no Go and no compiler, with the libtorch of a Python beside it.

# What the program itself does not use: AV1 and HEVC encoders, and other AV1 decoders than dav1d, that Debian's libavif and
# libheif name as needed. Libraries with their names and without their 32 MB stand in: each function gives 0.
stubbed_libraries=(libx265 libSvtAv1Enc libaom librav1e libgav1)

# Libraries that every machine with glibc and a C++ program has.
is_base_library() { [[ $1 =~ ^(libc|libm|libdl|libpthread|librt|libutil|ld-linux-x86-64|libstdc\+\+|libgcc_s)\.so ]]; }

is_stubbed() {
  local name
  for name in "${stubbed_libraries[@]}"; do
    [[ $1 == "$name".so* ]] && return
  done
  return 1
}

needed_by() { objdump -p "$1" | awk '/NEEDED/ { print $2 }'; }

# library_of NAME: where the machine keeps it.
library_of() {
  local file
  for file in "$tp/images/lib/$1" "$(ldconfig -p | awk -v n="$1" '$1 == n && /x86-64/ { print $NF; exit }')"; do
    [[ -e $file ]] && echo "$file" && return
  done
  die "$1 is needed by the program and not on this machine"
}

# copy_library NAME FOLDER: it and what it needs in turn, found beside each other.
copy_library() {
  local name=$1 to=$2 file
  [[ -e $to/$name ]] || is_base_library "$name" && return
  file=$(library_of "$name")
  if is_stubbed "$name"; then
    nm -D --defined-only "$file" | awk '$2 ~ /[TDBRW]/ { sub(/@.*/, "", $3); print "long " $3 "(void) { return 0; }" }' | sort -u |
      grep -E '^long (aom|x265|svt|rav1e|Libgav1)' | "${CC:-gcc}" -shared -Os -w -x c - -nostdlib "-Wl,-soname,$name" -o "$to/$name"
    strip --strip-unneeded "$to/$name"
    return
  fi
  install -m 644 "$(realpath "$file")" "$to/$name"
  strip --strip-unneeded "$to/$name"
  # shellcheck disable=SC2016 # $ORIGIN is for the dynamic linker
  patchelf --set-rpath '$ORIGIN' "$to/$name"
  local next
  for next in $(needed_by "$file"); do copy_library "$next" "$to"; done
}

# Inlining in what talks to object stores costs megabytes and gives it nothing; nor has it a use for gRPC's service mesh.
dist_flags() {
  local -a flags=(-tags disable_grpc_modules -trimpath)
  local pattern
  for pattern in github.com/aws github.com/Azure github.com/AzureAD cloud.google.com google.golang.org github.com/google \
    github.com/googleapis github.com/GoogleCloudPlatform go.opentelemetry.io gocloud.dev golang.org/x codeberg.org gonum.org/v1/plot; do
    flags+=("-gcflags=$pattern/...=-l")
  done
  printf '%s\n' "${flags[@]}"
}

# dist_library LIBRARY FOLDER: one of ours, with the compiler's paths gone.
dist_library() {
  install -m 644 "$1" "$2/${1##*/}"
  strip --strip-unneeded "$2/${1##*/}"
  # shellcheck disable=SC2016
  patchelf --set-rpath '$ORIGIN' "$2/${1##*/}"
}

# dist_program OUTPUT PACKAGE [GO-COMMAND...]: a program whose libraries are in lib/ beside it.
dist_program() {
  local output=$1 package=$2
  local -a flags
  shift 2
  mapfile -t flags < <(dist_flags)
  (cd "$root" && CGO_CFLAGS="-O2 -ffile-prefix-map=$root=." CGO_CXXFLAGS="-O2 -ffile-prefix-map=$root=." \
    "${@:-go}" "${flags[@]}" -ldflags "-s -w" -o "$output" "$package") || die "$package does not build: see above"
}

dist_version() { sed -n 's/^.*Version = "\(.*\)"$/\1/p' "$root"/internal/release/*.go | head -n 1; }

dist_programs() { # dist_programs FOLDER: program and libraries
  local name
  stage "building the program"
  dist_program "$1/lib/seer" ./cmd/seer go build "-buildvcs=$(buildvcs)"
  for name in $(needed_by "$1/lib/seer"); do
    case $name in
    libseertorch.so | libcgotorch.so) ;;
    *) copy_library "$name" "$1/lib" ;;
    esac
  done
  dist_library "$tp/shim/libseertorch.so" "$1/lib"
  dist_library "$tp/shim/libseernccl.so" "$1/lib"
  dist_library "$gotorch/cgotorch/libcgotorch.so" "$1/lib"
  # shellcheck disable=SC2016
  patchelf --set-rpath '$ORIGIN' "$1/lib/seer"
}

dist_texts() {
  cp -r "$root/tools/dist/." "$1/"
  cp -r "$root"/{README.md,LICENSE,THIRD_PARTY.md,CHANGELOG.md,experiments,docs} "$1/"
  mkdir -p "$1/tools/peers"
  cp -r "$root/tools/gpu" "$1/tools/"
  cp "$root/tools/peers/step_pytorch.py" "$1/tools/peers/"
}

# The tests with numbers of other libraries, as programs: what tools/gpu/accept.sh runs on a GPU.
acceptance_packages=(torch torch/dist nn models models/regnet models/fpn optim ssl/swav supervised tasks/pretrain)

dist_tests() {
  local package
  stage "building the tests for tools/gpu/accept.sh"
  mkdir -p "$1/accept"
  cp -r "$root/testdata/golden" "$1/accept/"
  for package in "${acceptance_packages[@]}"; do
    dist_program "$1/accept/${package//\//-}.test" "./$package" go test -c
    # shellcheck disable=SC2016
    patchelf --set-rpath '$ORIGIN/../lib' "$1/accept/${package//\//-}.test"
  done
}

verb_dist() {
  local accept=0 name folder
  case ${1:-} in
  "") ;;
  --accept) accept=1 ;;
  *) die "dist: unknown option $1" "wanted: ./build.sh dist [--accept]" ;;
  esac
  need patchelf "apt-get install -y patchelf"
  need zstd "apt-get install -y zstd"
  lock
  build_all
  ensure_nccl_headers
  rm -rf "$wheels"
  build_nccl
  name=seer-$(dist_version)-linux-x86_64
  ((!accept)) || name+=-accept
  folder=$(scratch dist)/$name
  mkdir -p "$folder/lib"
  dist_programs "$folder"
  dist_texts "$folder"
  ((!accept)) || dist_tests "$folder"
  chmod -R go=rX "$folder"
  mkdir -p "$root/dist"
  rm -rf "${root:?}/dist/$name" "$root/dist/$name.tar.zst"
  mv "$folder" "$root/dist/$name"
  tar -C "$root/dist" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" | zstd -q -19 -T0 -o "$root/dist/$name.tar.zst"
  stage "dist/$name.tar.zst: $(du -b --apparent-size "$root/dist/$name.tar.zst" | cut -f 1) bytes, $(du -sb "$root/dist/$name" | cut -f 1) unpacked"
}
