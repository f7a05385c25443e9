# SPDX-License-Identifier: MIT
"""Numbers that Python and Go can both make, and nothing else has to agree on.

Golden files hold references, not weights: a RegNetY-1.6GF alone would be 45 MB. Both sides
therefore draw the same weights and inputs from this generator. It is specified by integer and
exactly rounded IEEE 754 arithmetic only, so it gives the same bits in every language; package
internal/golden is its twin in Go.

    key      = FNV-1a64(utf-8 bytes of name) XOR seed
    u(i)     = splitmix64's output function of (key + (i+1) * 0x9E3779B97F4A7C15 mod 2^64)
    value(i) = (float32(u(i) >> 40) - 2^23) / 2^23          24 bits: exact, uniform in [-1, 1)
    scaled   = round_to_float32(float32(factor) * value)     factor is computed in float64

Offsets (batch-norm scales around 1) multiply by 0.5 first, which is exact, so that a fused
multiply-add cannot change a bit either.
"""
import hashlib
import json
import math
import pathlib
import platform

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "testdata" / "golden"
SEED = 20210302  # the golden files' seed; the day arXiv 2103.01988 appeared

_MASK = (1 << 64) - 1

# The last batch norm of a residual branch in RegNet, ResNet and SimCLR v2's ResNet.
BRANCH_ENDS = {"f.c.1.weight": 0.25, "bn3.weight": 0.125, ".net.4.0.weight": 0.25}


def fnv1a64(name):
    """FNV-1a, 64 bits, of the name's UTF-8 bytes."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & _MASK
    return h


def fill(name, n, seed=SEED):
    """n float32 values, uniform in [-1, 1), that depend on (name, seed, index) only."""
    key = np.uint64(fnv1a64(name) ^ seed)
    with np.errstate(over="ignore"):
        z = key + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    k = (z >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return (k.astype(np.float64) / (1 << 23)).astype(np.float32)


def tensor(name, shape, factor=1.0, seed=SEED):
    """fill, shaped, times float32(factor) with one rounding."""
    return np.float32(factor) * fill(name, math.prod(shape), seed).reshape(shape)


def parameter(name, shape, seed=SEED):
    """The value of a parameter or buffer by its name and shape alone.

    Scales keep activations near unit variance, in training and in evaluation mode, so that a
    relative tolerance of 1e-4 tells a wrong model from float32 rounding:
      *.running_var, batch-norm weight   1 + 0.5 v        in [0.5, 1.5)
      *.f.c.1.weight, *.net.4.0.weight   a quarter of that: it ends a residual branch, and undamped
                                         branches let 27 blocks lose three digits to rounding
      *.bn3.weight                       an eighth: ResNet-152 has 50 blocks
      *.running_mean                     0.1 v
      any bias (1-d), *_token,           0.1 v
      *_embedding
      weights of 2 or more dimensions    sqrt(6/fan_in) v, He's uniform bound; fan_in = all but dim 0
    A 1-d "weight" is the scale of a batch or layer norm: no other layer here has one.
    """
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        scale = next((s for end, s in BRANCH_ENDS.items() if name.endswith(end)), 1)
        return np.float32(scale) * (np.float32(1) + tensor(name, shape, 0.5, seed))
    if name.endswith(("running_mean", "bias", "_token", "_embedding")):
        return tensor(name, shape, 0.1, seed)
    if name.endswith("weight"):
        return tensor(name, shape, math.sqrt(6.0 / math.prod(shape[1:])), seed)
    raise ValueError(f"{name} {tuple(shape)}: no rule; wanted weight, bias, running_mean or running_var")


def load(model, prefix="", seed=SEED):
    """Fill every parameter and buffer of a torch module from the generator, in place."""
    import torch

    with torch.no_grad():
        for name, t in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                t.zero_()
            else:
                t.copy_(torch.from_numpy(parameter(prefix + name, tuple(t.shape), seed)))
    return model


SAMPLES = 16


def sample(t):
    """16 values of a tensor at flat positions floor(j*n/16): enough to catch a transposition."""
    flat = t.detach().reshape(-1)
    n = flat.numel()
    return flat[[j * n // SAMPLES for j in range(SAMPLES)]]


def relative(got, want):
    """max |got - want| / max |want|: the error measure of every golden test."""
    got, want = got.detach(), want.detach()
    return float((got.double() - want.double()).abs().max() / want.double().abs().max().clamp_min(1e-300))


def record_relu_inputs(model, store):
    """From now on every forward pass appends the input of each of the model's ReLUs to store, in float64."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(lambda _, args: store.append(args[0].detach().double().clone()))


def kink_margin(low, high):
    """The smallest |input of a ReLU| in units of float32's rms error in its layer, over what a float32 and a float64
    model recorded. An input that rounds to the other side of zero moves gradients by far more than rounding does: a
    golden file whose margin is a few units holds on every machine."""
    return min(float(h.abs().min() / (l - h).pow(2).mean().sqrt()) for l, h in zip(low, high, strict=True))


def sort_header(path):
    """Put the header's keys in order: safetensors writes metadata in another order each time."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])


def save(path, tensors, **meta):
    """Write a safetensors file whose metadata says how it was made."""
    import torch
    import torchvision
    from safetensors.torch import save_file

    meta = {k: v if isinstance(v, str) else json.dumps(v) for k, v in meta.items()}
    meta["versions"] = f"torch {torch.__version__}, torchvision {torchvision.__version__}, python {platform.python_version()}"
    meta["seed"] = str(meta.get("seed", SEED))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, str(path), meta)
    sort_header(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size} bytes  sha256 {digest}")


if __name__ == "__main__":
    # The first values, for the twin's test.
    for label, s in (("stem.0.weight", SEED), ("", 0), ("input", 1)):
        print(repr(label), s, [float(v) for v in fill(label, 4, s)])
