#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Accepts a machine: one command in the folder that ./build.sh dist --accept made, without a network, Go or a compiler.
# shellcheck disable=SC2317 # some functions are called by name
set -uo pipefail

usage() {
  cat <<'TXT'
usage: tools/gpu/accept.sh [OPTION...]

Runs, with the PyTorch of python3 or $LIBTORCH: doctor; the tests with other libraries' numbers; a run that is killed and goes
on; steps with every way of recomputation; steps beside eager PyTorch and torch.compile. Ends with a table.

  --device NAME      where to compute (cuda)
  --stages LIST      of doctor,tests,resume,memory,step (all)
  --archs LIST       trunks of the step stage (regnet_y_8gf,regnet_y_16gf,regnet_y_32gf,regnet_y_128gf)
  --compile LIST     trunks that torch.compile is timed on (regnet_y_16gf)
  --plans LIST       of the memory stage, on the first trunk (none,selective,blocks,stages)
  --batch N          images a step (32)
  --crops LIST       of a step (2x224,4x96)
  --precisions LIST  of the step stage (bf16)
  --steps N          measured steps (10)
  --out FOLDER       where logs and table.md go (accept-results)
TXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
device=cuda stages=doctor,tests,resume,memory,step archs=regnet_y_8gf,regnet_y_16gf,regnet_y_32gf,regnet_y_128gf
compile=regnet_y_16gf plans=none,selective,blocks,stages batch=32 crops=2x224,4x96 precisions=bf16 steps=10 out=accept-results
while (($#)); do
  case $1 in
  --device | --stages | --archs | --compile | --plans | --batch | --crops | --precisions | --steps | --out) declare "${1#--}=$2" && shift ;;
  -h | --help) usage && exit ;;
  *) usage >&2 && exit 2 ;;
  esac
  shift
done

mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
rows=$out/rows.tsv
: >"$rows"
cd "$here" || exit 1
seer=$here/seer
peer=(python3 "$here/tools/peers/step_pytorch.py")

say() { printf '[%4d s] %s\n' "$SECONDS" "$*" >&2; }
wanted() { [[ ,$stages, == *,$1,* ]]; }
row() { printf 'check\t%s\t%s\t%s\n' "$1" "$2" "$3" >>"$rows"; } # row NAME ok|FAILED DETAIL

# check NAME LOG COMMAND...: a row with the last line of the log.
check() {
  local name=$1 log=$out/$2.log
  shift 2
  say "$name"
  local found=ok
  "$@" >"$log" 2>&1 || found=FAILED
  row "$name" $found "$(tail -n 1 "$log" | tr '\t|' '  ' | cut -c 1-160)"
}

# One process at a time on the device; the libraries are those that the launcher finds.
test_program() { # test_program FILE
  local name=${1##*/} log found
  name=${name%.test} log=$out/test-$name.log
  say "tests of ${name//-//}"
  mkdir -p "$out/work"
  (cd "$out/work" && LD_LIBRARY_PATH=$libtorch/lib SEER_TEST_DEVICE=$device SEER_GOLDEN=$here/accept/golden \
    "$1" -test.v -test.run "$(tests_of "$name")" -test.skip Processes) >"$log" 2>&1
  local status=$? passed failed
  ((status == 0)) || tail -n 1 "$log" >&2
  passed=$(grep -c '^--- PASS' "$log") failed=$(grep -c '^--- FAIL' "$log")
  found=$(grep -oE '[0-9.]+e-[0-9]+' "$log" | sort -g | tail -n 1)
  if ((status == 0 && passed > 0)); then
    row "tests of ${name//-//}" ok "$passed tests${found:+, largest relative error $found}"
  else
    row "tests of ${name//-//}" FAILED "$failed of $((passed + failed)): $(grep '^--- FAIL' "$log" | awk '{print $3}' | tr '\n' ' ' | cut -c 1-120)"
  fi
}

# What of a package depends on the device: the rest is Go, or draws from the CPU's generator. Tests of many processes would
# need a GPU for each.
tests_of() {
  case $1 in
  torch-dist) echo OnTheDevice ;;
  tasks-pretrain) echo TestTenStepsEqualPyTorch ;;
  ssl-swav) echo 'Sinkhorn|Loss|Queue|SwAV|Swap' ;;
  models) echo 'Numbers|Recomput|Tape|Segment' ;;
  models-regnet) echo 'Parity|Numbers' ;;
  *) echo . ;;
  esac
}

