#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders the crops of tools/parity once more with PIL and torchvision and prints
the differences by operation.

    pip install torch==2.11.0 torchvision==0.26.0 pillow==13.0.0 numpy==2.4.6
    go run ./tools/parity --images DIR --out crops && python3 tools/parity/compare.py crops
"""
import collections
import json
import pathlib
import sys

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image, ImageFilter

ORDER = ["Brightness", "Contrast", "Saturation", "Hue"]


def render(im, c):
    im = im.crop((c["X"], c["Y"], c["X"] + c["W"], c["Y"] + c["H"]))
    if c["ScaledW"] == c["ScaledH"] == c["Size"]:
        im = F.resize(im, [c["Size"], c["Size"]])
    else:  # the sizes and offsets are torchvision's own here
        im = F.center_crop(F.resize(im, min(c["ScaledW"], c["ScaledH"])), c["Size"])
    if c["Flip"]:
        im = F.hflip(im)
    for op in c["Order"][:c["Ops"]] if c["Jitter"] else []:
        im = getattr(F, "adjust_" + ORDER[op].lower())(im, c[ORDER[op]])
    if c["Gray"]:
        im = F.rgb_to_grayscale(im, num_output_channels=3)
    if c["Blur"]:
        im = im.filter(ImageFilter.GaussianBlur(radius=c["Blur"]))
    return np.asarray(im)


def main():
    folder = pathlib.Path(sys.argv[1])
    pixels = np.memmap(folder / "crops.bin", dtype=np.uint8, mode="r")
    rows, at, name = collections.defaultdict(list), 0, None
    for line in open(folder / "crops.json"):
        r = json.loads(line)
        if r["File"] != name:
            name, im = r["File"], Image.open(r["File"]).convert("RGB")
        n = r["Crop"]["Size"]
        got = np.asarray(pixels[at:at + n * n * 3]).reshape(n, n, 3).astype(int)
        at += n * n * 3
        d = np.abs(got - render(im, r["Crop"]))
        rows[r["Op"]].append((d.max(), d.mean(), (d > 0).mean()))
    print(f"{'operation':22}{'crops':>7}{'max':>6}{'mean':>10}{'differing':>12}")
    for op, v in rows.items():
        m = np.array(v)
        print(f"{op:22}{len(v):7}{m[:, 0].max():6.0f}{m[:, 1].mean():10.5f}{m[:, 2].mean():11.4%}")


if __name__ == "__main__":
    main()
