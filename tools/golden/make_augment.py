#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes data/jpeg/testdata/augment.json and augment.bin.gz: what PIL and
torchvision's PIL path make of drawn images, for given parameters.

    pip install torch==2.11.0 torchvision==0.26.0 pillow==13.0.0 numpy==2.4.6
    python3 tools/golden/make_augment.py

augment.json lists the cases; every array is a piece of augment.bin.gz, uint8,
height x width x 3, named by its offset. Sources are drawn here and nowhere else.
"""
import gzip
import io
import json
import pathlib
import random

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image, ImageDraw, ImageFilter

OUT = pathlib.Path(__file__).resolve().parents[2] / "data/jpeg/testdata"
ORDER = ["brightness", "contrast", "saturation", "hue"]
blob = bytearray()


def store(array):
    at = len(blob)
    blob.extend(np.ascontiguousarray(array, dtype=np.uint8).tobytes())
    return {"at": at, "h": array.shape[0], "w": array.shape[1]}


def shapes(w, h, seed):
    """Soft gradients with hard-edged shapes: what photographs are made of."""
    rng = random.Random(seed)
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([255 * x / w, 255 * y / h, 127 + 127 * np.sin(x / 5 + y / 9)], -1)
    im = Image.fromarray(a.astype(np.uint8))
    draw = ImageDraw.Draw(im)
    for _ in range(12):
        x0, y0 = rng.randrange(w), rng.randrange(h)
        box = [x0, y0, x0 + rng.randrange(3, w // 2), y0 + rng.randrange(3, h // 2)]
        fill = tuple(rng.randrange(256) for _ in range(3))
        rng.choice([draw.ellipse, draw.rectangle])(box, fill=fill)
    return im


def noise(w, h, seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8))


def corners(w, h):
    """Every combination of channel values that sits at a limit."""
    v = [0, 1, 2, 127, 128, 254, 255]
    a = np.array([(r, g, b) for r in v for g in v for b in v], dtype=np.uint8)
    return Image.fromarray(np.resize(a, (h, w, 3)))


def render(im, c):
    """The SwAV chain of torchvision on PIL, with c's parameters."""
    im = im.crop((c["x"], c["y"], c["x"] + c["w"], c["y"] + c["h"]))
    im = im.resize((c["scaled_w"], c["scaled_h"]), Image.BILINEAR)
    if (c["scaled_w"], c["scaled_h"]) != (c["size"], c["size"]):
        im = F.center_crop(im, c["size"])
    if c.get("flip"):
        im = F.hflip(im)
    for op in c.get("order", []):
        im = getattr(F, "adjust_" + op)(im, c[op])
    if c.get("gray"):
        im = F.rgb_to_grayscale(im, num_output_channels=3)
    if c.get("blur"):
        im = im.filter(ImageFilter.GaussianBlur(radius=c["blur"]))
    return np.asarray(im)


def whole(im, size, **kw):
    return dict(x=0, y=0, w=im.width, h=im.height, scaled_w=size, scaled_h=size, size=size, **kw)


def cases(sources):
    rng = random.Random(7)
    for name in ["shapes", "noise", "corners"]:
        im = sources[name]
        n = min(im.size)
        same = dict(x=0, y=0, w=n, h=n, scaled_w=n, scaled_h=n, size=n)  # no resize: one operation alone
        for f in [0.0, 0.2, 0.5123, 1.0, 1.3711, 1.8]:
            for op in ORDER[:3]:
                yield name, op, {**same, "order": [op], op: f}
        for f in [-0.2, -0.0731, 0.0, 0.1, 0.2, 0.5]:
            yield name, "hue", {**same, "order": ["hue"], "hue": f}
        yield name, "gray", {**same, "gray": True}
        yield name, "flip", {**same, "flip": True}
        for r in [0.1, 0.35, 0.8, 1.0, 1.41, 1.99, 3.3, 9.5]:
            yield name, "blur", {**same, "blur": r}
    for name in ["shapes", "noise", "wide", "tiny"]:
        im = sources[name]
        for size in [7, 24, 40, 61]:
            yield name, "resize", whole(im, size)
        for _ in range(5):
            w, h = rng.randint(1, im.width), rng.randint(1, im.height)
            x, y = rng.randint(0, im.width - w), rng.randint(0, im.height - h)
            yield name, "resize", dict(x=x, y=y, w=w, h=h, scaled_w=24, scaled_h=24, size=24, flip=rng.random() < 0.5)
        for resize, size in [(32, 28), (20, 33), (33, 20)]:
            sw, sh = (resize, int(resize * im.height / im.width)) if im.width <= im.height else (
                int(resize * im.width / im.height), resize)
            yield name, "center", dict(x=0, y=0, w=im.width, h=im.height, scaled_w=sw, scaled_h=sh, size=size,
                                       resize=resize)
    for i in range(24):
        name = ["shapes", "noise", "wide"][i % 3]
        im = sources[name]
        w, h = rng.randint(8, im.width), rng.randint(8, im.height)
        order = ORDER[:]
        rng.shuffle(order)
        yield name, "chain", dict(
            x=rng.randint(0, im.width - w), y=rng.randint(0, im.height - h), w=w, h=h, scaled_w=32, scaled_h=32,
            size=32, flip=i % 2 == 0, order=order, brightness=rng.uniform(0.2, 1.8), contrast=rng.uniform(0.2, 1.8),
            saturation=rng.uniform(0.2, 1.8), hue=rng.uniform(-0.2, 0.2), gray=i % 5 == 0,
            blur=rng.uniform(0.1, 2) if i % 3 else 0)


def main():
    sources = {"shapes": shapes(41, 37, 1), "noise": noise(33, 45, 2), "corners": corners(18, 20),
               "wide": shapes(150, 32, 3), "tiny": noise(3, 2, 4)}
    doc = {"sources": {k: store(np.asarray(v)) for k, v in sources.items()}, "cases": []}
    for source, op, c in cases(sources):
        doc["cases"].append({"source": source, "op": op, "crop": c, "want": store(render(sources[source], c))})
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(c) for c in doc["cases"])
    (OUT / "augment.json").write_text(
        '{"sources": %s,\n"cases": [\n%s\n]}\n' % (json.dumps(doc["sources"]), lines))
    with open(OUT / "augment.bin.gz", "wb") as f:
        f.write(gzip.compress(bytes(blob), 9, mtime=0))


if __name__ == "__main__":
    main()
