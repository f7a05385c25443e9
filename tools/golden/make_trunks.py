# SPDX-License-Identifier: MIT
"""Golden trunks beside RegNetY: RegNetX, ResNet, ResNeXt, ViT and SimCLR v2's ResNet.

    python tools/golden/make_trunks.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/trunks.safetensors. RegNetX, ResNet, ResNeXt and ViT come from torchvision; vit_s_16 has timm's
numbers and torchvision's names. SimCLR v2's ResNet is written here from google-research/simclr with the structure and
the names of Separius/SimCLRv2-Pytorch. Weights come from gen.parameter by name. The transformers are built for images of
64 pixels, ViT-L with 4 of its 24 layers, SimCLR v2's ResNet with 5 of its 50 blocks; whatever is counted is counted of
the whole, on the meta device. The reference runs in float64 on the CPU.

Keys, for each architecture A of P parameters:
    A.logits_eval, A.logits_train [2,16]; A.grad_norms [P] of sum(logits_eval * cotangent)/2, in the state dict's order
    A.logits_resampled [2,16]: vit_s_16 on images of 96x80 pixels
Metadata "A", JSON: parameters (of the trunk), names (SHA-256 of the lines "name d0,d1" of the trunk's state dict), macs
    (multiply-adds at 224 pixels with a classifier of 1000, counted), ops (10^9, as torchvision publishes; 0 where it does
    not), kept (bytes that autograd keeps of two images, of 128 pixels or a
    transformer's 64; 0 where the reference is built otherwise), seed (of the input). Of two RegNetY only kept.
"""
import hashlib
import json

import timm
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import gen

BATCH, CLASSES = 2, 16
CONVOLUTIONAL = [f"regnet_x_{s}" for s in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")] + [
    "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
SQUEEZED = ["regnet_y_400mf", "regnet_y_3_2gf"]  # of which only the kept bytes are here
SIDE = 40
KEPT_SIDE = 128  # at 40 pixels the statistics of batch norm, one set a batch, would count
VIT = {  # layers, heads, width; layers that are run
    "vit_s_16": (12, 6, 384, 12), "vit_b_16": (12, 12, 768, 12), "vit_l_16": (24, 16, 1024, 4)}
VIT_SIDE, PATCH = 64, 16
SIMCLR = "simclrv2_r152_3x_sk1"


class BatchNormRelu(nn.Sequential):
    def __init__(self, channels, relu=True):
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU() if relu else nn.Identity())


def conv(cin, cout, kernel=3, stride=1):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)


class SelectiveKernel(nn.Module):
    """sk_conv2d of google-research/simclr: two 3x3 streams, mixed by a softmax per channel."""

    def __init__(self, channels, stride, ratio=0.0625, least=32):
        super().__init__()
        middle = max(int(channels * ratio), least)
        self.main_conv = nn.Sequential(conv(channels, 2 * channels, stride=stride), BatchNormRelu(2 * channels))
        self.mixing_conv = nn.Sequential(
            conv(channels, middle, 1), BatchNormRelu(middle), conv(middle, 2 * channels, 1))

    def forward(self, x):
        streams = torch.stack(self.main_conv(x).chunk(2, dim=1))
        mixing = self.mixing_conv(streams.sum(0).mean((2, 3), keepdim=True))
        return (streams * torch.stack(mixing.chunk(2, dim=1)).softmax(0)).sum(0)


class Projection(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.shortcut = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, stride), conv(cin, cout, 1))
        self.bn = BatchNormRelu(cout, relu=False)

    def forward(self, x):
        return self.bn(self.shortcut(x))


class Bottleneck(nn.Module):
    def __init__(self, cin, planes, stride, project):
        super().__init__()
        self.projection = Projection(cin, 4 * planes, stride) if project else nn.Identity()
        self.net = nn.Sequential(
            conv(cin, planes, 1), BatchNormRelu(planes), SelectiveKernel(planes, stride), conv(planes, 4 * planes, 1),
            BatchNormRelu(4 * planes, relu=False))

    def forward(self, x):
        return (self.projection(x) + self.net(x)).relu()


