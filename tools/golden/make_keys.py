#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""State-dict keys and shapes of one RegNetY-400MF in six libraries.

Run from the repository's root:

    python tools/golden/make_keys.py checkpoint/names/testdata

Made with torch 2.11.0, torchvision 0.26.0, timm 1.0.31, transformers 5.23.0,
classy_vision 0.7.0 and pycls 0.1.1. VISSL has no release that installs beside these; its trunk
renames the children of classy_vision's model, which rename_like_vissl repeats.
"""
import argparse
import pathlib

import timm
import torch
import torchvision
import transformers
from classy_vision.models.regnet import RegNet, RegNetParams
from pycls.core.config import cfg
from pycls.models.regnet import RegNet as PyclsRegNet


def rename_like_vissl(model):
    """vissl/models/trunks/regnet.py: stem becomes conv1, blockN becomes res(N+1)."""
    blocks = torch.nn.ModuleDict({"conv1": model.stem})
    for i, stage in enumerate(model.trunk_output.children()):
        blocks[f"res{i + 2}"] = stage
    return torch.nn.ModuleDict({"_feature_blocks": blocks})


def pycls_model():
    """Its configuration is a global."""
    cfg.REGNET.SE_ON, cfg.REGNET.DEPTH, cfg.REGNET.GROUP_W = True, 16, 8
    cfg.REGNET.W0, cfg.REGNET.WA, cfg.REGNET.WM = 48, 27.89, 2.09
    cfg.MODEL.NUM_CLASSES = 1000
    return PyclsRegNet()


def models():
    classy = RegNet(RegNetParams(depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8))
    config = transformers.RegNetConfig(
        embedding_size=32, hidden_sizes=[48, 104, 208, 440], depths=[1, 3, 6, 6], groups_width=8, num_labels=1000
    )
    return {
        "torchvision": torchvision.models.regnet_y_400mf(),
        "timm": timm.create_model("regnety_004"),
        "transformers": transformers.RegNetForImageClassification(config),
        "classy_vision": classy,
        "vissl": rename_like_vissl(classy),
        "pycls": pycls_model(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    for name, model in models().items():
        lines = [f"{key} {'x'.join(map(str, value.shape))}\n" for key, value in model.state_dict().items()]
        (folder / f"{name}.txt").write_text("".join(lines))
        print(name, len(lines))


if __name__ == "__main__":
    main()
