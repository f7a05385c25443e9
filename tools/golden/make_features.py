# SPDX-License-Identifier: MIT
"""What torchvision says `seer features` should print: pooled trunk features of image files.

    python tools/golden/make_features.py                                       the golden file
    python tools/golden/make_features.py --weights trunk.safetensors --arch regnet_y_400mf \
           --images DIR [--size 224] [--resize 256] [--out features.npy]        any weights and folder
    python tools/golden/make_features.py --write-weights trunk.safetensors      generator weights, as a file

(environment: tools/golden/requirements.txt)

Pre-processing is torchvision's for evaluation: Pillow's bilinear resize of the short side (antialiased),
centre crop, /255, ImageNet mean and std. Files in the order of their names. Without arguments it writes
testdata/golden/features.safetensors for the two drawn pictures and generator weights:
    features [2,440]           trunk output after average pooling, float64 reference
    pixel_sums [2,3]           sums of the cropped uint8 pixels by channel
    pixels [2,16]              gen.sample of the crop as uint8 [224,224,3]
The last two tell a difference in decoding or resizing from one in the trunk.
"""
import argparse
import pathlib

import numpy as np
import torch
import torch.nn as nn
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as T

import gen

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}


def crop(path, resize, size):
    """uint8 [size,size,3]."""
    img = T.resize(Image.open(path).convert("RGB"), resize, InterpolationMode.BILINEAR)
    return np.asarray(T.center_crop(img, size))


def trunk(arch, weights=None):
    """A torchvision RegNet without its classifier; weights from a safetensors file or the generator."""
    model = torchvision.models.get_model(arch)
    model.fc = nn.Identity()
    if weights is None:
        return gen.load(model)
    from safetensors.torch import load_file

    state = {k: v for k, v in load_file(weights).items() if not k.startswith("fc.")}
    model.load_state_dict(state, strict=True)
    return model


@torch.no_grad()
def features(model, pixels, dtype):
    """float [n,width]; one image at a time, as images of a folder need not fit in memory."""
    model = model.to(dtype).eval()
    rows = []
    for p in pixels:
        x = torch.from_numpy(p.copy()).permute(2, 0, 1).to(dtype) / 255
        rows.append(model(T.normalize(x, MEAN, STD)[None])[0])
    return torch.stack(rows)


def image_files(folder):
    paths = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise SystemExit(f"{folder}: no image files; wanted one of {sorted(SUFFIXES)}")
    return paths


def golden():
    paths = image_files(gen.OUT / "images")
    pixels = [crop(p, 256, 224) for p in paths]
    high = features(trunk("regnet_y_400mf"), pixels, torch.float64)
    low = features(trunk("regnet_y_400mf"), pixels, torch.float32)
    tensors = {
        "features": high.float(),
        "pixel_sums": torch.tensor([[float(v) for v in p.reshape(-1, 3).astype(np.int64).sum(0)] for p in pixels]),
        "pixels": torch.stack([gen.sample(torch.from_numpy(p.copy())) for p in pixels]).float(),
    }
    gen.save(gen.OUT / "features.safetensors", tensors, script="tools/golden/make_features.py", arch="regnet_y_400mf",
             files="\n".join(p.name for p in paths), fp32_features=f"{gen.relative(low, high):.2e}")


def main():
    parser = argparse.ArgumentParser(description="pooled torchvision trunk features of image files")
    parser.add_argument("--arch", default="regnet_y_400mf")
    parser.add_argument("--weights", help="safetensors file with torchvision's names; default: generator weights")
    parser.add_argument("--images", help="folder; without it the golden file is written")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--resize", type=int, default=256)
    parser.add_argument("--out", default="features.npy", help="float32 [n,width]")
    parser.add_argument("--write-weights", help="write the generator's trunk of --arch to this file and stop")
    a = parser.parse_args()
    if a.write_weights:
        from safetensors.torch import save_file

        return save_file(trunk(a.arch).state_dict(), a.write_weights)
    if a.images is None:
        return golden()
    paths = image_files(a.images)
    rows = features(trunk(a.arch, a.weights), (crop(p, a.resize, a.size) for p in paths), torch.float32)
    np.save(a.out, rows.numpy())
    print(f"{a.out}: {tuple(rows.shape)}, first file {paths[0].name}, norms {rows.norm(dim=1)[:4].tolist()}")


if __name__ == "__main__":
    main()
