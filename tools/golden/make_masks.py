# SPDX-License-Identifier: MIT
"""What pycocotools.mask says of polygons, boxes and masks: references of data/mask.

    python tools/golden/make_masks.py        (environment: tools/golden/requirements.txt)

Polygons come from the generator by polygon(i); a quarter of them has corners on whole pixels, a quarter on tenths, where the
rounding of the drawing has ties, a quarter on hundredths as in COCO's files. Most reach over the borders. The compressed
strings of all, a line each, are kept as a digest for each hundred; those of the first ones as they are, beside area and box.
Writes testdata/golden/masks.json.
"""
import hashlib
import json

import numpy as np
import pycocotools
from pycocotools import mask

import gen

COUNT, BLOCK, SHOWN, PAIRS = 4000, 100, 16, 300


def size(i):
    """Height and width."""
    return 20 + i // 4 * 37 % 200, 20 + i // 4 * 53 % 260


def polygon(i, h, w):
    """float64 [2 n]: x, y, x, y, and so on."""
    n = 3 + i % 17
    v = gen.fill(f"polygon.{i}", 2 * n).astype(np.float64) * 0.7 + 0.5
    v[0::2] *= w
    v[1::2] *= h
    unit = (0, 1, 10, 100)[i % 4]
    return np.floor(v * unit + 0.5) / unit if unit else v


def draw(i):
    h, w = size(i)
    return mask.frPyObjects([polygon(i, h, w).tolist()], h, w)[0]


def union(i):
    """Of three polygons of one size, of which the last two are moved by nothing but their numbers."""
    h, w = size(i)
    return mask.merge(mask.frPyObjects([polygon(i + k, h, w).tolist() for k in range(3)], h, w))


def intersection(i):
    h, w = size(i)
    return mask.merge(mask.frPyObjects([polygon(i + k, h, w).tolist() for k in range(2)], h, w), intersect=True)


def text(m):
    return m["counts"].decode()


def digests(masks):
    lines = [text(m) for m in masks]
    return [hashlib.sha256("\n".join(lines[k:k + BLOCK]).encode()).hexdigest() for k in range(0, len(lines), BLOCK)]


def box(i):
    """x, y, width, height; some are empty, and every fourth is that of the object before it, moved by a little."""
    v = gen.fill(f"box.{i // 4 * 4 if i % 4 == 3 else i}", 4).astype(np.float64) * 60 + 60
    return np.floor(v + i % 4) / (1, 2, 4, 8)[i % 4] * (0 if i % 29 == 0 else 1)


def overlaps():
    """Of the masks of polygons and of boxes, beside an object and beside a crowd."""
    out = {"masks": [], "mask_crowds": [], "boxes": [], "box_crowds": []}
    for i in range(PAIRS):
        h, w = size(i)
        a, b = mask.frPyObjects([polygon(i + k, h, w).tolist() for k in range(2)], h, w)
        for crowd, name in ((0, "masks"), (1, "mask_crowds")):
            out[name].append(float(mask.iou([a], [b], [crowd])[0, 0]))
        for crowd, name in ((0, "boxes"), (1, "box_crowds")):
            value = float(mask.iou(np.array([box(i)]), np.array([box(i + 1)]), [crowd])[0, 0])
            out[name].append(value)
    return out


def from_counts():
    """Uncompressed lists, with runs of nothing."""
    lists = [[0, 12], [12], [3, 4, 5], [0, 1, 1, 1, 1, 8], [5, 0, 2, 5], [4, 4, 4, 0], [1, 3, 0, 2, 6]]
    found = []
    for counts in lists:
        m = mask.frPyObjects({"size": [3, 4], "counts": counts}, 3, 4)
        bitmap = mask.decode(m)
        found.append({"counts": counts, "pixels": bitmap.reshape(-1).tolist(), "text": text(mask.encode(np.asfortranarray(bitmap)))})
    return found


def main():
    masks = [draw(i) for i in range(COUNT)]
    out = {
        "versions": f"pycocotools {getattr(pycocotools, '__version__', '2.0.11')}, numpy {np.__version__}",
        "polygons": digests(masks),
        "unions": digests([union(i) for i in range(COUNT // 4)]),
        "intersections": digests([intersection(i) for i in range(COUNT // 4)]),
        "first": [{"text": text(m), "area": int(mask.area(m)), "box": mask.toBbox(m).tolist()} for m in masks[:SHOWN]],
        "areas": [int(mask.area(m)) for m in masks[:PAIRS]],
        "boxes": [mask.toBbox(m).tolist() for m in masks[:PAIRS]],
        "drawn_boxes": digests([mask.frPyObjects(np.array([box(i)]), 100, 120)[0] for i in range(PAIRS)]),
        "overlaps": overlaps(),
        "counts": from_counts(),
    }
    path = gen.OUT / "masks.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(gen.ROOT)}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
