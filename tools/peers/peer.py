# SPDX-License-Identifier: MIT
"""What the loader peers share: arguments, the list of files, the measurement.

Every peer turns image files into SwAV's crops on one core and prints one JSON
line with img_s, the images a second of processor time, so that other work on the
machine disturbs it little; wall_img_s is by the clock. The files are read from
disk each time, as a loader does; after the first pass they are in the cache.
"""
import argparse
import json
import os
import pathlib
import random
import time


def arguments(description):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--images", required=True, help="folder with image files")
    p.add_argument("--crops", default="2x224,4x96", help="COUNTxSIZE, large ones first (default %(default)s)")
    p.add_argument("--seconds", type=float, default=10)
    a = p.parse_args()
    # SwAV's areas: .14 to 1 of the image for the largest crops, .05 to .14 for the rest.
    sizes = [tuple(map(int, c.split("x"))) for c in a.crops.split(",")]
    a.crops = [(n, s, (0.14, 1.0) if i == 0 else (0.05, 0.14)) for i, (n, s) in enumerate(sizes)]
    return a


ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic")


def files(folder):
    names = sorted(str(f) for f in pathlib.Path(folder).rglob("*") if f.suffix.lower() in ENDINGS)
    if not names:
        raise SystemExit(f"{folder}: no image files; --images names a folder that has some")
    random.Random(0).shuffle(names)
    return names


def measure(name, step, images_a_step, seconds, **more):
    """Calls step() for one second unmeasured, then for `seconds`, and reports."""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        step()
    steps, start, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        step()
        steps += 1
    wall, cpu = time.monotonic() - start, time.process_time() - cpu
    n = steps * images_a_step
    print(json.dumps({"peer": name, "img_s": round(n / cpu, 1), "wall_img_s": round(n / wall, 1), "images": n,
                      "affinity": len(os.sched_getaffinity(0)), **more}))
