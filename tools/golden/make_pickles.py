#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small checkpoint files for the tests of package checkpoint.

Run from the repository's root:

    python tools/golden/make_pickles.py checkpoint/testdata

Made with Python 3.11, torch 2.11.0 and safetensors 0.8.0. Every .pth file that
is expected to load has its tensors in state.safetensors or vissl.safetensors too,
so the tests need no numbers of their own.
"""
import argparse
import collections
import dataclasses
import os
import pathlib
import random
import sys
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

import gen


class AttrDict(dict):
    """A dict subclass as VISSL's configuration holds it."""


class Meter:
    """An object that only its own program can make sense of."""

    def __init__(self):
        self.history = [1.0, 2.0]


class Exploit:
    """Unpickling this in Python would create a file."""

    def __reduce__(self):
        return (os.system, ("touch exploited",))


@dataclasses.dataclass
class Settings:
    """A dataclass that holds a tensor."""

    name: str = "swav"
    scale: torch.Tensor = None


def strangers():
    """Weights among all that programs keep beside them."""
    torch.manual_seed(2)
    best = np.float64(71.25)
    itself = {}
    itself["again"] = itself
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.tag = "a parameter with attributes"
    return {
        "model": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.ReLU()),
        "numpy_generator": np.random.default_rng(0).bit_generator.state,
        "python_generator": random.getstate(),
        "large_number": 10**400,
        "array": np.zeros(9_000),
        "paths": [f"{i:05d}.jpg" for i in range(1_001)],
        "classes": {1, 2, 3},
        "args": argparse.Namespace(lr=0.6, arch="regnet_y_16gf", out=pathlib.PurePosixPath("/out")),
        "settings": Settings(scale=torch.full((1,), 0.5).expand(3)),
        "best": best,
        "itself": itself,
        "parameter": parameter,
        "quantised": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.empty(3, device="meta"),
        "eight_bits": torch.ones(3).to(torch.float8_e4m3fn),
        "complex": torch.ones(2, dtype=torch.complex64),
    }


def state():
    """All dtypes and all the ways in which a tensor can view its storage."""
    torch.manual_seed(0)
    base = torch.randn(6, 4)
    tensors = collections.OrderedDict()
    tensors["conv.weight"] = torch.randn(4, 3, 3, 3)
    tensors["conv.channels_last"] = torch.randn(4, 3, 3, 3).contiguous(memory_format=torch.channels_last)
    tensors["view.rows"] = base[2:4]
    tensors["view.transposed"] = base.t()
    tensors["view.column"] = base[:, 1]
    tensors["fc.parameter"] = torch.nn.Parameter(torch.randn(3, 2))
    tensors["bn.num_batches_tracked"] = torch.tensor(7)
    tensors["empty"] = torch.zeros(0, 5)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        tensors["float." + str(dtype)[6:]] = torch.randn(5).to(dtype)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        tensors["integer." + str(dtype)[6:]] = torch.arange(5).to(dtype)
    tensors["bool"] = torch.tensor([True, False, True])
    return tensors


def vissl():
    """The nesting of a VISSL checkpoint, with what surrounds the weights."""
    torch.manual_seed(1)
    trunk = collections.OrderedDict()
    trunk["_feature_blocks.conv1.stem.0.weight"] = torch.randn(2, 3, 3, 3)
    trunk["_feature_blocks.res2.block1-0.proj.weight"] = torch.randn(2, 2, 1, 1)
    heads = collections.OrderedDict()
    heads["0.projection_head.0.weight"] = torch.randn(4, 2)
    heads["0.prototypes0.weight"] = torch.randn(3, 4)
    model = {"trunk": trunk, "heads": heads}
    momentum = {0: {"momentum_buffer": torch.randn(2)}}
    return {
        "phase_idx": 3,
        "iteration": 1200,
        "loss": AttrDict(queue=torch.randn(2, 2)),
        "config": AttrDict(NAME="swav", LR=0.6),
        "meter": Meter(),
        "classy_state_dict": {
            "base_model": {"model": model, "meters": {}},
            "optimizer": {"state": momentum, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        },
    }


def flat(prefix, value, out):
    """The names that the reader should give."""
    if isinstance(value, torch.Tensor):
        out[prefix] = value.detach().contiguous().clone()
    elif isinstance(value, dict):
        for key, item in value.items():
            flat(f"{prefix}.{key}" if prefix else str(key), item, out)
    return out


def deflate(source, target):
    """Compress an archive, as re-packing by hand does."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    os.chdir(parser.parse_args().folder)
    torch.manual_seed(0)  # the weights of the Linear modules

    tensors = state()
    save_file(flat("", tensors, {}), "state.safetensors", metadata={"format": "pt", "made_by": "make_pickles.py"})
    gen.sort_header(pathlib.Path("state.safetensors"))
    torch.save(tensors, "state.pth")
    deflate("state.pth", "state_deflate.pth")
    torch.save(tensors, "state_protocol4.pth", pickle_protocol=4)
    torch.save(tensors, "state_legacy.pth", _use_new_zipfile_serialization=False)

    torch.serialization.set_crc32_options(False)
    torch.save(tensors, "state_unsummed.pth")
    torch.serialization.set_crc32_options(True)

    nested = vissl()
    save_file(flat("", nested, {}), "vissl.safetensors")
    torch.save(nested, "vissl.pth")
    torch.save(nested, "vissl_legacy.pth", _use_new_zipfile_serialization=False)

    torch.save({"good": torch.ones(2), "complex": torch.ones(2, dtype=torch.complex64), "bad": Exploit()}, "foreign.pth")
    torch.save({"unsigned": torch.arange(5).to(torch.uint16)}, "untyped.pth")
    torch.save(torch.ones(3), "bare_tensor.pth")
    torch.save({"expanded": torch.ones(1).expand(4)}, "expanded.pth")
    torch.save(torch.nn.Linear(2, 1), "module_object.pth")
    torch.save({"epoch": 3}, "no_tensors.pth")
    torch.save(strangers(), "strangers.pth")
    torch.save(strangers(), "strangers_legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), "torchscript.pt")
    print("torch", torch.__version__, "python", sys.version.split()[0])


if __name__ == "__main__":
    main()