class Stage(nn.Module):
    def __init__(self, depth, cin, planes, stride):
        super().__init__()
        self.blocks = nn.ModuleList(
            Bottleneck(4 * planes if i else cin, planes, 1 if i else stride, i == 0) for i in range(depth))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class SimCLRv2(nn.Module):
    def __init__(self, depths, width, classes):
        super().__init__()
        half = 32 * width
        stem = nn.Sequential(
            conv(3, half, stride=2), BatchNormRelu(half), conv(half, half), BatchNormRelu(half), conv(half, 2 * half),
            BatchNormRelu(2 * half), nn.MaxPool2d(3, 2, 1))
        stages, cin = [], 2 * half
        for i, depth in enumerate(depths):
            planes = 2 * half * 2**i
            stages.append(Stage(depth, cin, planes, 2 if i else 1))
            cin = 4 * planes
        self.net = nn.Sequential(stem, *stages)
        self.fc = nn.Linear(cin, classes)

    def forward(self, x):
        return self.fc(self.net(x).mean((2, 3)))


def transformer(name, side, layers, classes):
    _, heads, width, _ = VIT[name]
    return torchvision.models.VisionTransformer(side, PATCH, layers, heads, width, 4 * width, num_classes=classes)


def whole(name):
    """The full model with 1000 classes, without memory."""
    with torch.device("meta"):
        if name in VIT:
            return transformer(name, 224, VIT[name][0], 1000)
        if name == SIMCLR:
            return SimCLRv2((3, 8, 36, 3), 3, 1000)
    return torchvision.models.get_model(name).to("meta")  # a RegNet computes its widths with tensors


def reduced(name):
    """The model that is run, and its images' side."""
    if name in VIT:
        return transformer(name, VIT_SIDE, VIT[name][3], CLASSES), VIT_SIDE
    if name == SIMCLR:
        return SimCLRv2((1, 2, 1, 1), 3, CLASSES), SIDE
    return torchvision.models.get_model(name, num_classes=CLASSES), SIDE


TIMM = {
    "class_token": "cls_token", "encoder.pos_embedding": "pos_embed", "conv_proj.": "patch_embed.proj.",
    "encoder.ln.": "norm.", "heads.head.": "head."}
TIMM_LAYER = {
    "ln_1.": "norm1.", "ln_2.": "norm2.", "self_attention.in_proj_": "attn.qkv.", "self_attention.out_proj.": "attn.proj.",
    "mlp.0.": "mlp.fc1.", "mlp.3.": "mlp.fc2."}


def timm_name(name):
    for ours, theirs in TIMM.items():
        if name.startswith(ours):
            return theirs + name[len(ours):]
    layer, rest = name.removeprefix("encoder.layers.encoder_layer_").split(".", 1)
    for ours, theirs in TIMM_LAYER.items():
        if rest.startswith(ours):
            return f"blocks.{layer}.{theirs}{rest[len(ours):]}"
    raise KeyError(name)


def timm_small(model):
    """timm's ViT-S with a torchvision model's weights, under torchvision's names: (model, its parameters)."""
    other = timm.create_model("vit_small_patch16_224", img_size=VIT_SIDE, dynamic_img_size=True, num_classes=CLASSES)
    other.load_state_dict({timm_name(k): v for k, v in model.state_dict().items()})
    parameters = dict(other.named_parameters())
    return other, {k: parameters[timm_name(k)] for k, _ in model.named_parameters()}


