#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what seer decodes, and what it refuses, with the Pillow that is installed: every file of tools/golden's
formats_*.py, each also cut and damaged at random, and the files of a folder.

    pip install pillow==13.0.0 numpy==2.4.6
    python3 tools/parity/formats.py [--formats png,bmp] [--damaged 20] [--seed 1] [--images DIR] [--keep DIR]

Prints the files about which the two disagree, and counts. Exits with 1 when there are any. --keep leaves those files in
a folder.
"""
import argparse
import collections
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/golden"))
import make_formats  # noqa: E402


def damage(data, rng):
    """Cuts, and changes of a few bytes; those of the beginning, where the headers are, more often."""
    data = bytearray(data)
    if rng.random() < 0.25:
        del data[rng.randrange(len(data)):]
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        if data:
            at = rng.randrange(min(len(data), 80)) if rng.random() < 0.5 else rng.randrange(len(data))
            data[at] = rng.choice([0, 1, 255, data[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
    return bytes(data)


def small(data):
    """Damage to a size makes giants, over which Pillow sits for minutes."""
    try:
        im = Image.open(io.BytesIO(data))
    except Exception:
        return True
    return im.width * im.height < 1 << 20


def files(a):
    """(name, bytes, what is known of it) of all that is compared."""
    rng = random.Random(a.seed)
    names = a.formats.split(",") if a.formats else sorted(
        p.stem.removeprefix("formats_") for p in (ROOT / "tools/golden").glob("formats_*.py"))
    for fmt in names:
        for name, data, extra in make_formats.cases(fmt):
            yield f"{fmt}-{name}", data, extra
            for i in range(a.damaged):
                other = damage(data, rng)
                if small(other):
                    yield f"{fmt}-{name}~{i}", other, {}
    for path in sorted(pathlib.Path(a.images).iterdir()) if a.images else []:
        yield path.name, path.read_bytes(), {}


def disagreement(mine, want):
    if "refused" in want:
        return None if "Error" in mine else f"seer reads it; Pillow: {want['refused']}"
    if "Error" in mine:
        return f"{mine['Error']}; Pillow reads {want['w']} x {want['h']}"
    if (mine["W"], mine["H"]) != (want["w"], want["h"]):
        return f"{mine['W']} x {mine['H']}; Pillow reads {want['w']} x {want['h']}"
    return None if mine["SHA256"] == want["sha256"] else "other pixels than Pillow's"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--formats", default="", help="names separated by commas (default: all)")
    p.add_argument("--damaged", type=int, default=5, help="damaged copies of each file (default %(default)s)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--images", help="a folder of files to compare as well")
    p.add_argument("--keep", help="folder for the files that differ")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    counts, bad = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as tmp:
        folder, out = pathlib.Path(tmp) / "files", pathlib.Path(tmp) / "out.json"
        folder.mkdir()
        known = {}
        for name, data, extra in files(a):
            (folder / name).write_bytes(data)
            known[name] = (data, extra)
        subprocess.run(["go", "run", "./tools/parity", "--files", str(folder), "--out", str(out)], cwd=ROOT, check=True)
        for line in out.read_text().splitlines():
            mine = json.loads(line)
            data, extra = known[mine["Name"]]
            want, _ = make_formats.entry(data, extra)
            counts["refused by both" if "refused" in want else "compared"] += 1
            why = disagreement(mine, want)
            if not why:
                continue
            bad += 1
            print(f"{mine['Name']}: {why}")
            if a.keep:
                pathlib.Path(a.keep).mkdir(parents=True, exist_ok=True)
                (pathlib.Path(a.keep) / mine["Name"]).write_bytes(data)
    print(f"{sum(counts.values())} files, {counts['refused by both']} refused, {bad} disagreements")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
