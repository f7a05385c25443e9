# SPDX-License-Identifier: MIT
"""Golden loss sequence of four processes that share batch norm's statistics in pairs.

    python tools/golden/make_groups.py    (environment: tools/golden/requirements.txt)

Writes testdata/golden/swav_groups.safetensors. The system, its data and its schedule are those of make_swav.py, each of
four processes having a quarter of every crop's images. They are processes of torch.distributed over gloo; gradients are
averaged by DistributedDataParallel, Sinkhorn sees the rows of all, and batch norm in trunk and head those of its pair:
ranks 0 and 1, ranks 2 and 3. torch.nn.SyncBatchNorm has no kernel for the CPU, so that its sums go through the
differentiable all_reduce of torch.distributed.nn.

Losses are means over all processes; weights are the same on all, running statistics those of ranks 0 and 2.
"""
import argparse
import os

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

import gen
import make_swav as swav

WORLD, GROUP = 4, 2
OWN = swav.BATCH // WORLD  # images of a process


class SyncNorm(nn.Module):
    """Batch norm over the batches of a group of processes."""

    def __init__(self, norm, group):
        super().__init__()
        self.weight, self.bias, self.group = norm.weight, norm.bias, group
        self.register_buffer("running_mean", norm.running_mean)
        self.register_buffer("running_var", norm.running_var)
        self.eps, self.momentum = norm.eps, norm.momentum

    def forward(self, x):
        dims = [d for d in range(x.dim()) if d != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        n = x.numel() // x.size(1) * GROUP
        mean = all_reduce(x.sum(dims), group=self.group) / n
        centred = x - mean.view(shape)
        var = all_reduce((centred * centred).sum(dims), group=self.group) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * n / (n - 1), self.momentum)
        y = centred * (var + self.eps).rsqrt().view(shape)
        return y * self.weight.view(shape) + self.bias.view(shape)


def share_norms(module, group):
    for name, child in module.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            setattr(module, name, SyncNorm(child, group))
        else:
            share_norms(child, group)


def own_rows(x, rank):
    """Of each crop, which has BATCH rows, those of this process."""
    return torch.cat([c[rank * OWN : (rank + 1) * OWN] for c in x.split(swav.BATCH)])


def all_rows(x):
    """[crops*OWN, ...] of every process as [crops*BATCH, ...] in the order of one process."""
    parts = [torch.empty_like(x) for _ in range(WORLD)]
    dist.all_gather(parts, x.contiguous())
    return torch.cat([c for crop in zip(*[p.split(OWN) for p in parts]) for c in crop])


def swapped_loss(z, scores, queue, step, prototypes, rank):
    logp = F.log_softmax(scores / swav.TAU, dim=1).split(OWN)
    whole_z, whole_scores = all_rows(z.detach()), all_rows(scores.detach())
    loss = 0
    for a in (0, 1):
        q = swav.assign(whole_z, whole_scores, a, queue, step, prototypes.detach())
        q = q[rank * OWN : (rank + 1) * OWN]
        others = [v for v in range(len(logp)) if v != a]
        loss = loss - sum((q * logp[v]).sum(1).mean() for v in others) / len(others)
    return loss / 2


def run(rank, group, dtype, seed):
    system, queue = swav.build(dtype).train(), swav.Queue(dtype)
    share_norms(system, group)
    parameters = list(system.parameters())
    model = DistributedDataParallel(system, broadcast_buffers=False)
    opt = torch.optim.SGD(parameters, lr=swav.LR_PEAK, momentum=swav.MOMENTUM)
    losses, norms = [], []
    for step in range(swav.STEPS):
        opt.param_groups[0]["lr"] = swav.rate(step)
        z, scores = model([own_rows(x, rank) for x in swav.crops(step, dtype, seed)])
        loss = swapped_loss(z, scores, queue, step, system.prototypes.weight, rank)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        if step < swav.FREEZE:
            system.prototypes.weight.grad = None
        norms.append(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm())
        swav.larc(parameters)
        opt.step()
        swav.unit(system.prototypes.weight)
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        losses.append(mean / WORLD)
    named = dict(system.named_parameters())
    statistics = torch.cat([system.trunk.stem[1].running_var, system.head[1].running_mean])
    every = [torch.empty_like(statistics) for _ in range(WORLD)]
    dist.all_gather(every, statistics)
    return dict(
        losses=torch.stack(losses), grad_norms=torch.stack(norms), final_prototypes=system.prototypes.weight.detach(),
        final_samples=torch.stack([gen.sample(p) for p in named.values()]), statistics=torch.stack(every[::GROUP]),
    ), list(named)


def process(rank, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=WORLD)
    pairs = [dist.new_group([first, first + 1]) for first in range(0, WORLD, GROUP)]
    group = pairs[rank // GROUP]
    high, names = run(rank, group, torch.float64, swav.INPUT_SEED)
    low, _ = run(rank, group, torch.float32, swav.INPUT_SEED)
    if rank == 0:
        write(high, low, names)
    dist.barrier()
    dist.destroy_process_group()


def write(high, low, names):
    err = {f"fp32_{k}": f"{gen.relative(low[k], high[k]):.2e}" for k in high}
    print("losses", [round(v, 5) for v in high["losses"].tolist()])
    print(err)
    tensors = {k: v.float() for k, v in high.items()} | {"lrs": torch.tensor([swav.rate(t) for t in range(swav.STEPS)])}
    gen.save(gen.OUT / "swav_groups.safetensors", tensors, script="tools/golden/make_groups.py",
             parameters="\n".join(names), input_seed=str(swav.INPUT_SEED), **err)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=29517)
    args = parser.parse_args()
    mp.spawn(process, (args.port,), nprocs=WORLD)


if __name__ == "__main__":
    main()
