# SPDX-License-Identifier: MIT
"""torchvision's Mask R-CNN trained like a run of `seer detect train`: same trunk, same first weights, same schedule.

    python tools/peers/detection_train.py --run runs/det --init runs/init/checkpoints/step-000000001/model.safetensors \\
        --log torchvision.jsonl [--steps N]        (environment: tools/golden/requirements.txt)

The run's resolved.toml says images, annotations, sizes, widths, batch, rate and length; understood is what such a comparison
needs: a RegNetY trunk with batch norm of the batch, the shorter side of one length, no flips, torchvision's convention, SGD with a
cosine. Statistics of batch norm are made anew from the training images before each validation, as `seer` does. Writes a line of
JSON for each logged step, with the processor time that it took, and one for each validation, scored by pycocotools.

    python tools/peers/detection_train.py --run runs/det --init … --seer bin/seer --rounds 3

times training steps of both in turn instead, each in a process of its own on one CPU: the processor time of a step, and the peak of
the process's memory.
"""
import argparse
import collections
import contextlib
import io
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

import numpy as np
import safetensors.torch
import torch
import torchvision
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool


class Body(torch.nn.Module):
    """The stages of a RegNet."""

    def __init__(self, arch):
        super().__init__()
        trunk = getattr(torchvision.models, arch)()
        self.stem, self.trunk_output = trunk.stem, trunk.trunk_output

    def forward(self, x):
        out, x = collections.OrderedDict(), self.stem(x)
        for i, stage in enumerate(self.trunk_output):
            x = stage(x)
            out[str(i)] = x
        return out


class Backbone(torch.nn.Module):
    def __init__(self, arch, width, norm):
        super().__init__()
        self.body, self.out_channels = Body(arch), width
        with torch.no_grad():
            widths = [v.shape[1] for v in self.body.eval()(torch.zeros(1, 3, 64, 64)).values()]
        self.fpn = FeaturePyramidNetwork(widths, width, LastLevelMaxPool(), torch.nn.BatchNorm2d if norm else None)

    def forward(self, x):
        return self.fpn(self.body(x))


def build(e, classes, init):
    d, a = e["detect"], e["augment"]
    assert d["convention"] == "torchvision" and d["trunk_norm"] == "trained" and not d["head_norm"] and d["window"] == 0
    assert len(d["sides"]) == 1 and d["box_convs"] == 0 and d["box_linears"] == 2 and a["flip"] == 0
    w = d["width"]
    m = MaskRCNN(
        Backbone(e["model"]["arch"], w, d["pyramid_norm"]), min_size=d["sides"][0], max_size=d["longest"], image_mean=a["mean"], image_std=a["std"],
        box_batch_size_per_image=d["regions"], box_head=TwoMLPHead(w * 49, d["box_width"]), box_predictor=FastRCNNPredictor(d["box_width"], classes + 1),
        mask_head=MaskRCNNHeads(w, (w,) * d["mask_convs"], 1), mask_predictor=MaskRCNNPredictor(w, w, classes + 1))
    missing, unexpected = m.load_state_dict(safetensors.torch.load_file(init), strict=False)
    assert not unexpected and all(k.endswith("num_batches_tracked") for k in missing), (missing[:3], unexpected[:3])
    return m


class Images:
    """The images of annotations, and those of them that are learned from."""

    def __init__(self, folder, annotations):
        with contextlib.redirect_stdout(io.StringIO()):
            self.coco = COCO(annotations)
        self.folder = pathlib.Path(folder)
        self.categories = sorted(self.coco.cats)
        self.learned = [i for i in sorted(self.coco.imgs) if self.objects(i)]

    def objects(self, image):
        return [o for o in self.coco.imgToAnns[image] if not o["iscrowd"] and o["bbox"][2] > 0 and o["bbox"][3] > 0]

    def pixels(self, image):
        picture = Image.open(self.folder / self.coco.imgs[image]["file_name"]).convert("RGB")
        return torchvision.transforms.functional.to_tensor(picture)

    def target(self, image):
        own = self.objects(image)
        boxes = torch.tensor([o["bbox"] for o in own], dtype=torch.float32)
        boxes[:, 2:] += boxes[:, :2]
        return {"boxes": boxes, "labels": torch.tensor([1 + self.categories.index(o["category_id"]) for o in own]),
                "masks": torch.from_numpy(np.stack([self.coco.annToMask(o) for o in own]))}

    def batch(self, images):
        return [self.pixels(i) for i in images], [self.target(i) for i in images]


def precise(model, images, batch):
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for n in norms:
        n.reset_running_stats()
        n.momentum = None  # the mean over all batches
    order = list(images.learned)
    random.Random(1).shuffle(order)
    with torch.no_grad():
        for k in range(0, len(order) - batch + 1, batch):
            model(*images.batch(order[k:k + batch]))
    for n in norms:
        n.momentum = 0.1


