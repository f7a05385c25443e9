# SPDX-License-Identifier: MIT
"""Compares `seer detect eval` with pycocotools on annotations of your own.

    python tools/parity/detection.py --annotations instances_val2017.json [--shakes 5] [--crowds 0.1]
    (environment: tools/golden/requirements.txt)

Results are the annotations, shaken: boxes and masks moved, categories confused, objects forgotten, found several times, or
invented, scores with many ties. A share of the annotations is turned into crowds, with masks of runs. Boxes, masks, and masks
of results that have boxes too are compared, all twelve numbers of all categories. Ends with 1 where any differ by 1e-9.
"""
import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

KEYS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@contextlib.contextmanager
def quiet():
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def uncompressed(rle):
    flat = mask.decode(rle).reshape(-1, order="F")
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
    return {"size": [int(v) for v in rle["size"]], "counts": [int(n) for n in np.diff(np.concatenate([[0], changes]))]}


def add_crowds(coco, share, rng):
    """The annotations with a share of them as crowds."""
    data = json.loads(json.dumps(coco.dataset))
    for o in data["annotations"]:
        if not o["iscrowd"] and rng.random() < share:
            o["iscrowd"], o["segmentation"] = 1, uncompressed(coco.annToRLE(o))
    return data


def moved(rle, dx, dy):
    m = mask.decode(rle)
    return mask.encode(np.asfortranarray(np.roll(m, (dy, dx), (0, 1))))


def shaken(coco, rng):
    ids, found = coco.getCatIds(), []
    for o in coco.dataset["annotations"]:
        rle = coco.annToRLE(o)
        scale = max(1, int(0.15 * min(o["bbox"][2:])))
        for _ in range(int(rng.choice([0, 1, 1, 1, 2, 4]))):
            dx, dy = (int(v) for v in rng.integers(-scale, scale + 1, 2))
            m = moved(rle, dx, dy)
            box = np.array(o["bbox"]) + [dx, dy, *rng.normal(0, scale / 2, 2)]
            box[2:] = np.maximum(box[2:], 0.5)
            category = o["category_id"] if rng.random() < 0.9 else int(rng.choice(ids))
            found.append({"image_id": o["image_id"], "category_id": category, "bbox": [round(float(v), 3) for v in box],
                          "score": round(float(rng.random()), int(rng.choice([1, 2, 6]))),
                          "segmentation": {"size": [int(v) for v in m["size"]], "counts": m["counts"].decode()}})
    return [found[k] for k in rng.permutation(len(found))]


def theirs(annotations, results, kind):
    """The twelve numbers over all categories, then those of each."""
    with quiet():
        truth = COCO(str(annotations))
        e = COCOeval(truth, truth.loadRes(str(results)), kind)
        e.evaluate()
        e.accumulate()
        e.summarize()
        rows = {"all": e.stats.tolist()}
        precision, recall = e.eval["precision"], e.eval["recall"]
        for k, c in enumerate(list(e.params.catIds)):
            e.eval["precision"], e.eval["recall"] = precision[:, :, k:k + 1], recall[:, k:k + 1]
            e.summarize()
            rows[int(c)] = e.stats.tolist()
    return rows


def ours(annotations, results, what):
    out = subprocess.run(["bin/seer", "detect", "eval", "--annotations", annotations, "--predictions", results, "--json", "--by-category"],
                         check=True, capture_output=True, text=True).stdout
    e = json.loads(out)
    rows = {"all": [e[what][k] for k in KEYS]}
    rows |= {c["id"]: [c[what][k] for k in KEYS] for c in e["categories"]}
    return rows


def largest(a, b):
    if a.keys() != b.keys():
        return float("inf")
    return max(abs(x - y) for k in a for x, y in zip(a[k], b[k], strict=True))


def without(found, key):
    return [{k: v for k, v in r.items() if k != key} for r in found]


def compare(annotations, found, work):
    """Largest differences of what is compared."""
    results, rows = work / "results.json", {}
    for name, kind, what, value in (
        ("boxes", "bbox", "boxes", without(found, "segmentation")), ("boxes of masks", "bbox", "boxes", without(found, "bbox")),
        ("masks", "segm", "masks", without(found, "bbox")), ("masks beside boxes", "segm", "masks", found),
    ):
        results.write_text(json.dumps(value))
        a, b = ours(annotations, results, what), theirs(annotations, results, kind)
        rows[name] = largest(a, b), b["all"][0]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=pathlib.Path, required=True)
    parser.add_argument("--shakes", type=int, default=5)
    parser.add_argument("--crowds", type=float, default=0.1)
    args = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        with quiet():
            coco = COCO(str(args.annotations))
        for shake in range(args.shakes):
            rng = np.random.default_rng(shake)
            file = work / "annotations.json"
            data = add_crowds(coco, args.crowds if shake else 0, rng)
            file.write_text(json.dumps(data))
            with quiet():
                truth = COCO(str(file))
            found = shaken(truth, rng)
            for name, (difference, ap) in compare(file, found, work).items():
                print(f"shake {shake}, {len(found)} results, {name}: AP {ap:.4f}, largest difference {difference:.2g}")
                worst = max(worst, difference)
    raise SystemExit(worst > 1e-9)


if __name__ == "__main__":
    main()
