# SPDX-License-Identifier: MIT
"""Mask targets and pasted masks of torchvision's Mask R-CNN, and of detectron2's by its formulas: the reference of
models/maskrcnn/masks.

    python tools/golden/make_mask_head.py        (environment: tools/golden/requirements.txt)

Polygons and boxes are those of make_masks.py and make_boxes.py. Boxes reach over the borders, are smaller than a pixel, and lie
outside. Writes testdata/golden/mask_head.json.
"""
import json

import numpy as np
import torch
import torchvision
from pycocotools import mask
from torchvision.models.detection import roi_heads

import gen
from make_boxes import boxes
from make_masks import polygon

H, W = 150, 200


def cases(name, n):
    b = boxes(name, n) - 25
    b[0] = torch.tensor([3.2, 4.1, 3.9, 4.3])  # within a pixel
    b[1] = torch.tensor([-30.0, -20.0, 260.0, 170.0])  # more than the image
    b[2] = torch.tensor([300.0, 20.0, 340.0, 70.0])  # outside
    b[3] = torch.tensor([10.0, 20.0, 38.0, 48.0])
    b[4] = torch.tensor([0.0, 0.0, 200.0, 150.0])
    return b


def targets():
    b, out = cases("mask.targets", 24), []
    for i in range(len(b)):
        p = polygon(i, H, W)
        bitmap = mask.decode(mask.frPyObjects([p.tolist()], H, W)[0])
        found = roi_heads.project_masks_on_boxes(torch.from_numpy(bitmap)[None], b[i:i + 1], torch.tensor([0]), 7)
        x0, y0, x1, y1 = (float(v) for v in b[i])
        q = p.copy()
        q[0::2] = (q[0::2] - x0) * (7 / max(x1 - x0, 0.1))
        q[1::2] = (q[1::2] - y0) * (7 / max(y1 - y0, 0.1))
        drawn = mask.decode(mask.frPyObjects([q.tolist()], 7, 7)[0])
        out.append({"torchvision": found.reshape(-1).tolist(), "detectron2": drawn.reshape(-1).tolist()})
    return out


def probabilities(i, side):
    """Smooth, so that masks are not noise."""
    coarse = torch.from_numpy(gen.fill(f"mask.paste.{i}", 25)).reshape(1, 1, 5, 5) * 0.5 + 0.5
    coarse[:, :, 1:4, 1:4] += 0.2
    rows = torch.arange(side) * 5 // side
    return coarse[:, :, rows][:, :, :, rows].clone()


def detectron2_paste(p, box):
    """The formulas of _do_paste_mask, over the whole image."""
    x0, y0, x1, y1 = torch.split(box[None], 1, dim=1)
    img_y = (torch.arange(0, H, dtype=torch.float32) + 0.5 - y0) / (y1 - y0) * 2 - 1
    img_x = (torch.arange(0, W, dtype=torch.float32) + 0.5 - x0) / (x1 - x0) * 2 - 1
    gx = img_x[:, None, :].expand(1, H, W)
    gy = img_y[:, :, None].expand(1, H, W)
    return torch.nn.functional.grid_sample(p, torch.stack([gx, gy], dim=3), align_corners=False)[0, 0] >= 0.5


def pasted():
    b, out = cases("mask.pasted", 24), []
    text = lambda m: mask.encode(np.asfortranarray(m.numpy().astype(np.uint8)))["counts"].decode()
    for i in range(len(b)):
        p = probabilities(i, 14)
        ours = roi_heads.paste_masks_in_image(p, b[i:i + 1], (H, W))[0, 0] > 0.5
        out.append({"torchvision": text(ours), "detectron2": text(detectron2_paste(p, b[i]))})
    return out


def main():
    out = {"versions": f"torch {torch.__version__}, torchvision {torchvision.__version__}", "targets": targets(), "pasted": pasted()}
    path = gen.OUT / "mask_head.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(gen.ROOT)}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
