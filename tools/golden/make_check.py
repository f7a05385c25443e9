# SPDX-License-Identifier: MIT
"""A tensor of every kind that gen.parameter knows, for the twin in internal/golden.

    python tools/golden/make_check.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/generator.safetensors. The Go test asks for equal bits.
"""
import torch

import gen

TENSORS = {
    "stem.0.weight": (32, 3, 3, 3),
    "stem.1.weight": (32,),
    "stem.1.bias": (32,),
    "stem.1.running_mean": (32,),
    "stem.1.running_var": (32,),
    "trunk_output.block1.block1-0.f.b.0.weight": (48, 8, 3, 3),
    "trunk_output.block1.block1-0.f.se.fc1.weight": (8, 48, 1, 1),
    "trunk_output.block1.block1-0.f.se.fc1.bias": (8,),
    "trunk_output.block1.block1-0.f.c.1.weight": (48,),
    "layer1.0.bn3.weight": (48,),
    "net.1.blocks.0.net.4.0.weight": (48,),
    "class_token": (1, 1, 24),
    "encoder.pos_embedding": (1, 5, 24),
    "encoder.layers.encoder_layer_0.self_attention.in_proj_weight": (72, 24),
    "fc.weight": (10, 44),
}


def main():
    tensors = {n: torch.from_numpy(gen.parameter(n, shape)) for n, shape in TENSORS.items()}
    gen.save(gen.OUT / "generator.safetensors", tensors, script="tools/golden/make_check.py", parameters="\n".join(TENSORS))


if __name__ == "__main__":
    main()
