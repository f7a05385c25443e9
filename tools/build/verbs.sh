# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The verbs of build.sh, a function each, and their help.

help_main() {
  cat <<'TXT'
usage: ./build.sh [VERB] [--help]

  build    set up all that is missing and build bin/seer (default)
  dist     one archive for machines without Go and compiler: program, libraries, experiments
  demo     build, pretrain and probe a small trunk on Fashion-MNIST: some minutes
  test     set up all that is missing and run the whole test suite
  fetch    bring everything that comes from the network, build nothing
  env      print exports for a shell or an editor
  golden   make the tests' references again: numbers with pinned PyTorch, image files with pinned Pillow
  clean    remove what was built; clean --all also what was fetched

environment:
  LIBTORCH=DIR   use this libtorch instead of looking for one or fetching it
  SEER_CUDA=1    fetch the CUDA part of libtorch as well (3.1 GB more on disk)
  SEER_JOBS=N    compile so many C++ units at a time (default: the number of cores)

  ./build.sh VERB --help says more.
TXT
}

help_build() {
  cat <<'TXT'
usage: ./build.sh [build]

Sets up what is missing, compiles what changed and leaves bin/seer. Needs Go, g++ and Python 3 with
pip; with everything in place it needs no network and does nothing.

libtorch is looked for in this order:
  1. $LIBTORCH, an unpacked libtorch or a Python environment's torch folder
  2. third_party/libtorch
  3. the torch package of the python3 on the PATH, if it has exactly the wanted version
  4. else its CPU part is fetched by pip (437 MB on disk) and checked against third_party/VERSIONS
SEER_CUDA=1 fetches the CUDA part too. The same bin/seer then uses both.
TXT
}

help_dist() {
  cat <<'TXT'
usage: ./build.sh dist [--accept]

Makes dist/seer-VERSION-linux-x86_64.tar.zst: program, libraries, experiments, docs, a Containerfile and a SLURM script.
Unpacked anywhere with glibc 2.34 or newer it takes the libtorch of a Python's PyTorch, CPU or CUDA.
--accept adds the tests as programs, for tools/gpu/accept.sh in that folder. tools/dist_check.sh tries the archive in an
empty root.
TXT
}

help_demo() {
  cat <<'TXT'
usage: ./build.sh demo [OPTION...]

Builds bin/seer, then runs `bin/seer demo OPTION...`: pretrains a small RegNetY on Fashion-MNIST and
compares it with a randomly initialised one by linear and k-NN probes.
TXT
}

help_test() {
  cat <<'TXT'
usage: ./build.sh test [PACKAGE...]

Sets up what is missing and runs the tests: packages without libtorch first, those again under the
race detector, then the rest, then torch/ once more under AddressSanitizer.
With packages (./ssl/... for instance) only those. Ends with the number of tests passed and failed.
TXT
}

help_fetch() {
  cat <<'TXT'
usage: ./build.sh fetch

Brings libtorch, gotorch, the Go modules, the image libraries, Gloo's headers and Fashion-MNIST, verified, so
that the other verbs work without a network. Continues where an interrupted run stopped.
TXT
}

help_env() {
  cat <<'TXT'
usage: eval "$(./build.sh env)"

Prints exports: bin/ on the PATH, where libtorch and Fashion-MNIST are, and include folders for
editors that read the C++ shim. Plain `go build ./...` and `go test ./...` need none of it.
TXT
}

help_golden() {
  cat <<'TXT'
usage: ./build.sh golden [SCRIPT.py [ARGUMENT...]]

Makes the reference files of the tests again by tools/golden/make.sh, or runs one script of that folder,
in a virtual environment with the versions of tools/golden/requirements.txt under
${XDG_CACHE_HOME:-~/.cache}/seer (4 GB).
TXT
}

help_clean() {
  cat <<'TXT'
usage: ./build.sh clean [--all]

Removes bin/, go.work and compiled objects. With --all everything that build.sh put into third_party
as well; the next build fetches it again. Runs and data are never touched.
TXT
}

