#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seer's loader beside Pillow's pipeline in each image format: JPEGs are converted to every format in a temporary folder,
and both programs make SwAV's crops of them on one core, in turn.

    pip install torch==2.11.0 torchvision==0.26.0 pillow==13.0.0 pillow-heif==1.8.1
    python3 tools/peers/formats.py --images DIR [--formats png,webp] [--count 60] [--rounds 3] [--seconds 5]

Prints images a second of processor time, and how many times as fast seer is, for each round and format.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from PIL import Image

import peer

HERE = pathlib.Path(__file__).resolve().parent
FORMATS = {
    "jpeg": ("jpg", "JPEG", {"quality": 90}), "png": ("png", "PNG", {}), "png-fast": ("png", "PNG", {"compress_level": 1}),
    "bmp": ("bmp", "BMP", {}), "gif": ("gif", "GIF", {}), "webp": ("webp", "WEBP", {"quality": 85}),
    "webp-lossless": ("webp", "WEBP", {"lossless": True}), "tiff": ("tiff", "TIFF", {}),
    "tiff-lzw": ("tiff", "TIFF", {"compression": "tiff_lzw"}),
    "tiff-deflate": ("tiff", "TIFF", {"compression": "tiff_adobe_deflate"}), "avif": ("avif", "AVIF", {"quality": 75}),
    "heic": ("heic", "HEIF", {"quality": 75}),  # pillow-heif, which stands on libheif, too
}


def convert(names, folder, fmt):
    if fmt == "heic":
        import pillow_heif  # only where it is asked for

        pillow_heif.register_heif_opener()
    ending, name, options = FORMATS[fmt]
    for i, source in enumerate(names):
        Image.open(source).convert("RGB").save(folder / f"{i}.{ending}", name, **options)


def last_line(command, core):
    out = subprocess.run(["taskset", "-c", str(core), *command], check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1] if out.lstrip()[0] != "{" or out.count("\n") == 1 else out)


def measure(folder, a):
    """One run of each, one after the other."""
    seer = last_line([a.seer, "bench", "loader", "--images", str(folder), "--crops", a.crops, "--workers", "1", "--seconds",
                      str(a.seconds), "--json"], a.core)
    if seer["bad_images"]:
        sys.exit(f"{folder}: seer left {seer['bad_images']} images out")
    pil = last_line([sys.executable, str(HERE / "loader_pil.py"), "--images", str(folder), "--crops", a.crops, "--seconds",
                     str(a.seconds)], a.core)
    return seer["cpu_img_s"], pil["img_s"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--images", required=True, help="folder with JPEG files")
    p.add_argument("--formats", default=",".join(FORMATS), help="names separated by commas (default: all)")
    p.add_argument("--count", type=int, default=60, help="images (default %(default)s)")
    p.add_argument("--crops", default="2x224,4x96")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    p.add_argument("--seer", default=str(HERE.parents[1] / "bin/seer"))
    a = p.parse_args()
    names = [n for n in peer.files(a.images)][:a.count]
    with tempfile.TemporaryDirectory() as tmp:
        for fmt in a.formats.split(","):
            folder = pathlib.Path(tmp) / fmt
            folder.mkdir()
            convert(names, folder, fmt)
            rounds = [measure(folder, a) for _ in range(a.rounds)]
            ratios = [seer / pil for seer, pil in rounds]
            print(f"{fmt:14} seer {' / '.join(f'{s:.0f}' for s, _ in rounds)}  Pillow {' / '.join(f'{q:.1f}' for _, q in rounds)}"
                  f"  times {' / '.join(f'{r:.1f}' for r in ratios)}  median {statistics.median(ratios):.1f}", flush=True)


if __name__ == "__main__":
    main()
