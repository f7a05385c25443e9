# SPDX-License-Identifier: MIT
"""torchvision's Mask R-CNN as a network: the reference of models/fpn and models/maskrcnn.

    python tools/golden/make_maskrcnn.py        (environment: tools/golden/requirements.txt)

- roi_align forward and backward: both alignments, two samples and as many as there are pixels, regions over the border and
  beyond it, empty ones.
- The feature pyramid with and without batch norm.
- maskrcnn_resnet50_fpn, its weights by gen.parameter, those of the last layers damped as DAMPED says: detections in two images
  of different size, and their masks.
- Ten training steps of it with SGD (frozen batch norm, no weight decay), where the first of each list are sampled: five losses
  each. Weights of the same rule; objects are ellipses.

Writes testdata/golden/maskrcnn.safetensors and maskrcnn.json.
"""
import json
import platform

import torch
import torchvision
from torchvision.models import resnet50
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops import FeaturePyramidNetwork, roi_align
from torchvision.ops.misc import FrozenBatchNorm2d

import gen

CLASSES = 7  # with the background
SIZES = [(120, 160), (150, 110)]  # height, width
DAMPED = {"bbox_pred": 0.01, "cls_score": 0.05, "cls_logits": 0.05, "mask_fcn_logits": 0.05}
STEPS, RATE, MOMENTUM = 10, 0.0005, 0.9


def rois(name, n):
    """[n,5]: image, and a box in and around an image of 200 x 150."""
    v = torch.from_numpy(gen.fill(name, 4 * n)).reshape(n, 4) + 1
    corner, side = v[:, :2] * torch.tensor([100.0, 80.0]) - 25, v[:, 2:] * torch.tensor([40.0, 30.0]) + 1
    boxes = torch.cat([corner, corner + side], 1)
    boxes[:4] = torch.tensor([[3.2, 4.1, 3.2, 4.1], [-30.0, -20, 260, 170], [300, 20, 340, 70], [0, 0, 200, 150]])
    return torch.cat([(torch.arange(n) % 2).float()[:, None], boxes], 1)


def align():
    out = {}
    for aligned in (False, True):
        for sampling in (2, 0):
            x = torch.from_numpy(gen.tensor("map", (2, 3, 19, 25))).requires_grad_()
            y = roi_align(x, rois("rois", 16), (7, 7), 1 / 8, sampling or -1, aligned)
            y.backward(torch.from_numpy(gen.tensor("gradient", tuple(y.shape))))
            key = f"align.{int(aligned)}.{sampling}"
            out[key], out[key + ".gradient"] = y, x.grad
    return out


def pyramid():
    out = {}
    widths = [6, 10, 12, 20]
    for norm in (False, True):
        f = FeaturePyramidNetwork(widths, 8, torchvision.ops.feature_pyramid_network.LastLevelMaxPool(), torch.nn.BatchNorm2d if norm else None)
        gen.load(f, "fpn.").train()
        maps = {str(i): torch.from_numpy(gen.tensor(f"stage.{i}", (2, w, (37 + (1 << i) - 1) >> i, (22 + (1 << i) - 1) >> i))) for i, w in enumerate(widths)}
        for name, y in f(maps).items():
            out[f"pyramid.{int(norm)}.{name}"] = gen.sample(y)
    return out


def build():
    backbone = _resnet_fpn_extractor(resnet50(norm_layer=FrozenBatchNorm2d), 5)
    model = MaskRCNN(backbone, CLASSES)
    gen.load(model)
    with torch.no_grad():
        for name, p in model.named_parameters():
            for part, factor in DAMPED.items():
                if part in name:
                    p.mul_(factor)
    model.transform.resize = lambda image, target: (image, target)
    return model


def images():
    return [(torch.from_numpy(gen.tensor(f"image.{i}", (3, h, w))) + 1) / 2 for i, (h, w) in enumerate(SIZES)]


def targets():
    """Ellipses in boxes."""
    out = []
    for i, (h, w) in enumerate(SIZES):
        v = torch.from_numpy(gen.fill(f"objects.{i}", 12)).reshape(3, 4) + 1
        corner, side = v[:, :2] * torch.tensor([w, h]) * 0.25, v[:, 2:] * torch.tensor([w, h]) * 0.12 + 12
        boxes = torch.cat([corner, corner + side], 1)
        y, x = torch.arange(h)[:, None] + 0.5, torch.arange(w)[None] + 0.5
        masks = [((x - (b[0] + b[2]) / 2) / (b[2] - b[0]) * 2) ** 2 + ((y - (b[1] + b[3]) / 2) / (b[3] - b[1]) * 2) ** 2 <= 1 for b in boxes]
        out.append({"boxes": boxes, "labels": torch.arange(1, 4) + i, "masks": torch.stack(masks).to(torch.uint8)})
    return out


def detections():
    model = build().eval()
    kept = []
    predictor = model.roi_heads.mask_predictor
    predictor.register_forward_hook(lambda _, args, y: kept.append(y))
    with torch.no_grad():
        found = model(images())
    labels = torch.cat([d["labels"] for d in found])
    shares = kept[0].sigmoid()[torch.arange(len(labels)), labels]
    out = [{"boxes": d["boxes"].tolist(), "labels": d["labels"].tolist(), "scores": d["scores"].tolist(),
            "areas": [int((m[0] > 0.5).sum()) for m in d["masks"]]} for d in found]
    return out, torch.stack([gen.sample(s) for s in shares])


def training():
    model = build().train()
    torch.randperm = lambda n, **_: torch.arange(n)
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM)
    out = []
    for _ in range(STEPS):
        losses = model(images(), targets())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        out.append({k: v.item() for k, v in losses.items()})
        print(out[-1])
    return out


def main():
    torch.set_num_threads(1)
    found, shares = detections()
    print([len(f["scores"]) for f in found], found[0]["scores"][:5], found[1]["scores"][-3:])
    tensors = {**align(), **pyramid(), "masks": shares}
    gen.save(gen.OUT / "maskrcnn.safetensors", tensors, script="tools/golden/make_maskrcnn.py")
    out = {"made": {"script": "tools/golden/make_maskrcnn.py", "python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__},
           "found": found, "losses": training()}
    (gen.OUT / "maskrcnn.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