# --- set-up -----------------------------------------------------------------------------------------

preflight() {
  need go "see https://go.dev/doc/install ($(sed -n 's/^go /Go /p' "$root/go.mod") or later)"
  need flock "apt-get install -y util-linux"
  ensure_compiler
}

setup() {
  preflight
  ensure_images
  ensure_gloo
  ensure_libtorch
  ensure_gotorch
  write_go_work
}

# The revision goes into the run folders of the experiments; a tree without git has none.
buildvcs() {
  if git -C "$root" rev-parse HEAD >/dev/null 2>&1; then echo true; else echo false; fi
}

# cgo's own run paths are absolute. These come first and are relative to bin/, so that the folder can be
# moved or copied; both are RUNPATHs, which LD_LIBRARY_PATH overrides.
# shellcheck disable=SC2016 # $ORIGIN is for the dynamic linker
run_path='$ORIGIN/../third_party/shim:$ORIGIN/../third_party/gotorch/cgotorch:$ORIGIN/../third_party/libtorch/lib:$ORIGIN/../third_party/images/lib'

build_binary() {
  [[ -x $root/bin/seer ]] || stage "building bin/seer, about a minute the first time"
  (cd "$root" && go build -buildvcs="$(buildvcs)" -ldflags "-r $run_path -extldflags=-Wl,--enable-new-dtags" \
    -o bin/seer ./cmd/seer) || die "go build failed: see above"
}

build_all() {
  setup
  build_native
  build_binary
}

# --- verbs ------------------------------------------------------------------------------------------

verb_build() {
  lock
  build_all
  stage "bin/seer is ready"
}

verb_demo() {
  lock
  build_all
  ensure_fashion_mnist
  unlock
  stage "bin/seer demo"
  cd "$root"
  SEER_FASHION_MNIST=$tp/fashion-mnist exec bin/seer demo "$@"
}

verb_fetch() {
  lock
  setup
  ensure_fashion_mnist
  stage "fetching Go modules"
  (cd "$root" && go mod download) || die "could not download the Go modules; once the network is there, continue with" "./build.sh fetch"
  stage "everything is there"
}

# shellcheck disable=SC2016 # the caller's shell expands them
verb_env() {
  printf 'export PATH=%q:$PATH\n' "$root/bin"
  printf 'export LIBTORCH=%q\n' "$libtorch"
  printf 'export SEER_FASHION_MNIST=%q\n' "$tp/fashion-mnist"
  printf 'export CPLUS_INCLUDE_PATH=%q${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}\n' \
    "$libtorch/include:$libtorch/include/torch/csrc/api/include:$gotorch"
}

verb_golden() {
  local venv stamp requirements=$root/tools/golden/requirements.txt
  venv=${XDG_CACHE_HOME:-$HOME/.cache}/seer/golden
  stamp=$venv/requirements.txt
  need python3 "apt-get install -y python3 python3-venv"
  if ! cmp -s "$requirements" "$stamp"; then
    stage "making the virtual environment $venv"
    rm -rf "$venv"
    python3 -m venv "$venv" || die "python3 cannot make a virtual environment; bring it with" "apt-get install -y python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" ||
      die "could not install tools/golden/requirements.txt; once the network is there, run again"
    cp "$requirements" "$stamp"
  fi
  cd "$root"
  stage "${1:-tools/golden/make.sh}"
  if (($#)); then "$venv/bin/python" "$@"; else PYTHON=$venv/bin/python tools/golden/make.sh; fi
}

remove_built() { rm -rf "${root:?}/bin" "$root/dist" "$root/go.work" "$root/go.work.sum" "$tp/.obj" "$tp/.tmp" "$tp/shim" "$gotorch"; }

verb_clean() {
  case ${1:-} in
  "") remove_built ;;
  --all)
    remove_built
    find "$tp" -mindepth 1 -maxdepth 1 ! -name VERSIONS -exec rm -rf {} +
    ;;
  *) die "clean: unknown option $1" "wanted: ./build.sh clean [--all]" ;;
  esac
}
