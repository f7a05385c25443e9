# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What Debian packages: a compiler, the image libraries, Gloo's headers and Fashion-MNIST. Root installs them;
# others unpack them into third_party (the compiler excepted).

have_apt() { command -v apt-get >/dev/null 2>&1; }

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null </dev/null; }

# The package lists are only fetched when the first attempt shows that they are missing or old.
apt_install() { # apt_install PACKAGE...
  stage "installing $*"
  apt_get install -y --no-install-recommends "$@" 2>/dev/null && return
  { apt_get update && apt_get install -y --no-install-recommends "$@"; } ||
    die "could not install $*; once the network is there, continue with" "apt-get update && apt-get install -y $*"
}

# Root may have to fetch the package lists first, and apt's own user cannot write to a private folder.
apt_download() { # apt_download PACKAGE: its file, into the working folder
  local -a download=(apt-get download -qq -o APT::Sandbox::User=root "$1")
  "${download[@]}" >/dev/null 2>&1 && return
  if ((EUID == 0)); then apt_get update; fi
  "${download[@]}" >/dev/null
}

# apt_unpack PACKAGE FOLDER: the package's files, under FOLDER, without being root.
apt_unpack() {
  local tmp
  need dpkg "a Debian or Ubuntu system, or: install $1 by hand"
  stage "unpacking Debian's $1"
  tmp=$(scratch deb)
  (cd "$tmp" && apt_download "$1" && dpkg -x ./*.deb files) ||
    die "could not download the package $1; once the network is there, run again, or as root" "apt-get install -y $1"
  publish "$tmp/files" "$2"
}

ensure_compiler() {
  command -v "${CXX:-g++}" >/dev/null 2>&1 && return
  if ((EUID == 0)) && have_apt; then apt_install g++; else need "${CXX:-g++}" "apt-get install -y g++   (as root)"; fi
}

# What data/jpeg and data/formats decode with: package, then the header that shows that it is there.
image_packages=(
  "libjpeg62-turbo-dev jpeglib.h"
  "zlib1g-dev zlib.h"
  "libdeflate-dev libdeflate.h"
  "libwebp-dev webp/demux.h"
  "libavif-dev avif/avif.h"
  "libdav1d-dev dav1d/dav1d.h"
  "libheif-dev libheif/heif.h"
  "libde265-dev libde265/de265.h"
  "libtiff-dev tiffio.h"
  "libzstd-dev zstd.h" # this and the next: what libtiff stands on
  "liblzma-dev lzma.h"
  "libjbig-dev jbig.h"
  "liblerc-dev Lerc_c_api.h"
)

# missing_images: the packages whose header the compiler does not find.
missing_images() {
  local package header
  while read -r package header; do
    printf '#include <stdio.h>\n#include <%s>\n' "$header" | "${CC:-gcc}" -E -x c - >/dev/null 2>&1 || echo "$package"
  done < <(printf '%s\n' "${image_packages[@]}")
}

# The packages look into third_party/images before the system's folders: for archives, and where Debian
# has none (libavif, libheif) for shared libraries, which lie there with all that they stand on.
unpack_images() { # unpack_images PACKAGE...
  local multiarch package tmp deb=$tp/.tmp/image.deb
  multiarch=$("${CC:-gcc}" -print-multiarch)
  tmp=$(scratch images)
  mkdir "$tmp/include" "$tmp/lib"
  while read -r package; do
    apt_unpack "$package" "$deb"
    if [[ -d $deb/usr/include ]]; then cp -r "$deb"/usr/include/. "$tmp/include/"; fi
    if [[ -d $tmp/include/$multiarch ]]; then
      cp -r "$tmp/include/$multiarch/." "$tmp/include/"
      rm -r "$tmp/include/$multiarch"
    fi
    find "$deb/usr/lib/$multiarch" -maxdepth 1 \( -name '*.a' -o -name '*.so*' \) -exec cp -P {} "$tmp/lib/" \;
  done < <(printf '%s\n' "$@" && runtime_packages "$@")
  link_images "$tmp/lib" "/usr/lib/$multiarch"
  echo "$*" >"$tmp/PACKAGES"
  publish "$tmp" "$tp/images"
}

# runtime_packages PACKAGE...: what else the system would have to install with them.
runtime_packages() {
  apt-get -qq --print-uris install -y --no-install-recommends "$@" | sed -n "s/.* \([^ _]*\)_[^ ]* .*/\1/p" |
    grep -vxF -f <(printf '%s\n' "$@") || true
}

# link_images FOLDER SYSTEM: -lNAME finds the archive, or else a list of all shared libraries in the
# folder, because a program's run path does not serve the libraries of its libraries.
link_images() {
  local lib all
  all=$(find "$1" -maxdepth 1 -regex '.*\.so\.[0-9]+' -printf '%f ')
  for lib in "$1"/*.so; do
    [[ -L $lib ]] || continue
    if [[ -e ${lib%.so}.a ]]; then
      rm "$lib"
    elif [[ -e $lib ]]; then
      rm "$lib" && echo "INPUT($all)" >"$lib"
    else # the library itself is the system's
      ln -sfn "$2/$(readlink "$lib")" "$lib"
    fi
  done
}

ensure_images() {
  local -a missing
  mapfile -t missing < <(missing_images)
  ((${#missing[@]})) || return 0
  [[ -f $tp/images/PACKAGES && $(<"$tp/images/PACKAGES") == "${missing[*]}" ]] && return
  have_apt || die "headers of image libraries are missing; bring what Debian calls ${missing[*]} with your system's packages" \
    "for instance: dnf install libjpeg-turbo-devel zlib-devel libdeflate-devel libwebp-devel libtiff-devel libavif-devel libdav1d-devel libheif-devel libde265-devel"
  if ((EUID == 0)); then apt_install "${missing[@]}"; else unpack_images "${missing[@]}"; fi
}

# libtorch has Gloo inside, but not the headers that c10d's own header asks for. Nothing of the package is
# linked, so its headers are unpacked without what else it would install.
ensure_gloo() {
  local deb=$tp/.tmp/gloo.deb
  [[ -f $tp/gloo/gloo/config.h ]] && return
  if [[ -f /usr/include/gloo/config.h ]]; then
    mkdir -p "$tp/gloo"
    ln -sfT /usr/include/gloo "$tp/gloo/gloo"
    return
  fi
  have_apt || die "the headers of Gloo are missing; bring what Debian calls libgloo-dev, or put the folder gloo of" \
    "https://github.com/facebookincubator/gloo, with its config.h, into $tp/gloo"
  apt_unpack libgloo-dev "$deb"
  publish "$deb/usr/include" "$tp/gloo"
}

# third_party/fashion-mnist is the folder of the four IDX files, wherever they are.
ensure_fashion_mnist() {
  local system=/usr/share/datasets/fashion-mnist deb=$tp/.tmp/fashion.deb
  [[ -e $tp/fashion-mnist/train-images-idx3-ubyte.gz ]] && return
  if [[ ! -d $system ]] && ((EUID == 0)) && have_apt; then apt_install dataset-fashion-mnist; fi
  if [[ -d $system ]]; then
    ln -sfT "$system" "$tp/fashion-mnist"
    return
  fi
  have_apt || die "Fashion-MNIST is missing; put its four .gz files into" "$tp/fashion-mnist"
  apt_unpack dataset-fashion-mnist "$deb"
  publish "$deb$system" "$tp/fashion-mnist"
}
