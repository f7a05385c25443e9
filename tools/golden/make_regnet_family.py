# SPDX-License-Identifier: MIT
"""Golden RegNetY, every published variant: logits and the norm of every gradient.

    python tools/golden/make_regnet_family.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/regnet_family.safetensors. Variants whose widths are rounded as torchvision rounds come from
torchvision, the others (pycls, ClassyVision, VISSL's SEER) from timm, whose parameters are given torchvision's names.
Weights come from gen.parameter by those names. Of 128GF, 256GF and 10B only the first blocks are built, behind which
the classifier stands: they have the widths, group widths and squeezes of the whole, at a bearable size. The reference
runs in float64 on the CPU.

Keys, for each variant A of P parameters (metadata "A": blocks and P):
    A.logits_eval, A.logits_train [2,16]; A.grad_norms [P] of sum(logits_eval * cotangent)/2
"""
import re

import timm
import torch
import torchvision
from timm.models import regnet as timm_regnet

import gen

BATCH, SIZE, CLASSES = 2, 40, 16
TORCHVISION = ["400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf"]
# variant: name in timm, number of blocks (None: all)
TIMM = {
    "200mf": ("regnety_002", None), "600mf": ("regnety_006", None), "800mf_seer": ("regnety_008", None),
    "4gf": ("regnety_040", None), "6_4gf": ("regnety_064", None), "8gf_seer": ("regnety_080", None),
    "12gf": ("regnety_120", None), "64gf": ("regnety_640", 7), "128gf": ("regnety_1280", 3), "256gf": ("regnety_2560", 3),
}
# timm has no 10B; these five numbers are those of VISSL's configuration regnet10B.
TEN_BILLION = dict(w0=1744, wa=620.83, wm=2.52, group_size=1010, depth=27)

INNER = {
    "downsample.conv": "proj.0", "downsample.bn": "proj.1", "conv1.conv": "f.a.0", "conv1.bn": "f.a.1",
    "conv2.conv": "f.b.0", "conv2.bn": "f.b.1", "se.fc1": "f.se.fc1", "se.fc2": "f.se.fc2", "conv3.conv": "f.c.0",
    "conv3.bn": "f.c.1",
}


def torchvision_name(name):
    """timm's name of a parameter or buffer as torchvision has it."""
    for ours, theirs in (("stem.conv.", "stem.0."), ("stem.bn.", "stem.1."), ("head.fc.", "fc.")):
        if name.startswith(ours):
            return theirs + name[len(ours):]
    stage, index, inner, leaf = re.fullmatch(r"s(\d+)\.b(\d+)\.(.+)\.(\w+)", name).groups()
    return f"trunk_output.block{stage}.block{stage}-{int(index) - 1}.{INNER[inner]}.{leaf}"


def from_timm(name, depth):
    """The model, less what stands behind its first blocks."""
    cfg = timm_regnet.RegNetCfg(se_ratio=0.25, **TEN_BILLION) if name is None else timm_regnet.model_cfgs[name]
    with torch.device("meta"):
        model = timm_regnet.RegNet(cfg, num_classes=CLASSES)
        if depth:
            cut(model, depth)
    return model.to_empty(device="cpu")


def cut(model, depth):
    for stage in ("s1", "s2", "s3", "s4"):
        blocks = list(getattr(model, stage).named_children())[:depth]
        depth -= len(blocks)
        if blocks:
            model.head.fc = torch.nn.Linear(blocks[-1][1].conv3.conv.out_channels, CLASSES)
        kept = torch.nn.Sequential()
        for name, block in blocks:
            kept.add_module(name, block)
        setattr(model, stage, kept)


def named(model, source):
    return {torchvision_name(k) if source == "timm" else k: v for k, v in model.items()}


def fill(model, source):
    with torch.no_grad():
        for name, t in named(model.state_dict(), source).items():
            if name.endswith("num_batches_tracked"):
                t.zero_()
            else:
                t.copy_(torch.from_numpy(gen.parameter(name, tuple(t.shape))))


def run(model, source, dtype):
    fill(model, source)
    model = model.to(dtype).eval()
    x = torch.from_numpy(gen.tensor("input", (BATCH, 3, SIZE, SIZE))).to(dtype)
    cotangent = torch.from_numpy(gen.tensor("cotangent", (BATCH, CLASSES))).to(dtype)
    logits = model(x)
    ((logits * cotangent).sum() / BATCH).backward()
    # In float64: a float32 norm of ten million values is off by more than the values are.
    norms = {k: p.grad.double().norm().float() for k, p in named(dict(model.named_parameters()), source).items()}
    with torch.no_grad():
        trained = model.train()(x)
    return logits.detach(), trained, norms


def main():
    variants = [(v, "torchvision", None, None) for v in TORCHVISION]
    variants += [(v, "timm", *TIMM[v]) for v in TIMM] + [("10b", "timm", None, 2)]
    tensors, meta, worst = {}, {}, {}
    for variant, source, name, depth in variants:
        arch = f"regnet_y_{variant}"
        build = lambda: (torchvision.models.get_model(arch, num_classes=CLASSES) if source == "torchvision" else from_timm(name, depth))
        high, low = run(build(), source, torch.float64), run(build(), source, torch.float32)
        norms = high[2]
        tensors[f"{arch}.logits_eval"], tensors[f"{arch}.logits_train"] = high[0].float(), high[1].float()
        tensors[f"{arch}.grad_norms"] = torch.stack(list(norms.values()))
        meta[arch] = f"{depth or 0} blocks, {len(norms)} parameters"
        meta[f"{arch}.parameters"] = "\n".join(norms)
        err = [gen.relative(low[i], high[i]) for i in (0, 1)]
        err.append(max(abs(float(low[2][k] / norms[k]) - 1) for k in norms))
        print(arch, source, meta[arch], [f"{e:.1e}" for e in err])
        worst[arch] = err
    for i, kind in enumerate(("logits_eval", "logits_train", "grad_norms")):
        meta[f"fp32_{kind}"] = f"{max(e[i] for e in worst.values()):.2e}"
    gen.save(gen.OUT / "regnet_family.safetensors", tensors, script="tools/golden/make_regnet_family.py",
             timm=timm.__version__, inputs="input [2,3,40,40] and cotangent [2,16] with seed; factor 1", **meta)


if __name__ == "__main__":
    main()
