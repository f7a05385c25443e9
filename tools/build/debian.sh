# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What Debian packages: a compiler, libjpeg-turbo and Fashion-MNIST. Root installs them; others
# unpack them into third_party (the compiler excepted).

have_apt() { command -v apt-get >/dev/null 2>&1; }

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null </dev/null; }

# The package lists are only fetched when the first attempt shows that they are missing or old.
apt_install() { # apt_install PACKAGE...
  stage "installing $*"
  apt_get install -y --no-install-recommends "$@" 2>/dev/null && return
  { apt_get update && apt_get install -y --no-install-recommends "$@"; } ||
    die "could not install $*; once the network is there, continue with" "apt-get update && apt-get install -y $*"
}

# apt_unpack PACKAGE FOLDER: the package's files, under FOLDER, without being root.
apt_unpack() {
  local tmp
  need dpkg "a Debian or Ubuntu system, or: install $1 by hand"
  stage "unpacking Debian's $1"
  tmp=$(scratch deb)
  (cd "$tmp" && apt-get download -qq "$1" >/dev/null && dpkg -x ./*.deb files) ||
    die "could not download the package $1; once the network is there, run again, or as root" "apt-get install -y $1"
  publish "$tmp/files" "$2"
}

ensure_compiler() {
  command -v "${CXX:-g++}" >/dev/null 2>&1 && return
  if ((EUID == 0)) && have_apt; then apt_install g++; else need "${CXX:-g++}" "apt-get install -y g++   (as root)"; fi
}

has_libjpeg() {
  printf '#include <stdio.h>\n#include <jpeglib.h>\n' | "${CC:-gcc}" -E -x c - >/dev/null 2>&1
}

# data/jpeg looks into third_party/libjpeg before the system's folders. Only the static library is
# put there, so the program needs no path to it at run time.
ensure_libjpeg() {
  local multiarch tmp deb=$tp/.tmp/libjpeg.deb
  [[ -f $tp/libjpeg/lib/libjpeg.a ]] && return
  has_libjpeg && return
  if ((EUID == 0)) && have_apt; then
    apt_install libjpeg62-turbo-dev
    return
  fi
  have_apt || die "libjpeg-turbo's headers are missing; bring them with your system's package" "for instance: dnf install libjpeg-turbo-devel"
  apt_unpack libjpeg62-turbo-dev "$deb"
  multiarch=$("${CC:-gcc}" -print-multiarch)
  tmp=$(scratch libjpeg)
  mkdir "$tmp/include" "$tmp/lib"
  cp "$deb"/usr/include/*.h "$deb/usr/include/$multiarch"/*.h "$tmp/include/"
  cp "$deb/usr/lib/$multiarch/libjpeg.a" "$tmp/lib/"
  publish "$tmp" "$tp/libjpeg"
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
