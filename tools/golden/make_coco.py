# SPDX-License-Identifier: MIT
"""What pycocotools.cocoeval says of drawn annotations and results: the reference of eval/coco.

    python tools/golden/make_coco.py        (environment: tools/golden/requirements.txt)

Nothing is a photograph: images are sizes only, objects are stars, rings and boxes at random places. There are crowds, objects
of several parts, images without objects, without results and without either, a category without objects, one that is never
found and one of crowds only, equal scores, overlaps that lie on a threshold, and more than a hundred results in one image.

Writes testdata/golden/coco/: annotations.json, results.json with boxes and masks (the tests take one away), and expected.json:
for each comparison the twelve numbers, and mean precision and recall of each [category][area][detections][overlap]. The files are results of
numpy's generator, so another numpy may draw others.
"""
import contextlib
import io
import json
import pathlib
import tempfile

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import gen

FOLDER = gen.OUT / "coco"
CATEGORIES = [3, 90, 17, 1, 44, 62, 8]  # ids in no order; 62 has no objects, 44 is never found, 8 has crowds only
rng = np.random.default_rng(gen.SEED)


def star(w, h, size):
    """Polygon around a random centre, in hundredths."""
    n = int(rng.integers(3, 11))
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = size * rng.uniform(0.4, 1, n)
    x = rng.uniform(0, w) + radius * np.cos(angle)
    y = rng.uniform(0, h) + radius * np.sin(angle)
    return [round(float(v), 2) for v in np.stack([x.clip(0, w), y.clip(0, h)], 1).reshape(-1)]


def counts(rle):
    """The uncompressed list of a mask."""
    flat = mask.decode(rle).reshape(-1, order="F")
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
    return [int(n) for n in np.diff(np.concatenate([[0], changes]))]


def segmentation(w, h, kind):
    size = float(rng.choice([6, 20, 45, 110]))
    parts = [star(w, h, size) for _ in range(1 + (rng.random() < 0.2))]
    rle = mask.merge(mask.frPyObjects(parts, h, w))
    if kind == "polygons":
        return parts, rle
    if kind == "counts":
        return {"size": [h, w], "counts": counts(rle)}, rle
    return {"size": [h, w], "counts": rle["counts"].decode()}, rle


def annotations():
    images, objects = [], []
    for i in range(40):
        w, h = int(rng.integers(60, 320)), int(rng.integers(60, 260))
        images.append({"id": int(1000 - 17 * i), "file_name": f"{i}.png", "width": w, "height": h})
        if i % 9 == 4:
            continue
        for _ in range(int(rng.integers(1, 12))):
            category = int(rng.choice([3, 3, 90, 17, 1, 44, 8]))
            crowd = int(category == 8 or rng.random() < 0.08)
            shape, rle = segmentation(w, h, "counts" if crowd else rng.choice(["polygons", "polygons", "text"]))
            area = float(mask.area(rle)) * (1 if rng.random() < 0.7 else 1.05)  # COCO's are of the polygon
            objects.append({"id": 7 * len(objects) + 5, "image_id": images[-1]["id"], "category_id": category, "iscrowd": crowd,
                            "bbox": mask.toBbox(rle).tolist(), "area": area, "segmentation": shape})
    # boxes whose overlap with results lies on .5 and .75 to the bit
    for i in range(8):
        x, y = 3 + i, 5
        objects.append({"id": 7 * len(objects) + 5, "image_id": images[0]["id"], "category_id": 90, "iscrowd": 0,
                        "bbox": [x, y + 6 * i, 40, 4], "area": 160, "segmentation": [[x, y + 6 * i, x + 40, y + 6 * i, x + 40, y + 6 * i + 4, x, y + 6 * i + 4]]})
    order = rng.permutation(len(objects))
    categories = [{"id": c, "name": f"thing {c}", "supercategory": "thing"} for c in CATEGORIES]
    return {"images": images, "annotations": [objects[k] for k in order], "categories": categories}


def moved(rle, dx, dy):
    m = mask.decode(rle)
    out = np.zeros_like(m)
    h, w = m.shape
    ys, xs = np.nonzero(m)
    ys, xs = ys + dy, xs + dx
    keep = (ys >= 0) & (ys < h) & (xs >= 0) & (xs < w)
    out[ys[keep], xs[keep]] = 1
    return mask.encode(np.asfortranarray(out))


