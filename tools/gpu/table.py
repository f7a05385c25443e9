# SPDX-License-Identifier: MIT
"""The table at the end of accept.sh, from the lines that its stages leave: table.py FILE.

A line is "check<TAB>NAME<TAB>ok|FAILED<TAB>DETAIL", or "step<TAB>JSON" of seer's bench step or of step_pytorch.py.
"""
import json
import sys


def steps(rows):
    """Each kind of step a line, seer beside the others."""
    kinds = {}
    for r in rows:
        kinds.setdefault((r["arch"], r["precision"], r["channels_last"], r["batch"], r["checkpoint"]), {})[who(r)] = r
    yield "| trunk | precision | layout | batch | recomputed | who | ms a step | images/s | TFLOP/s | peak MB on the device | of eager's time |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (arch, precision, last, batch, plan), by in kinds.items():
        eager = by.get("eager PyTorch")
        for name, r in by.items():
            share = f"{r['ms_median'] / eager['ms_median']:.2f}" if eager else ""
            flops = by["seer"]["tflops"] * by["seer"]["ms_median"] / r["ms_median"] if "seer" in by else 0
            layout = "channels-last" if last else "row-major"
            yield (f"| {arch} | {precision} | {layout} | {batch} | {plan} | {name} | {r['ms_median']:.1f} | {r['img_s']:.1f} | "
                   f"{flops:.1f} | {r.get('peak_device_mb') or 0:.0f} | {share} |")


def who(row):
    if not row["program"].startswith("pytorch"):
        return "seer"
    return "torch.compile" if row["program"].endswith("compiled") else "eager PyTorch"


def main():
    checks, rows = [], []
    with open(sys.argv[1], encoding="utf-8") as f:
        for line in f:
            kind, rest = line.rstrip("\n").split("\t", 1)
            (checks if kind == "check" else rows).append(rest)
    print("| check | | |\n| --- | --- | --- |")
    for c in checks:
        print("| " + " | ".join(c.split("\t")) + " |")
    if rows:
        print()
        print("\n".join(steps([json.loads(r) for r in rows])))
    failed = sum("\tFAILED" in c for c in checks)
    print(f"\n{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
