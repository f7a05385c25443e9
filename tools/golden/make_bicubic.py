#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes data/jpeg/testdata/bicubic.json: digests of what PIL's bicubic resize makes of the drawn images of
make_augment.py, and of torchvision's Resize and CenterCrop with it.

    pip install torch==2.11.0 torchvision==0.26.0 pillow==13.0.0 numpy==2.4.6
    python3 tools/golden/make_bicubic.py
"""
import hashlib
import json
import random

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image

from make_augment import OUT, corners, noise, shapes


def cases(sources):
    rng = random.Random(11)
    for name, im in sources.items():
        for size in [3, 7, 24, 40, 61, 130]:
            yield name, dict(x=0, y=0, w=im.width, h=im.height, scaled_w=size, scaled_h=size, size=size)
        for _ in range(8):
            w, h = rng.randint(1, im.width), rng.randint(1, im.height)
            yield name, dict(x=rng.randint(0, im.width - w), y=rng.randint(0, im.height - h), w=w, h=h, scaled_w=24,
                             scaled_h=24, size=24, flip=rng.random() < 0.5)
        for resize, size in [(32, 28), (20, 33), (24, 24)]:
            short, long = sorted(im.size)
            sides = (resize, int(resize * long / short))
            sw, sh = sides if im.width <= im.height else sides[::-1]
            yield name, dict(x=0, y=0, w=im.width, h=im.height, scaled_w=sw, scaled_h=sh, size=size, resize=resize)


def render(im, c):
    im = im.crop((c["x"], c["y"], c["x"] + c["w"], c["y"] + c["h"]))
    if "resize" in c:
        im = F.center_crop(F.resize(im, c["resize"], F.InterpolationMode.BICUBIC), c["size"])
    else:
        im = im.resize((c["scaled_w"], c["scaled_h"]), Image.BICUBIC)
    return np.asarray(F.hflip(im) if c.get("flip") else im)


def main():
    sources = {"shapes": shapes(41, 37, 1), "noise": noise(33, 45, 2), "corners": corners(18, 20),
               "wide": shapes(150, 32, 3), "tiny": noise(3, 2, 4)}
    lines = [json.dumps({"source": name, "crop": c, "sha256": hashlib.sha256(render(sources[name], c).tobytes()).hexdigest()})
             for name, c in cases(sources)]
    (OUT / "bicubic.json").write_text("[\n%s\n]\n" % ",\n".join(lines))


if __name__ == "__main__":
    main()
