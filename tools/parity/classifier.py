# SPDX-License-Identifier: MIT
"""Compares the classifier of a fine-tuned run in torchvision, timm and transformers with seer's own scores.

    seer export RUN --style torchvision --out tv.safetensors      (likewise timm, and hf)
    seer predict RUN --images DIR --out scores.parquet --top 1000000
    python tools/parity/classifier.py --arch regnet_y_400mf --timm regnety_004 --images DIR --resize 64 --crop 64 \
        --torchvision tv.safetensors --timm-file timm.safetensors --hf hf.safetensors --scores scores.parquet

Each model is made and filled by its library's ordinary call. Needs torch, torchvision, timm, transformers, pyarrow, pillow.
"""
import argparse
import json

import numpy as np
import pyarrow.parquet as pq
import timm
import torch
import torchvision
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("arch", "timm", "images", "torchvision", "timm-file", "hf", "scores"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--resize", type=int, default=256)
    p.add_argument("--crop", type=int, default=224)
    p.add_argument("--count", type=int, default=64, help="images to compare")
    return p.parse_args()


def models(a, classes):
    tv = torchvision.models.get_model(a.arch, num_classes=classes)
    tv.load_state_dict(load_file(a.torchvision))
    tm = timm.create_model(a.timm, num_classes=classes)
    tm.load_state_dict(load_file(a.timm_file))
    depths = [len(s) for s in tv.trunk_output]
    block = tv.trunk_output[0][0].f
    config = transformers.RegNetConfig(
        num_labels=classes, layer_type="y", embedding_size=tv.stem[0].out_channels, depths=depths,
        hidden_sizes=[s[0].f.c[0].out_channels for s in tv.trunk_output],
        groups_width=block.b[0].out_channels // block.b[0].groups)
    hf = transformers.RegNetForImageClassification(config)
    hf.load_state_dict(load_file(a.hf))
    return {"torchvision": tv.eval(), "timm": tm.eval(), "transformers": hf.eval()}


def main():
    a = arguments()
    with safe_open(a.torchvision, "pt") as f:
        meta = f.metadata()
    classes, mean, std = (json.loads(meta[k]) for k in ("classes", "mean", "std"))
    table = pq.read_table(a.scores).to_pydict()
    scores, names = {}, []
    for image, label, score in zip(table["image"], table["label"], table["score"]):
        scores.setdefault(image, {})[label] = score
    names = sorted(scores)[:: max(1, len(scores) // a.count)]
    transform = torchvision.transforms.Compose([
        torchvision.transforms.Resize(a.resize), torchvision.transforms.CenterCrop(a.crop),
        torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(mean, std)])
    x = torch.stack([transform(Image.open(f"{a.images}/{n}").convert("RGB")) for n in names])
    ours = np.array([[scores[n][c] for c in classes] for n in names])
    logits = {}
    with torch.no_grad():
        for name, m in models(a, len(classes)).items():
            out = m(x)
            logits[name] = getattr(out, "logits", out)
    worst = 0.0
    for name, out in logits.items():
        shares = out.softmax(1).numpy()
        between = (out - logits["torchvision"]).abs().max().item()
        difference = float(np.abs(np.log(shares) - np.log(ours)).max())
        worst = max(worst, difference, between)
        print(f"{name}: {len(names)} images, largest difference of log scores to seer {difference:.1e}, of logits to torchvision {between:.1e}")
    raise SystemExit(worst > 1e-4)


main()