@torch.no_grad()
def score(model, images):
    model.eval()
    found = []
    for i in sorted(images.coco.imgs):
        out = model([images.pixels(i)])[0]
        for box, label, value, mask in zip(out["boxes"].tolist(), out["labels"].tolist(), out["scores"].tolist(), out["masks"]):
            runs = torchvision_runs(mask[0].numpy() > 0.5)
            found.append({"image_id": i, "category_id": images.categories[label - 1], "score": value,
                          "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], "segmentation": runs})
    model.train()
    result = {"found": len(found)}
    for kind, name in (("bbox", "box"), ("segm", "mask")):
        if not found:
            result |= {f"val_{name}_ap": 0.0, f"val_{name}_ap50": 0.0}
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            e = COCOeval(images.coco, images.coco.loadRes([dict(f) for f in found]), kind)
            e.evaluate()
            e.accumulate()
            e.summarize()
        result |= {f"val_{name}_ap": 100 * e.stats[0], f"val_{name}_ap50": 100 * e.stats[1]}
    return result


def torchvision_runs(mask):
    from pycocotools import mask as runs
    return runs.encode(np.asfortranarray(mask.astype(np.uint8)))


def duration(text, batch, images):
    number, unit = float(text[:-2]), text[-2:]
    return math.floor(number * images / batch) if unit == "ep" else int(number)


def rate(step, steps, peak, warmup, end):
    if step < warmup:
        return peak * step / warmup
    return end * peak + (1 - end) * peak * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def train(e, init, log, limit):
    torch.manual_seed(e["run"]["seed"])
    torch.set_num_threads(1)
    images = Images(e["data"]["source"], e["detect"]["annotations"])
    model = build(e, len(images.categories), init).train()
    o, batch = e["optim"], e["optim"]["batch"]
    scales = {p for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters()}
    optimizer = torch.optim.SGD([{"params": [p for p in model.parameters() if p not in scales], "weight_decay": o["weight_decay"]},
                                 {"params": list(scales), "weight_decay": 0.0}], lr=1, momentum=o["momentum"])
    steps = duration(e["train"]["duration"], batch, len(images.learned))
    warmup = duration(e["schedule"]["warmup"], batch, len(images.learned))
    every = duration(e["detect"]["validate_every"], batch, len(images.learned))
    peak, shuffle, order = o["base_lr"] * batch / o["base_batch"], random.Random(e["run"]["seed"]), []
    for step in range(min(steps, limit or steps)):
        while len(order) < batch:
            more = list(images.learned)
            shuffle.shuffle(more)
            order += more
        begin = time.process_time()
        for g in optimizer.param_groups:
            g["lr"] = rate(step, steps, peak, warmup, e["schedule"]["end_factor"])
        losses = model(*images.batch(order[:batch]))
        order = order[batch:]
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        line = {"step": step + 1, "loss": loss.item(), "processor_seconds": time.process_time() - begin}
        print(json.dumps(line | {k: v.item() for k, v in losses.items()}), file=log, flush=True)
        if not limit and ((step + 1) % every == 0 or step + 1 == steps):
            precise(model, images, batch)
            print(json.dumps({"step": step + 1} | score(model, images)), file=log, flush=True)


def child(args):
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"},
                               preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{args} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(args):
    """Processor time of a step: that of a process with many steps less that of one with few."""
    few, many = 2, 12
    ratios, peaks = collections.defaultdict(list), collections.defaultdict(list)
    for k in range(args.rounds):
        for name in ("seer", "torchvision"):
            took = {}
            for n in (few, many):
                with tempfile.TemporaryDirectory() as work:
                    if name == "seer":
                        command = [args.seer, "detect", "train", str(args.run / "resolved.toml"), "--random-init", "--set", f"run.dir={work}/run", "--set", f"train.duration={n}it",
                                   "--set", "schedule.warmup=0it", "--set", "run.checkpoint_every=1000it", "--set", "detect.validate_every=1000it", "--set", "detect.precise_images=0",
                                   "--set", f"detect.val_annotations={args.run}/one.json"]
                    else:
                        command = [sys.executable, __file__, "--run", str(args.run), "--init", str(args.init), "--log", os.devnull, "--steps", str(n)]
                    took[n], peak = child(command)
            ratios[name].append((took[many] - took[few]) / (many - few))
            peaks[name].append(peak)
        print({n: f"{v[-1]:.3f} s a step, {peaks[n][-1]:.0f} MiB" for n, v in ratios.items()}, flush=True)
    a, b = (statistics.median(ratios[n]) for n in ("seer", "torchvision"))
    c, d = (statistics.median(peaks[n]) for n in ("seer", "torchvision"))
    print(f"seer {a:.3f} s a step, {c:.0f} MiB; torchvision {b:.3f} s, {d:.0f} MiB; time {a / b:.2f}, memory {c / d:.2f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", type=pathlib.Path, required=True)
    p.add_argument("--init", type=pathlib.Path, required=True)
    p.add_argument("--log", type=pathlib.Path)
    p.add_argument("--steps", type=int, help="so many steps, without validation")
    p.add_argument("--seer", help="the program to compare with")
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    e = tomllib.loads((args.run / "resolved.toml").read_text())
    if args.seer:
        one = json.loads(pathlib.Path(e["detect"]["val_annotations"]).read_text())
        one["images"] = one["images"][:1]
        one["annotations"] = [o for o in one["annotations"] if o["image_id"] == one["images"][0]["id"]]
        (args.run / "one.json").write_text(json.dumps(one))
        compare(args)
        return
    with open(args.log, "a") as log:
        train(e, args.init, log, args.steps)


if __name__ == "__main__":
    main()
