# SPDX-License-Identifier: MIT
"""What PyTorch makes of a grid of linear classifiers on features: the loop of DINOv2's eval/linear.py (a Linear for each
layer and rate, the sum of the losses, one SGD with a rate a head, a cosine), with and without batch norm, and VISSL's loss
and average precision for images with several classes. Reference of tasks/probe.

    python tools/golden/make_linear.py                 (environment: tools/golden/requirements.txt)

Features are "linear.centres"[class] + noise "linear.train" or "linear.val", of two layers beside each other. Every step
sees all images, so that their order does not matter. Each classifier begins with N(0, 0.01²) drawn after
torch.manual_seed(SEED). Writes testdata/golden/linear.json: a figure a head, layers, then batch norm, then rates.
"""
import json
import platform

import numpy as np
import torch
import torch.nn.functional as F

import gen

SEED, TRAIN, VAL, CLASSES, STEPS, BATCH = 9, 120, 80, 5, 120, 120
WIDTHS, RATES, DECAY = [6, 10], [0.02, 0.5, 3.0], 1e-3


def features(name, n):
    labels = np.arange(n) % CLASSES
    return torch.from_numpy(gen.tensor("linear.centres", (CLASSES, sum(WIDTHS)))[labels] + gen.tensor("linear." + name, (n, sum(WIDTHS)), 2.0)), torch.from_numpy(labels)


def rows(name, n):
    """int [n,CLASSES]: the image's class and some others, -1 where it is not known."""
    v = gen.tensor("linear.rows." + name, (n, CLASSES))
    out = np.where(v > 0.7, 1, np.where(v < -0.7, -1, 0))
    out[np.arange(n), np.arange(n) % CLASSES] = 1
    return torch.from_numpy(out)


def head(width, norm):
    torch.manual_seed(SEED)
    linear = torch.nn.Linear(width, CLASSES, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        linear.weight.normal_(0, 0.01)
        linear.bias.zero_()
    return torch.nn.Sequential(torch.nn.BatchNorm1d(width), linear) if norm else torch.nn.Sequential(linear)


def vissl(scores, target):
    """bce_logits_multiple_output_single_target."""
    known = target >= 0
    loss = F.binary_cross_entropy_with_logits(scores, target.float(), reduction="none").masked_fill(~known, 0)
    return (loss / known.sum(0).clamp(min=1)).sum()


def interpolated(scores, target):
    """Area under the interpolated curve, images of -1 left out; scores have no ties."""
    keep = target >= 0
    order = np.argsort(-scores[keep])
    hit = target[keep][order] == 1
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(precision[hit].mean())


def train(x, target, loss, norms):
    heads, groups = [], []
    at = 0
    for width in WIDTHS:
        for norm in norms:
            for rate in RATES:
                h = head(width, norm)
                heads.append((slice(at, at + width), h))
                spared = list(h[0].parameters()) if norm else []
                groups += [{"params": h[-1].parameters(), "lr": rate * BATCH / 256}, {"params": spared, "lr": rate * BATCH / 256, "weight_decay": 0}]
        at += width
    optimizer = torch.optim.SGD([g for g in groups if not isinstance(g["params"], list) or g["params"]], momentum=0.9, weight_decay=DECAY)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0)
    kept = []
    for step in range(1, STEPS + 1):
        losses = [loss(h(x[:, s]), target) for s, h in heads]
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()
        scheduler.step()
        if step in (STEPS - 19, STEPS):  # what the probe keeps of the last fifty steps
            kept.append([v.item() for v in losses])
    return heads, np.mean(kept, 0).tolist()


def main():
    torch.set_num_threads(1)
    (x, labels), (v, val) = features("train", TRAIN), features("val", VAL)
    heads, losses = train(x, labels, F.cross_entropy, [True, False])
    top1 = [100 * (h.eval()(v[:, s]).argmax(1) == val).float().mean().item() for s, h in heads]
    several, several_losses = train(x, rows("train", TRAIN), vissl, [False])
    truth = rows("val", VAL).numpy()
    precision = [100 * np.mean([interpolated(h(v[:, s]).detach().numpy()[:, c], truth[:, c]) for c in range(CLASSES)]) for s, h in several]
    out = {"made": {"script": "tools/golden/make_linear.py", "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
           "one": {"loss": losses, "top1": top1}, "several": {"loss": several_losses, "map": precision}}
    (gen.OUT / "linear.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(out)


if __name__ == "__main__":
    main()
