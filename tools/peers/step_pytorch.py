# SPDX-License-Identifier: MIT
"""The peer of `seer bench step`: the same SwAV step in PyTorch and torchvision, eager or (--compile) by torch.compile.

    python tools/peers/step_pytorch.py --arch regnet_y_400mf --batch 16 --crops 2x96,4x48 \
           --hidden 2048,2048 --out 256 --prototypes 3000 --precision bf16 --channels-last --steps 6 --json

(torch 2.11.0, torchvision 0.26.0.) A step: random uint8 NHWC pixels that already are in memory are
normalised; trunk once a resolution, head once; unit embeddings; scores, Sinkhorn (10 iterations) on
the first two crops and the loss in float32; backward; LARC and SGD with momentum; prototypes to unit rows.

With --checkpoint, torch.utils.checkpoint (not reentrant) computes stem and blocks, or stem and stages, again in the
backward pass; "selective" keeps the outputs of convolutions (create_selective_checkpoint_contexts).

Written as a careful user of PyTorch would: set_to_none, foreach optimizer and foreach LARC without
host synchronisation, all cores, cuDNN autotuning. Prints
one JSON line with the fields of `seer bench step`.
"""
import argparse
import functools
import json
import os
import resource
import sys
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TAU, EPSILON, ITERATIONS, ASSIGN = 0.1, 0.05, 10, (0, 1)
LR, MOMENTUM, DECAY, TRUST, EPS = 0.01, 0.9, 1e-6, 0.001, 1e-8
WARMUP_STEPS = 2


def keep_convolutions(_ctx, op, *_args, **_kwargs):
    convolution = op == torch.ops.aten.convolution.default
    return CheckpointPolicy.MUST_SAVE if convolution else CheckpointPolicy.PREFER_RECOMPUTE


class Again(nn.Module):
    """A module that is computed again in the backward pass."""

    def __init__(self, module, selective):
        super().__init__()
        self.module = module
        self.how = {"context_fn": functools.partial(create_selective_checkpoint_contexts, keep_convolutions)} if selective else {}

    def forward(self, x):
        return checkpoint(self.module, x, use_reentrant=False, **self.how)


def checkpointed(trunk, how):
    """A RegNet of torchvision whose segments are computed again."""
    if how == "none":
        return trunk
    trunk.stem = Again(trunk.stem, how == "selective")
    for name, stage in list(trunk.trunk_output.named_children()):
        if how == "stages":
            setattr(trunk.trunk_output, name, Again(stage, False))
            continue
        for block, module in list(stage.named_children()):
            setattr(stage, block, Again(module, how == "selective"))
    return trunk


class System(nn.Module):
    def __init__(self, arch, hidden, out, prototypes, how, compiled):
        super().__init__()
        self.trunk = torchvision.models.get_model(arch)
        width = self.trunk.fc.in_features
        self.trunk.fc = nn.Identity()
        self.trunk = checkpointed(self.trunk, how)
        if compiled:
            self.trunk = torch.compile(self.trunk)
        layers = []
        for h in hidden:
            layers += [nn.Linear(width, h), nn.BatchNorm1d(h), nn.ReLU(inplace=True)]
            width = h
        self.head = nn.Sequential(*layers, nn.Linear(width, out))
        self.prototypes = nn.Linear(out, prototypes, bias=False)

    def embed(self, groups):
        return self.head(torch.cat([self.trunk(x) for x in groups]))


@torch.no_grad()
def unit(c):
    c.copy_(F.normalize(c, dim=1))


@torch.no_grad()
def sinkhorn(scores):
    """[B,K] to [B,K]; the maximum goes first, so that exp stays finite in float32."""
    q = torch.exp((scores - scores.max()) / EPSILON).t()
    k, b = q.shape
    q /= q.sum()
    for _ in range(ITERATIONS):
        q /= q.sum(dim=1, keepdim=True)
        q /= k
        q /= q.sum(dim=0, keepdim=True)
        q /= b
    return (q * b).t()


def swapped_loss(scores, batch):
    detached = scores.detach()
    logp = F.log_softmax(scores / TAU, dim=1).split(batch)
    loss = 0
    for a in ASSIGN:
        q = sinkhorn(detached[a * batch : (a + 1) * batch])
        others = [v for v in range(len(logp)) if v != a]
        loss = loss - sum((q * logp[v]).sum(dim=1).mean() for v in others) / len(others)
    return loss / len(ASSIGN)


@torch.no_grad()
def larc(parameters):
    """apex.parallel.LARC without clipping; scales stay tensors, so nothing waits for the device."""
    ps = [p for p in parameters if p.grad is not None]
    gs = [p.grad for p in ps]
    pn, gn = torch.stack(torch._foreach_norm(ps)), torch.stack(torch._foreach_norm(gs))
    both = (pn != 0) & (gn != 0)
    scale = torch.where(both, TRUST * pn / (gn + pn * DECAY + EPS), 1.0)
    decay = torch.where(both, DECAY, 0.0)
    torch._foreach_add_(gs, torch._foreach_mul(ps, list(decay.unbind())))
    torch._foreach_mul_(gs, list(scale.unbind()))


