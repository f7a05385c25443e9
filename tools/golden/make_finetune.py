# SPDX-License-Identifier: MIT
"""What PyTorch, torchvision and timm make of averages of weights and of weighted losses: references of optim.EMA and
supervised.

    python tools/golden/make_finetune.py               (environment: tools/golden/requirements.txt, and timm)

Inputs come from the generator (gen.py). Writes testdata/golden/finetune.json.

ema: the average of a weight [5] and a running mean [3] over the models of STEPS steps, ema.weight.<step> and
ema.mean.<step>, with a decay of 0.9: torchvision's ExponentialMovingAverage, which reference/classification/utils.py makes
of torch.optim.swa_utils.AveragedModel, and timm's ModelEmaV2 made behind the first step.
losses: of scores "finetune.scores" [N, CLASSES] and weights |"finetune.weights"| + 0.5 [CLASSES].
"""
import json
import platform

import numpy as np
import timm
import torch
import torch.nn.functional as F
import torchvision
from timm.utils import ModelEmaV2
from torch.optim.swa_utils import AveragedModel

import gen

STEPS, DECAY = 6, 0.9
N, CLASSES = 8, 5


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(5))
        self.register_buffer("mean", torch.zeros(3))

    def step(self, i):
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(gen.tensor(f"ema.weight.{i}", (5,))))
            self.mean.copy_(torch.from_numpy(gen.tensor(f"ema.mean.{i}", (3,))))


def torchvisions(model):
    """ExponentialMovingAverage of torchvision's references."""
    return AveragedModel(model, "cpu", lambda average, new, _: DECAY * average + (1 - DECAY) * new, use_buffers=True)


def ema():
    model = Model()
    vision, out = torchvisions(model), {"torchvision": [], "timm": []}
    for i in range(STEPS):
        model.step(i)
        vision.update_parameters(model)
        if i == 0:
            im = ModelEmaV2(model, DECAY)
        else:
            im.update(model)
        for name, average in (("torchvision", vision.module), ("timm", im.module)):
            out[name].append({"weight": average.weight.tolist(), "mean": average.mean.tolist()})
    return out


def losses():
    scores = torch.from_numpy(gen.tensor("finetune.scores", (N, CLASSES), 3.0))
    weight = torch.from_numpy(np.abs(gen.tensor("finetune.weights", (CLASSES,))) + 0.5)
    classes = torch.arange(N) % CLASSES
    targets = torch.from_numpy((gen.tensor("finetune.targets", (N, CLASSES)) > 0.2).astype(np.float32))
    known = torch.from_numpy(gen.tensor("finetune.known", (N, CLASSES)) > -0.5)
    shares = torch.softmax(torch.from_numpy(gen.tensor("finetune.shares", (N, CLASSES), 2.0)), 1)

    def of(loss_of):
        x = scores.clone().requires_grad_(True)
        loss = loss_of(x)
        loss.backward()
        return {"loss": loss.item(), "gradient": x.grad.flatten().tolist()}

    return {
        "cross_entropy": of(lambda x: F.cross_entropy(x, classes, weight)),
        "cross_entropy_smooth": of(lambda x: F.cross_entropy(x, classes, weight, label_smoothing=0.1)),
        "soft_cross_entropy": of(lambda x: F.cross_entropy(x, shares, weight)),
        "binary_cross_entropy": of(lambda x: F.binary_cross_entropy_with_logits(x, targets, pos_weight=weight)),
        "binary_cross_entropy_known": of(lambda x: F.binary_cross_entropy_with_logits(x, targets, pos_weight=weight, reduction="none")[known].mean()),
    }


def main():
    torch.set_num_threads(1)
    out = {
        "script": "tools/golden/make_finetune.py", "seed": gen.SEED,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__},
        "ema": ema(), "losses": losses(),
    }
    (gen.OUT / "finetune.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
