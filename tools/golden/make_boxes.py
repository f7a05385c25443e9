# SPDX-License-Identifier: MIT
"""The box arithmetic of torchvision's Mask R-CNN: the reference of models/maskrcnn/boxes.

    python tools/golden/make_boxes.py        (environment: tools/golden/requirements.txt)

Anchors, coding, matching, sampling with given permutations, suppression on both sides of its 4,000 numbers, levels and proposals
by torchvision; anchors and levels of detectron2, which the environment does not have, by its formulas. Boxes are boxes(name, n),
with a unit they lie on whole pixels, so that overlaps tie. Lists of boxes are kept as digests of their float32 bytes where they
must be equal to the bit. Writes testdata/golden/boxes.json.
"""
import hashlib
import json
import math

import numpy as np
import torch
import torchvision
from torchvision.models.detection import _utils as det
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import batched_nms, box_iou, nms
from torchvision.ops.poolers import LevelMapper

import gen


def boxes(name, n, whole=False):
    """float32 [n,4] within about 280 x 220 pixels."""
    v = torch.from_numpy(gen.fill(name, 4 * n)).reshape(n, 4) + 1
    corner, side = v[:, :2] * torch.tensor([100.0, 80.0]), v[:, 2:] * torch.tensor([40.0, 30.0]) + 1
    if whole:
        corner, side = corner.floor(), side.floor()
    return torch.cat([corner, corner + side], 1)


def scores(name, n, levels=0):
    v = torch.from_numpy(gen.fill(name, n))
    return (v * levels).round() / levels if levels else v


def digest(t):
    return hashlib.sha256(np.ascontiguousarray(t.float().numpy()).tobytes()).hexdigest()


GRIDS = [(7, 5, 16, 13), (1, 1, 32, 32), (40, 31, 4, 4)]
SHAPES = [([32], [0.5, 1.0, 2.0]), ([512], [0.5, 1.0, 2.0]), ([33, 57.5], [0.3, 1.0, 3.3])]


def detectron2_cell(sizes, ratios):
    cell = []
    for size in sizes:
        for ratio in ratios:
            w = math.sqrt(size**2.0 / ratio)
            h = ratio * w
            cell.append([-w / 2.0, -h / 2.0, w / 2.0, h / 2.0])
    return torch.tensor(cell)


def anchors():
    out = []
    for sizes, ratios in SHAPES:
        g = AnchorGenerator((tuple(sizes),), (tuple(ratios),))
        for gw, gh, sx, sy in GRIDS:
            ours = g.grid_anchors([[gh, gw]], [[torch.tensor(sy), torch.tensor(sx)]])[0]
            g.cell_anchors, kept = [detectron2_cell(sizes, ratios)], g.cell_anchors
            theirs = g.grid_anchors([[gh, gw]], [[torch.tensor(sy), torch.tensor(sx)]])[0]
            g.cell_anchors = kept
            out.append({"sizes": sizes, "ratios": ratios, "grid": [gw, gh, sx, sy], "torchvision": digest(ours), "detectron2": digest(theirs)})
    return out


def coding():
    a, b = boxes("coding.from", 40), boxes("coding.to", 40)
    code = torch.from_numpy(gen.fill("coding.code", 160)).reshape(40, 4) * 6
    out = {}
    for name, weights in (("proposals", (1.0,) * 4), ("detections", (10.0, 10.0, 5.0, 5.0))):
        coder = det.BoxCoder(weights)
        out[name] = {"encoded": coder.encode_single(b, a).tolist(), "decoded": coder.decode_single(code, a).tolist()}
    return out


def matching():
    out = []
    for k, (n, objects, whole) in enumerate([(400, 9, True), (400, 9, False), (60, 30, True), (50, 1, True)]):
        candidates, truth = boxes(f"match.{k}", n, whole), boxes(f"match.objects.{k}", objects, whole)
        if k == 2:
            truth[5] = truth[4]  # twice the same
        if k == 3:
            truth += 1000  # overlaps nothing
        quality = box_iou(truth, candidates)
        out.append({"boxes": n, "objects": objects, "whole": whole, "proposals": det.Matcher(0.7, 0.3, True)(quality).tolist(),
                    "detections": det.Matcher(0.5, 0.5, False)(quality).tolist()})
    return out


def sampling(matches):
    """With permutations that count backwards."""
    out, randperm = [], torch.randperm
    torch.randperm = lambda n, device=None: torch.arange(n - 1, -1, -1)
    for m in matches:
        for what, size, share in (("proposals", 256, 0.5), ("detections", 40, 0.25), ("proposals", 8, 0.5)):
            matched = torch.tensor(m[what])
            labels = torch.where(matched >= 0, 1.0, torch.where(matched == -1, 0.0, -1.0))
            positive, negative = det.BalancedPositiveNegativeSampler(size, share)([labels])
            out.append({"size": size, "share": share, "matches": m[what], "objects": torch.where(positive[0])[0].tolist(),
                        "background": torch.where(negative[0])[0].tolist()})
    torch.randperm = randperm
    return out


def suppression():
    # no equal scores over 1,000 boxes: there PyTorch sorts in an order of its own
    out = []
    for n, levels, whole in ((300, 0, False), (300, 8, True), (999, 0, False), (1000, 16, True), (1001, 0, True), (1500, 0, False)):
        b, s = boxes(f"nms.{n}", n, whole), scores(f"nms.scores.{n}", n, levels)
        groups = torch.arange(n) % 7 % 4
        for threshold in (0.5, 0.7):
            out.append({"n": n, "levels": levels, "whole": whole, "threshold": threshold, "all": nms(b, s, threshold).tolist(),
                        "groups": batched_nms(b, s, groups, threshold).tolist()})
    return out


def levels():
    sides = [1.0, 50.0, 111.99, 112.0, 112.01, 223.9, 223.9999, 224.0, 224.1, 447.999, 448.0, 449.0, 895.9, 896.0, 2000.0]
    b = torch.tensor([[3.0, 5.0, 3 + s, 5 + s] for s in sides])
    area = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    theirs = torch.floor(4 + torch.log2(torch.sqrt(area) / 224 + 1e-8)).clamp(2, 5).long()
    return {"sides": sides, "torchvision": (LevelMapper(2, 5)([b]) + 2).tolist(), "detectron2": theirs.tolist()}


def proposals():
    counts = [900, 400, 90, 12]
    b = torch.cat([boxes(f"proposals.{k}", n) for k, n in enumerate(counts)]) - 20  # beyond the border
    b[5, 2] = b[5, 0] + 5e-4  # too narrow
    logits = torch.cat([scores(f"proposals.scores.{k}", n, 64) * 6 + scores(f"proposals.more.{k}", n) / 16 for k, n in enumerate(counts)])
    out = []
    for before, after in ((300, 100), (1000, 1000)):
        rpn = RegionProposalNetwork(AnchorGenerator(), torch.nn.Identity(), 0.7, 0.3, 256, 0.5, {"training": before, "testing": before},
                                    {"training": after, "testing": after}, 0.7)
        found, s = rpn.filter_proposals(b[None], logits[None], [(150, 200)], counts)
        out.append({"before": before, "after": after, "boxes": found[0].tolist(), "scores": s[0].tolist()})
    return {"counts": counts, "cases": out}


def main():
    matches = matching()
    out = {"versions": f"torch {torch.__version__}, torchvision {torchvision.__version__}", "anchors": anchors(), "coding": coding(), "matching": matches,
           "sampling": sampling(matches), "suppression": suppression(), "levels": levels(), "proposals": proposals()}
    path = gen.OUT / "boxes.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(gen.ROOT)}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
