#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares `seer export` and `seer features` with torchvision and timm, on the same weights and image files.

    pip install torch==2.11.0 torchvision==0.26.0 timm==1.0.31 safetensors pillow==13.0.0 numpy==2.4.6
    python3 tools/parity/features.py --images DIR          # a folder of image files

Weights are torchvision's initialisation with batch-norm statistics drawn at random, so that no layer is an identity.
Prints the strict loading of the exported file into each library, and the largest difference of the features, relative
to the largest feature of the image. Exits with 1 when it is above 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T

TOLERANCE = 1e-4


def trunk(arch):
    model = getattr(torchvision.models, arch)()
    model.fc = torch.nn.Identity()
    return model.eval()


def drawn(arch):
    """A model in which every tensor matters."""
    torch.manual_seed(0)
    model = trunk(arch)
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.normal_(0, 0.1)
    return model


def seer(options, *args):
    return subprocess.run([options.seer, *map(str, args)], check=True, stdout=subprocess.DEVNULL)


def strictly(options, weights, style, model):
    """Exports in a style and loads the file into that library's own model."""
    out = weights.with_name(f"{style}.safetensors")
    seer(options, "export", weights, "--arch", options.arch, "--style", style, "--out", out)
    print(f"export --style {style}:", model.load_state_dict(safetensors.torch.load_file(out), strict=True))
    return out


@torch.no_grad()
def worst(model, images, names, features, options):
    transform = T.Compose([
        T.Resize(options.size * 256 // 224), T.CenterCrop(options.size), T.ToTensor(),
        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    largest = 0.0
    for i in range(0, len(names), 16):
        x = torch.stack([transform(Image.open(images / n).convert("RGB")) for n in names[i:i + 16]])
        want = model(x).numpy()
        error = np.abs(want - features[i:i + 16]).max(1) / np.abs(want).max(1)
        largest = max(largest, float(error.max()))
    return largest


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--images", type=pathlib.Path, required=True)
    p.add_argument("--arch", default="regnet_y_400mf")
    p.add_argument("--timm", default="regnety_004", help="timm's name of the architecture")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--seer", default=str(pathlib.Path(__file__).resolve().parents[2] / "bin" / "seer"))
    options = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, weights = drawn(options.arch), folder / "weights.pth"
        torch.save(model.state_dict(), weights)
        strictly(options, weights, "timm", timm.create_model(options.timm, num_classes=0))
        exported = strictly(options, weights, "torchvision", trunk(options.arch))
        array = folder / "features.npy"
        seer(options, "features", "--weights", exported, "--images", options.images, "--size", options.size, "--out", array)
        names = array.with_suffix(".txt").read_text().splitlines()
        features = np.load(array)
        error = worst(model, options.images, names, features, options)
        print(f"features {features.shape} of {len(names)} images: largest relative difference {error:.2e}")
        sys.exit(error > TOLERANCE)


if __name__ == "__main__":
    main()