def results(coco):
    """Shaken ground truth, and nonsense."""
    all_, sizes = [], {i["id"]: (i["width"], i["height"]) for i in coco.dataset["images"]}

    def add(image, category, rle, box=None):
        score = float(np.round(rng.random(), 2 if len(all_) % 2 else 6))
        all_.append({"image_id": image, "category_id": category, "score": score,
                     "bbox": box or [float(v) for v in mask.toBbox(rle) + rng.normal(0, 0.5, 4).clip(-0.9, 0.9).round(3)],
                     "segmentation": {"size": [int(v) for v in rle["size"]], "counts": rle["counts"].decode()}})

    for o in coco.dataset["annotations"]:
        if o["category_id"] == 44 or o["image_id"] % 5 == 0 and rng.random() < 0.8:
            continue
        rle = coco.annToRLE(o)
        for _ in range(int(rng.integers(0, 4)) + 2 * o["iscrowd"]):
            shift = rng.integers(-4, 5, 2) if rng.random() < 0.8 else rng.integers(-15, 16, 2)
            category = o["category_id"] if rng.random() < 0.93 else int(rng.choice([3, 90, 17, 1, 62, 8]))
            add(o["image_id"], category, moved(rle, int(shift[0]), int(shift[1])))
    for k in range(8):  # of half and three quarters of a box
        w, h = sizes[1000]
        box = [3 + k, 5 + 6 * k, 20 if k % 2 else 30, 4]
        x, y, bw, bh = box
        add(1000, 90, mask.frPyObjects([[x, y, x + bw, y, x + bw, y + bh, x, y + bh]], h, w)[0], [float(v) for v in box])
    crowded = coco.dataset["annotations"][0]
    for _ in range(130):
        w, h = sizes[crowded["image_id"]]
        add(crowded["image_id"], crowded["category_id"], mask.frPyObjects([star(w, h, 15)], h, w)[0])
    for _ in range(60):
        image = int(rng.choice(list(sizes)))
        w, h = sizes[image]
        add(image, int(rng.choice([3, 90, 17, 1, 62, 8])), mask.frPyObjects([star(w, h, 30)], h, w)[0])
    return [all_[k] for k in rng.permutation(len(all_))]


def compare(data, found, kind):
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        annotation_file, path = pathlib.Path(folder) / "annotations.json", pathlib.Path(folder) / "results.json"
        annotation_file.write_text(json.dumps(data))
        path.write_text(json.dumps(found))
        truth = COCO(str(annotation_file))
        e = COCOeval(truth, truth.loadRes(str(path)), kind)
        e.evaluate()
        e.accumulate()
        e.summarize()
    precision = e.eval["precision"].mean(axis=1)  # [overlap][category][area][detections]
    return {"stats": e.stats.tolist(), "precision": precision.transpose(1, 2, 3, 0).reshape(-1).tolist(),
            "recall": e.eval["recall"].transpose(1, 2, 3, 0).reshape(-1).tolist()}


def without(found, key):
    return [{k: v for k, v in r.items() if k != key} for r in found]


def main():
    FOLDER.mkdir(exist_ok=True)
    write = lambda name, value: (FOLDER / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")
    data = annotations()
    write("annotations.json", data)
    zero = json.loads(json.dumps(data))
    next(a for a in zero["annotations"] if not a["iscrowd"])["id"] = 0
    with contextlib.redirect_stdout(io.StringIO()):
        both = results(COCO(str(FOLDER / "annotations.json")))
    boxes, masks = without(both, "segmentation"), without(both, "bbox")
    write("results.json", both)
    expected = {
        "boxes of boxes": compare(data, boxes, "bbox"), "boxes of masks": compare(data, masks, "bbox"), "masks of masks": compare(data, masks, "segm"),
        "masks of both": compare(data, both, "segm"), "boxes of nothing": compare(data, boxes[:1], "bbox"),
        "boxes beside an id of 0": compare(zero, boxes, "bbox"),
    }
    write("expected.json", expected)
    for name, e in expected.items():
        print(name, np.round(e["stats"], 3).tolist())


if __name__ == "__main__":
    main()