class Step:
    """One training step, callable again and again."""

    def __init__(self, a, device):
        self.a, self.device = a, device
        self.format = torch.channels_last if a.channels_last else torch.contiguous_format
        self.system = System(a.arch, a.hidden, a.out, a.prototypes, a.checkpoint, a.compile).to(device, memory_format=self.format).train()
        self.parameters = list(self.system.parameters())
        self.opt = torch.optim.SGD(self.parameters, lr=LR, momentum=MOMENTUM, foreach=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=a.precision == "fp16")
        self.mean, self.std = (torch.tensor(v, device=device).mul(255).view(1, 3, 1, 1) for v in (MEAN, STD))
        unit(self.system.prototypes.weight)

    def prepare(self, pixels):
        """uint8 [N,S,S,3] to normalised float32 [N,3,S,S] in the chosen memory format."""
        x = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return ((x.float() - self.mean) / self.std).contiguous(memory_format=self.format)

    def __call__(self, groups):
        dtype = DTYPES[self.a.precision]
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            z = self.system.embed([self.prepare(g) for g in groups])
        scores = self.system.prototypes(F.normalize(z.float(), dim=1))
        loss = swapped_loss(scores, self.a.batch)
        self.opt.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.opt)
        larc(self.parameters)
        self.scaler.step(self.opt)
        self.scaler.update()
        unit(self.system.prototypes.weight)
        return loss.item()  # a training loop looks at its loss


def tensors(step):
    """MB that libtorch allocates in a step at its peak, above what there was before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as p:
        step()
    now = most = 0
    for e in sorted((e for e in p.profiler.kineto_results.events() if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        now += e.nbytes()
        most = max(most, now)
    return most / 2**20


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident():
    """MB that are resident now."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() / 2**20


def pairs(text):
    return [tuple(int(v) for v in part.split("x")) for part in text.split(",")]


def numbers(text):
    return [int(v) for v in text.split(",") if v]


def arguments():
    p = argparse.ArgumentParser(description="time whole SwAV steps in eager PyTorch")
    p.add_argument("--arch", default="regnet_y_400mf")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--crops", type=pairs, default=pairs("2x96,4x48"), help="COUNTxSIZE for each resolution")
    p.add_argument("--hidden", type=numbers, default=numbers("2048,2048"))
    p.add_argument("--out", type=int, default=256)
    p.add_argument("--prototypes", type=int, default=3000)
    p.add_argument("--precision", choices=DTYPES, default="fp32")
    p.add_argument("--device", default="cpu")
    p.add_argument("--channels-last", action="store_true")
    p.add_argument("--checkpoint", choices=("none", "selective", "blocks", "stages"), default="none", help="what is computed again")
    p.add_argument("--compile", action="store_true", help="the trunk by torch.compile")
    p.add_argument("--tf32", action=argparse.BooleanOptionalAction, default=True, help="TF32 in convolutions")
    p.add_argument("--steps", type=int, default=6, help="measured steps, after two that are not")
    p.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice, one a core")
    p.add_argument("--json", action="store_true")
    p.add_argument("--seer-settings", action="store_true", help="the C library's allocator and OpenMP's waiting as seer sets them")
    return p.parse_args()


# What seer sets: torch/shim/system.cc, ct_keep_freed_memory, and cmd/seer/libtorch.go.
SEER_SETTINGS = {
    "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**63), "MALLOC_TOP_PAD_": str(64 << 20), "MALLOC_ARENA_MAX": "1",
    "GOMP_SPINCOUNT": "10000",
}


def use_seer_settings():
    """They are read when a program starts."""
    if not SEER_SETTINGS.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **SEER_SETTINGS})


def main():
    a = arguments()
    if a.seer_settings:
        use_seer_settings()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = True, a.tf32
    device = torch.device(a.device)
    step = Step(a, device)
    groups = [torch.randint(0, 256, (count * a.batch, size, size, 3), dtype=torch.uint8) for count, size in a.crops]
    before = resident()
    ms = []
    for i in range(WARMUP_STEPS + a.steps):
        start = time.perf_counter()
        loss = step(groups)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if i >= WARMUP_STEPS:
            ms.append((time.perf_counter() - start) * 1000)
    on_device = round(torch.cuda.max_memory_allocated(device) / 2**20, 1) if device.type == "cuda" else None
    median, most = statistics.median(ms), peak()
    result = dict(
        program=f"pytorch {torch.__version__}{' compiled' * a.compile}", arch=a.arch, device=a.device, precision=a.precision,
        channels_last=a.channels_last, batch=a.batch, threads=torch.get_num_threads(), ms_median=round(median, 1),
        ms_min=round(min(ms), 1), img_s=round(a.batch / median * 1000, 1),
        peak_device_mb=on_device, before_rss_mb=round(before, 1), step_rss_mb=round(most - before, 1), peak_rss_mb=round(most, 1), checkpoint=a.checkpoint,
        tensors_mb=round(tensors(lambda: step(groups)), 1) if device.type == "cpu" else None, loss=loss)
    if a.json:
        print(json.dumps(result))
    else:
        print(f"{a.arch}, batch {a.batch}, {a.precision}: {median:.1f} ms a step (best {min(ms):.1f}), "
              f"{result['img_s']} images/s, peak {result['peak_rss_mb']} MB")


if __name__ == "__main__":
    main()
