# SPDX-License-Identifier: MIT
"""Two drawn pictures for the feature references: flat shapes and hard edges, rings and gradients.

    python tools/golden/draw.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/images/{shapes,grid}.png. Nothing here is a photograph. Sizes are chosen so
that the resize of the short side to 256 goes both ways: down from 260 and up from 240.
"""
import math

import numpy as np
from PIL import Image, ImageDraw

import gen

FOLDER = gen.OUT / "images"


def shapes():
    """320 wide, 260 high: overlapping ellipses, polygons and lines on a plain ground."""
    img = Image.new("RGB", (320, 260), (236, 224, 200))
    d = ImageDraw.Draw(img)
    d.ellipse((30, 20, 190, 180), fill=(196, 60, 48))
    d.polygon([(120, 240), (300, 250), (230, 80)], fill=(40, 96, 168))
    d.rectangle((200, 16, 300, 90), fill=(244, 192, 32), outline=(20, 20, 20), width=3)
    d.pieslice((20, 140, 140, 250), 20, 250, fill=(52, 140, 84))
    for i in range(9):
        d.line((10 + 36 * i, 0, 319 - 30 * i, 259), fill=(20 * i, 16, 220 - 20 * i), width=1 + i % 3)
    return img


def grid():
    """240 wide, 330 high: rings over a gradient, quantised to 16 steps so that PNG packs them."""
    y, x = np.mgrid[0:330, 0:240].astype(np.float64)
    ring = 0.5 + 0.5 * np.sin(np.hypot(x - 100, y - 180) / 9)
    channels = [ring, x / 239 * 0.7 + 0.3 * ring, 1 - y / 329 * math.sqrt(0.8)]
    rgb = np.stack([np.floor(c.clip(0, 1) * 15.999) * 17 for c in channels], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8), "RGB")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, img in (("shapes", shapes()), ("grid", grid())):
        path = FOLDER / f"{name}.png"
        img.save(path, optimize=True)
        print(path.relative_to(gen.ROOT), img.size, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
