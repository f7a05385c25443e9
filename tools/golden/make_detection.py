# SPDX-License-Identifier: MIT
"""How torchvision moves images, boxes and masks for detection: the reference of data/detection.

    python tools/golden/make_detection.py        (environment: tools/golden/requirements.txt)

Sizes by transforms.v2.Resize, by the input transform of the detection models and by ScaleJitter, whose random number is given;
those of detectron2, which the environment does not have, by its formulas. Boxes and masks are moved by transforms.v2: resized, cut
or padded to a window at a place, mirrored. Polygons are those of make_masks.py. Writes testdata/golden/detection.json.
"""
import hashlib
import json

import numpy as np
import torch
import torchvision
from pycocotools import mask
from torchvision import tv_tensors
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

import gen
from make_masks import polygon

SIZES = [(640, 480), (480, 640), (500, 375), (333, 500), (1, 7), (100, 100), (1024, 201), (37, 411), (426, 640), (640, 427), (2400, 1600), (91, 90)]
SIDES = [(800, 1333), (640, 1333), (320, 500), (800, 0), (33, 40)]
SCALES = [0.1, 0.37, 0.7512, 1.0, 1.333, 1.9999]


def v2_resize(w, h, side, longest):
    image = torch.empty(1, h, w, dtype=torch.uint8)
    return list(v2.Resize(side, max_size=longest or None, interpolation=v2.InterpolationMode.NEAREST)(image).shape[:0:-1])


def model_transform(w, h, side, longest):
    t = GeneralizedRCNNTransform(side, longest or 10**9, [0.0] * 3, [1.0] * 3)
    image, _ = t.resize(torch.zeros(3, h, w))
    return list(image.shape[:0:-1])


def detectron2_side(w, h, side, longest):
    size = side * 1.0
    scale = size / min(h, w)
    newh, neww = (size, scale * w) if h < w else (scale * h, size)
    if longest and max(newh, neww) > longest:
        scale = longest * 1.0 / max(newh, neww)
        newh, neww = newh * scale, neww * scale
    return [int(neww + 0.5), int(newh + 0.5)]


def scale_jitter(w, h, size, scale):
    """The transform draws 0.1 + 1.9 × torch.rand(1): it is given the scale itself."""
    t = v2.ScaleJitter((size, size), scale_range=(0.0, 1.0))
    rand, torch.rand = torch.rand, lambda *_: torch.tensor([scale])
    try:
        p = t.make_params([tv_tensors.Image(torch.empty(1, h, w, dtype=torch.uint8))])
    finally:
        torch.rand = rand
    return [int(v) for v in p["size"][::-1]]


def detectron2_scale(w, h, size, scale):
    size_ = np.multiply((size, size), scale)
    output = np.minimum(size_[0] / h, size_[1] / w)
    return [int(v) for v in np.round(np.multiply((h, w), output)).astype(int)[::-1]]


def sizes():
    out = {"sides": [], "scales": []}
    for w, h in SIZES:
        for side, longest in SIDES:
            out["sides"].append({"from": [w, h], "side": side, "longest": longest, "torchvision": model_transform(w, h, side, longest),
                                 "resize": v2_resize(w, h, side, longest), "detectron2": detectron2_side(w, h, side, longest)})
        for scale in SCALES:
            for size in (1024, 640):
                out["scales"].append({"from": [w, h], "size": size, "scale": scale, "torchvision": scale_jitter(w, h, size, scale),
                                      "detectron2": detectron2_scale(w, h, size, scale)})
    return out


def views():
    """Boxes and masks of drawn objects, in resized, cut, padded and mirrored images."""
    out = []
    for i, (w, h, sw, sh, x, y, ww, wh, flip) in enumerate([
        (120, 90, 120, 90, 0, 0, 120, 90, True), (120, 90, 200, 150, 0, 0, 200, 150, False), (120, 90, 77, 58, 0, 0, 77, 58, True),
        (97, 131, 250, 337, 40, 61, 128, 128, True), (97, 131, 250, 337, 0, 209, 128, 128, False), (131, 97, 51, 37, 0, 0, 128, 128, True),
        (131, 97, 151, 111, 11, 0, 128, 128, False),
    ]):
        polygons = [polygon(k, h, w) for k in range(20 * i, 20 * i + 12)]
        masks = np.stack([mask.decode(mask.frPyObjects([p.tolist()], h, w)[0]) for p in polygons])
        boxes = np.array([[p[0::2].min(), p[1::2].min(), p[0::2].max(), p[1::2].max()] for p in polygons])
        m = tv_tensors.Mask(torch.from_numpy(masks))
        b = tv_tensors.BoundingBoxes(torch.from_numpy(boxes), format="XYXY", canvas_size=(h, w))
        moved = []
        for t in (m, b):
            t = F.resize(t, [sh, sw])
            t = F.crop(t, y, x, min(wh, sh - y), min(ww, sw - x)) if isinstance(t, tv_tensors.Mask) else shift(t, x, y, ww, wh)
            if isinstance(t, tv_tensors.Mask):
                t = F.pad(t, [0, 0, ww - t.shape[-1], wh - t.shape[-2]])
            moved.append(F.horizontal_flip(t) if flip else t)
        digest = hashlib.sha256(np.ascontiguousarray(moved[0].numpy()).tobytes()).hexdigest()
        out.append({"view": [w, h, sw, sh, x, y, ww, wh], "flip": flip, "first": 20 * i, "boxes": moved[1].tolist(), "masks": digest})
    return out


def shift(boxes, x, y, w, h):
    """What cropping does to boxes, without cutting them at the borders."""
    return tv_tensors.wrap(boxes.as_subclass(torch.Tensor) - torch.tensor([x, y, x, y]), like=boxes, canvas_size=(h, w))


def main():
    out = {"versions": f"torch {torch.__version__}, torchvision {torchvision.__version__}", **sizes(), "views": views()}
    path = gen.OUT / "detection.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(gen.ROOT)}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
