#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in common libtorch native; do
  # shellcheck source=/dev/null
  source "$here/tools/build/$part.sh"
done
ensure_libtorch
copy_gotorch
write_go_work
build_gotorch
build_shim