def run(name, dtype, seed):
    model, side = reduced(name)
    gen.load(model)
    parameters = dict(model.named_parameters())
    if name == "vit_s_16":
        model, parameters = timm_small(model)
    model = model.to(dtype).eval()
    x = torch.from_numpy(gen.tensor("input", (BATCH, 3, side, side), seed=seed)).to(dtype)
    cotangent = torch.from_numpy(gen.tensor("cotangent", (BATCH, CLASSES))).to(dtype)
    out = {"logits_eval": model(x)}
    ((out["logits_eval"] * cotangent).sum() / BATCH).backward()
    # In float64: a float32 norm of ten million values is off by more than the values are.
    out["grad_norms"] = torch.stack([p.grad.double().norm() for p in parameters.values()])
    with torch.no_grad():
        if name == "vit_s_16":
            out["logits_resampled"] = model(torch.from_numpy(gen.tensor("input", (BATCH, 3, 96, 80))).to(dtype))
        out["logits_train"] = model.train()(x)
    return out


def both(name):
    """The run in float64, what float32 loses, and the first input seed with which no ReLU's input rounds to the other
    side of zero: there gradients would move by more than rounding does, on one machine and not on another."""
    for seed in range(gen.SEED, gen.SEED + 50):
        high, low = run(name, torch.float64, seed), run(name, torch.float32, seed)
        err = {k: gen.relative(low[k], high[k]) for k in high if k != "grad_norms"}
        err["grad_norms"] = float((low["grad_norms"] / high["grad_norms"] - 1).abs().max())
        if err["grad_norms"] < 2e-5:
            return high, err, seed
    raise RuntimeError(f"{name}: no input without a ReLU at its kink")


def names(state):
    lines = [f"{k} {','.join(map(str, v.shape))}" for k, v in state.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def kept(name):
    """Bytes of the distinct tensors that autograd keeps besides parameters and images."""
    if name == SIMCLR or name == "vit_s_16":
        return 0
    model, side = reduced(name)
    side = side if name in VIT else KEPT_SIDE
    model.train(name not in VIT)  # a dropout of 0 keeps a mask in training mode
    x = torch.from_numpy(gen.tensor("input", (BATCH, 3, side, side)))
    known = {t.untyped_storage().data_ptr() for t in [x, *model.parameters(), *model.buffers()]}
    found = {}

    def pack(t):
        found[t.untyped_storage().data_ptr()] = t
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = model(x)
    total = sum(t.untyped_storage().nbytes() for p, t in found.items() if p not in known)
    del y
    return total


def counted(name):
    model = whole(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    trunk = {k: v for k, v in model.state_dict().items() if not k.startswith(("fc.", "heads."))}
    buffers = dict(model.named_buffers())
    ops = 0.0
    if name in torchvision.models.list_models():
        ops = min(w.meta["_ops"] for w in torchvision.models.get_model_weights(name))  # at 224 pixels
    return {
        "parameters": sum(v.numel() for k, v in trunk.items() if k not in buffers), "names": names(trunk),
        "macs": counter.get_total_flops() // 2, "ops": ops, "kept": kept(name)}


def main():
    tensors, meta, worst = {}, {}, {}
    for name in CONVOLUTIONAL + list(VIT) + [SIMCLR]:
        high, err, seed = both(name)
        for k, v in high.items():
            tensors[f"{name}.{k}"] = v.float()
            worst[k] = max(worst.get(k, 0), err[k])
        meta[name] = json.dumps(counted(name) | {"seed": seed})
        print(name, {k: f"{e:.1e}" for k, e in err.items()}, meta[name], flush=True)
    for name in SQUEEZED:
        meta[name] = json.dumps({"kept": kept(name)})
    gen.save(gen.OUT / "trunks.safetensors", tensors, script="tools/golden/make_trunks.py", timm=timm.__version__,
             inputs="input [2,3,40,40] (transformers 64,64) and cotangent [2,16], input with its architecture's seed; factor 1",
             **meta, **{f"fp32_{k}": f"{e:.2e}" for k, e in worst.items()})


if __name__ == "__main__":
    main()
