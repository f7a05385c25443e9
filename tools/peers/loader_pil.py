#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SwAV's multi-crop with torchvision transforms on PIL images: the pipeline that
SwAV, VISSL and most of their successors run, to the normalised float tensor.

    pip install torch==2.11.0 torchvision==0.26.0 pillow==13.0.0
    taskset -c 0 python3 tools/peers/loader_pil.py --images DIR --seconds 10
"""
import random

import peer
import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T


class Blur:
    """SwAV's PILRandomGaussianBlur: with probability .5, radius .1 to 2."""

    def __call__(self, im):
        if random.random() > 0.5:
            return im
        return im.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2)))


def chain(size, scale):
    return T.Compose([
        T.RandomResizedCrop(size, scale=scale), T.RandomHorizontalFlip(0.5),
        T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8), T.RandomGrayscale(0.2), Blur(), T.ToTensor(),
        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def main():
    a = peer.arguments(__doc__.splitlines()[0])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    names = peer.files(a.images)
    if any(n.endswith(".heic") for n in names):
        import pillow_heif  # Pillow itself has no HEIC

        pillow_heif.register_heif_opener()
    chains = [chain(s, scale) for n, s, scale in a.crops for _ in range(n)]
    at = [0]

    def step():
        with open(names[at[0] % len(names)], "rb") as f:
            im = Image.open(f).convert("RGB")
        at[0] += 1
        return [c(im) for c in chains]

    peer.measure("torchvision+PIL", step, 1, a.seconds)


if __name__ == "__main__":
    main()