newest() { python3 -c 'import glob,sys; print(max(glob.glob(sys.argv[1]+"/**/model.safetensors", recursive=True)))' "$1"; }

# A run that is killed as often as it takes, beside one that is not: the weights must be the same.
killed() {
  local work=$out/resume kills=0 pid i
  rm -rf "$work" && mkdir -p "$work" && cp tools/gpu/tiny.toml "$work/"
  cd "$work" && python3 "$here/tools/gpu/draw.py" images 200 || return
  local -a run=("$seer" pretrain tiny.toml --set "run.device=$device")
  [[ $device != cpu ]] || run+=(--set run.precision=fp32)
  "${run[@]}" --set run.dir=straight || return
  for i in 1 2 3; do
    "${run[@]}" --set run.dir=killed &
    pid=$!
    # Behind its first checkpoint, not at a fixed time: how fast the device is does not matter.
    for ((n = 0; n < 600; n++)); do
      [[ $(wc -l <killed/metrics.jsonl 2>/dev/null || echo 0) -ge $((15 * i)) ]] && break
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    if kill -KILL "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null
  done
  "${run[@]}" --set run.dir=killed || return
  far=$(python3 "$here/tools/gpu/compare.py" "$(newest straight)" "$(newest killed)") || return
  echo "killed $kills times; weights differ by at most $far"
  [[ $far == 0 && $kills -gt 0 ]]
}

step() { # step NAME COMMAND...: its JSON line as a row
  local name=$1 log=$out/step-${1//[^A-Za-z0-9_]/-}.log line
  shift
  say "step: $name"
  line=$("$@" 2>"$log" | tail -n 1)
  if [[ $line == '{'* ]]; then
    printf 'step\t%s\n' "$line" >>"$rows"
  else
    row "step: $name" FAILED "$(grep -E 'Error|seer:|error' "$log" | tail -n 1 | tr '\t|' '  ' | cut -c 1-160)"
  fi
}

steps_of() { # steps_of ARCH PRECISION LAYOUT CHECKPOINT WHO...: seer, eager and compile
  local -a same=(--arch "$1" --batch "$batch" --crops "$crops" --hidden "8192,8192" --out 256 --prototypes 3000 --precision "$2"
    --steps "$steps" --device "$device" --checkpoint "$4" --json)
  [[ $3 == row-major ]] || same+=(--channels-last)
  local name="$1 $2 $3 $4" who
  shift 4
  for who in "$@"; do
    case $who in
    seer) step "$name seer" "$seer" bench step "${same[@]}" ;;
    eager) step "$name eager" "${peer[@]}" "${same[@]}" ;;
    compile) step "$name compile" "${peer[@]}" "${same[@]}" --compile ;;
    esac
  done
}

libtorch=${LIBTORCH:-$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')}
python3 -c 'import torch
p = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
print("PyTorch", torch.__version__, "on", f"{p.name}, {p.total_memory >> 20} MB" if p else "the CPU")' | tee "$out/machine.txt"

if wanted doctor; then check doctor doctor "$seer" doctor --device "$device"; fi
if wanted tests; then for file in accept/*.test; do test_program "$here/$file"; done; fi
if wanted resume; then
  check "killed and resumed" resume killed
  cd "$here" || exit 1
fi
if wanted memory; then
  for plan in ${plans//,/ }; do
    steps_of "${archs%%,*}" bf16 channels-last "$plan" seer eager
  done
fi
if wanted step; then
  for arch in ${archs//,/ }; do
    for precision in ${precisions//,/ }; do
      for layout in channels-last row-major; do
        who=(seer eager)
        # The memory stage has timed these.
        if [[ $arch,$precision,$layout == "${archs%%,*},bf16,channels-last" ]] && wanted memory; then who=(); fi
        [[ ,$compile, != *,$arch,* || $layout != channels-last ]] || who+=(compile)
        steps_of "$arch" "$precision" "$layout" none "${who[@]}"
      done
    done
  done
fi

say "done"
{
  cat "$out/machine.txt"
  echo
  python3 tools/gpu/table.py "$rows"
} | tee "$out/table.md"
exit "${PIPESTATUS[0]}"
