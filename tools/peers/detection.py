# SPDX-License-Identifier: MIT
"""Times `seer detect eval` beside pycocotools, from files to the twelve numbers.

    python tools/peers/detection.py --annotations instances_val2017.json --copies 50
    (environment: tools/golden/requirements.txt)

The annotations are repeated as other images, results are made of them as in tools/parity/detection.py. Both sides run in turn,
each in a process of its own on one CPU, boxes and then boxes and masks. Times are of the processor, without what Python needs to
start and import; seer's are of its whole process. Memory is the peak of the process.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def parity():
    spec = importlib.util.spec_from_file_location("parity_detection", HERE.parent / "parity" / "detection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def repeated(value, copies, images):
    """Images, annotations or results under other ids: copy k adds k times a large number."""
    step = 1 + max(i["id"] for i in images)
    out = []
    for k in range(copies):
        for v in value:
            v = dict(v)
            if "image_id" in v:
                v["image_id"] += k * step
            else:
                v["id"] += k * step
            out.append(v)
    return out


def write(work, annotations, copies):
    p = parity()
    with p.quiet():
        coco = p.COCO(str(annotations))
    found = p.shaken(coco, np.random.default_rng(0))
    data, images = coco.dataset, coco.dataset["images"]
    data = {**data, "images": repeated(images, copies, images), "annotations": repeated(data["annotations"], copies, images)}
    for k, o in enumerate(data["annotations"]):
        o["id"] = k + 1
    found = repeated(found, copies, images)
    (work / "annotations.json").write_text(json.dumps(data))
    (work / "masks.json").write_text(json.dumps(found))
    (work / "boxes.json").write_text(json.dumps(p.without(found, "segmentation")))
    sizes = {f.name: f.stat().st_size >> 20 for f in work.iterdir()}
    print(f"{len(data['images'])} images, {len(data['annotations'])} annotations, {len(found)} results, MiB {sizes}")


def pycocotools(work, what):
    """In a child: seconds of the processor, and the peak of its memory."""
    p = parity()
    start = time.process_time()
    with p.quiet():
        truth = p.COCO(str(work / "annotations.json"))
        found = truth.loadRes(str(work / f"{what}.json"))
        for kind in ("bbox", "segm")[:1 + (what == "masks")]:
            e = p.COCOeval(truth, found, kind)
            e.evaluate()
            e.accumulate()
            e.summarize()
    return {"seconds": time.process_time() - start, "ap": float(e.stats[0])}


def child(args):
    process = subprocess.Popen(args, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{args[0]} failed")
    return json.loads(out), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=pathlib.Path, required=True)
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", choices=("boxes", "masks"))
    args = parser.parse_args()
    if args.child:
        print(json.dumps(pycocotools(args.annotations, args.child)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        write(work, args.annotations, args.copies)
        for what in ("boxes", "masks"):
            times, peak = {"seer": [], "pycocotools": []}, {}
            for _ in range(args.rounds):
                ours, seconds, peak["seer"] = child(["bin/seer", "detect", "eval", "--annotations", str(work / "annotations.json"),
                                                     "--predictions", str(work / f"{what}.json"), "--json"])
                times["seer"].append(seconds)
                theirs, _, peak["pycocotools"] = child([sys.executable, __file__, "--annotations", str(work), "--child", what])
                times["pycocotools"].append(theirs["seconds"])
                assert abs(ours["masks" if what == "masks" else "boxes"]["AP"] - theirs["ap"]) < 1e-9
            a, b = statistics.median(times["seer"]), statistics.median(times["pycocotools"])
            print(f"{what}: seer {a:.2f} s, {peak['seer']:.0f} MiB; pycocotools {b:.2f} s, {peak['pycocotools']:.0f} MiB; time {a / b:.3f}, memory {peak['seer'] / peak['pycocotools']:.2f}")


if __name__ == "__main__":
    main()
