#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run of the program as a user has it, on the CPU in about a minute: pretrain, kill -9, continue, compare with
# an uninterrupted run, probe, export. Needs a finished ./build.sh and Fashion-MNIST.
# With a file name as argument, appends a line "pass NAME" or "fail NAME" a check to it.
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
results=${1:-/dev/null}
failed=0
mnist=${SEER_FASHION_MNIST:-third_party/fashion-mnist}
[[ -d $mnist ]] || mnist=/usr/share/datasets/fashion-mnist
dir=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null; rm -rf "$dir"' EXIT

verdict() { # verdict pass|fail NAME
  [[ $1 == pass ]] || failed=1
  printf '%s smoke: %s (%d s)\n' "$1" "$2" "$((SECONDS - begun))" | tee -a "$results" >&2
}

check() { # check NAME COMMAND...: in a subshell, as pretrain execs; its output is shown only if it fails
  local name=$1 begun=$SECONDS
  shift
  if ("$@") >"$dir/output" 2>&1; then
    verdict pass "$name"
  else
    verdict fail "$name"
    tail -n 20 "$dir/output" >&2
  fi
}

sets() { # sets RUN: the demo's experiment, made small, one checkpoint every five steps
  printf -- '--set\n%s\n' "run.dir=$dir/$1" train.duration=60it run.checkpoint_every=5it run.log_every=1it \
    run.threads=1 optim.batch=32 data.subset.first=2048 data.workers=2 linear.duration=2ep linear.train_subset.first=2048 \
    knn.train_subset.first=2048 "data.source=$mnist/train-images-idx3-ubyte.gz" \
    "linear.train=$mnist/train-images-idx3-ubyte.gz" "linear.val=$mnist/t10k-images-idx3-ubyte.gz"
}

pretrain() { # pretrain RUN
  local -a args
  mapfile -t args < <(sets "$1")
  exec bin/seer pretrain experiments/quickstart.toml "${args[@]}"
}

# Killed as soon as it has a checkpoint and has gone on after it: work is lost on purpose.
killed_run() {
  local last
  (pretrain killed) &
  pid=$!
  for ((i = 0; i < 600; i++)); do
    sleep 0.1
    last=$(wc -l <"$dir/killed/metrics.jsonl" 2>/dev/null || echo 0)
    [[ -e $dir/killed/latest ]] && ((last >= 12)) && break
    kill -0 "$pid" 2>/dev/null || break
  done
  kill -9 "$pid" || return 1
  wait "$pid" || true
  pid=
  last=$(wc -l <"$dir/killed/metrics.jsonl")
  echo "killed after step $last"
  ((last >= 12 && last < 60))
}

same_weights() { cmp "$dir/whole/latest/model.safetensors" "$dir/killed/latest/model.safetensors"; }

# top1 FILE: above chance (ten classes), which a wrong label or a broken trunk is not.
above_chance() {
  python3 - "$1" <<'PY'
import json, sys
text = open(sys.argv[1]).read()
results = [json.loads(line) for line in text.splitlines()] if "\n{" in text else [json.loads(text)]
top1 = [value for key, value in results[-1].items() if key.lower().replace("_", "") == "top1"]
sys.exit(0 if top1 and top1[0] > 20 else f"top-1 {top1}: wanted more than 20 %")
PY
}

probe() { bin/seer linear-eval "$dir/killed" --out "$dir/linear.json" && above_chance "$dir/linear.json"; }
neighbours() { bin/seer knn "$dir/killed" --out "$dir/knn.json" && above_chance "$dir/knn.json"; }
export_trunk() { bin/seer export "$dir/killed" --out "$dir/trunk.safetensors" && bin/seer inspect "$dir/trunk.safetensors"; }
from_elsewhere() { local seer=$PWD/bin/seer; (cd / && "$seer" --version); }
misspelt_key() {
  bin/seer pretrain experiments/quickstart.toml --set optim.bacth=32 && return 1
  grep -q batch "$dir/output" # the message names the key that was meant
}

contact_sheet() {
  bin/seer data show experiments/quickstart.toml --set "data.source=$mnist/train-images-idx3-ubyte.gz" --out "$dir/crops.png" &&
    head -c 4 "$dir/crops.png" | grep -q PNG
}

check "version from another folder" from_elsewhere
check "contact sheet" contact_sheet
check "pretrain" pretrain whole
check "kill -9 during training" killed_run
check "continue" pretrain killed
check "weights equal those of the uninterrupted run" same_weights
check "linear-eval" probe
check "knn" neighbours
check "export and inspect" export_trunk
check "a misspelt key is named" misspelt_key
exit "$failed"
