# SPDX-License-Identifier: MIT
"""Golden loss sequence: ten steps of a whole SwAV system, written from the papers.

    python tools/golden/make_swav.py               (environment: tools/golden/requirements.txt)
    python tools/golden/make_swav.py --seeds 500   searches INPUT_SEED, eight minutes

Writes testdata/golden/swav_steps.safetensors. Sources: SwAV (arXiv 2006.09882, section 3 and
appendix A), SEER (arXiv 2103.01988), LARC as in apex. The system has everything that a parity test must hold at
once: two resolutions, a head with batch norm, a queue that fills and then enters, prototypes
that stay frozen and then move, LARC with zero-norm parameters, warm-up and cosine.

Per step, in this order:
  1 lr[t]; crops [B,3,S,S] for both groups; the trunk once per resolution, training mode
  2 head once on all rows (crop-major: crop 0 of every image, then crop 1, ...); unit rows z
  3 scores = z C^T, prototypes C of unit rows
  4 for each assign crop a: rows of a, and before them the scores of the queue with the current C
    once the queue is full; then push z of crop a to the queue's front (from QUEUE_START on);
    q_a = sinkhorn(rows / eps), its last B rows; no gradient
  5 loss = mean over a of mean over v != a of -sum_k q_a log softmax(scores_v / tau)
  6 backward; t < FREEZE: the prototypes have no gradient; LARC on every parameter; SGD
  7 prototypes to unit rows

The reference runs in float64; fp32_* in the metadata is a float32 run of the same program.
"""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.models.regnet import BlockParams, RegNet

import gen
from make_sinkhorn import sinkhorn

TRUNK = dict(depth=6, w_0=32, w_a=32.0, w_m=2.2, group_width=16, se_ratio=0.25)
HIDDEN, OUT, PROTOTYPES = 64, 32, 24
BATCH, GROUPS = 8, ((2, 16), (2, 8))  # crops x size
TAU, EPSILON, ITERATIONS = 0.1, 0.05, 3
QUEUE, QUEUE_START, FREEZE = 16, 3, 2
STEPS, WARMUP, LR_START, LR_PEAK, LR_END = 10, 3, 0.1, 1.0, 0.01
MOMENTUM, DECAY, TRUST, EPS = 0.9, 1e-5, 0.001, 1e-8
# Inputs come from a seed of their own: of 500 the one with the largest gen.kink_margin over all ten steps, 3.7. Small
# crops mean few activations, of which none may sit where some machine's rounding flips its ReLU.
INPUT_SEED = 490


class System(nn.Module):
    """Trunk, head (no batch norm after the last layer) and prototypes."""

    def __init__(self):
        super().__init__()
        self.trunk = RegNet(BlockParams.from_init_params(**TRUNK))
        width = self.trunk.fc.in_features
        self.trunk.fc = nn.Identity()
        self.head = nn.Sequential(nn.Linear(width, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUT))
        self.prototypes = nn.Linear(OUT, PROTOTYPES, bias=False)

    def forward(self, groups):
        z = F.normalize(self.head(torch.cat([self.trunk(x) for x in groups])), dim=1)
        return z, self.prototypes(z)


def build(dtype):
    """Weights by name from the generator; trunk keys are torchvision's, without a prefix. Batch-norm
    biases start at zero as in training, so that LARC meets parameters of zero norm."""
    system = System()
    gen.load(system.trunk)
    gen.load(system.head, "head.")
    gen.load(system.prototypes, "prototypes.")
    with torch.no_grad():
        for m in system.modules():
            if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                m.reset_running_stats()
                m.bias.zero_()
    system.to(dtype)
    unit(system.prototypes.weight)
    return system


@torch.no_grad()
def unit(c):
    c.copy_(F.normalize(c, dim=1))


def crops(step, dtype, seed):
    """Noise around a mean per image and channel: views of one image agree in something."""
    shift = torch.from_numpy(gen.tensor(f"step{step}.shift", (BATCH, 3), seed=seed)).reshape(BATCH, 3, 1, 1)
    out, c = [], 0
    for count, size in GROUPS:
        views = [torch.from_numpy(gen.tensor(f"step{step}.crop{c + i}", (BATCH, 3, size, size), seed=seed)) + shift
                 for i in range(count)]
        out.append(torch.cat(views).to(dtype))
        c += count
    return out


def rate(step):
    """Linear warm-up from LR_START, then a cosine over what remains (restarted phase)."""
    if step < WARMUP:
        return LR_START + (LR_PEAK - LR_START) * step / WARMUP
    return LR_END + 0.5 * (LR_PEAK - LR_END) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


class Queue:
    """Embeddings of earlier batches per assign crop, newest first; in use only when full."""

    def __init__(self, dtype):
        self.rows = torch.zeros(2, QUEUE, OUT, dtype=dtype)

    def full(self, crop):
        return bool(self.rows[crop, -1].any())

    def push(self, crop, z):
        self.rows[crop] = torch.cat([z, self.rows[crop, : -len(z)]])


@torch.no_grad()
def assign(z, scores, crop, queue, step, prototypes):
    """q of one assign crop [B,K]; pushes the crop's embeddings."""
    rows = scores[crop * BATCH : (crop + 1) * BATCH]
    if step >= QUEUE_START:
        if queue.full(crop):
            rows = torch.cat([queue.rows[crop] @ prototypes.t(), rows])
        queue.push(crop, z[crop * BATCH : (crop + 1) * BATCH])
    return sinkhorn(rows, EPSILON, ITERATIONS, shift=True)[-BATCH:]


def swapped_loss(z, scores, queue, step, prototypes):
    logp = F.log_softmax(scores / TAU, dim=1).split(BATCH)
    loss = 0
    for a in (0, 1):
        q = assign(z.detach(), scores.detach(), a, queue, step, prototypes.detach())
        others = [v for v in range(len(logp)) if v != a]
        loss = loss - sum((q * logp[v]).sum(1).mean() for v in others) / len(others)
    return loss / 2


@torch.no_grad()
def larc(parameters):
    """apex.parallel.LARC without clipping; the decay is inside, and only where both norms are not zero."""
    for p in parameters:
        if p.grad is None:
            continue
        pn, gn = p.norm(), p.grad.norm()
        if pn != 0 and gn != 0:
            p.grad.add_(p, alpha=DECAY).mul_(TRUST * pn / (gn + pn * DECAY + EPS))


def run(dtype, seed, relu_inputs=None):
    system, queue = build(dtype).train(), Queue(dtype)
    if relu_inputs is not None:
        gen.record_relu_inputs(system, relu_inputs)
    parameters = list(system.parameters())
    opt = torch.optim.SGD(parameters, lr=LR_PEAK, momentum=MOMENTUM)
    losses, norms, spread = [], [], []
    for step in range(STEPS):
        opt.param_groups[0]["lr"] = rate(step)
        z, scores = system(crops(step, dtype, seed))
        loss = swapped_loss(z, scores, queue, step, system.prototypes.weight)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        if step < FREEZE:
            system.prototypes.weight.grad = None
        norms.append(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm())
        larc(parameters)
        opt.step()
        unit(system.prototypes.weight)
        losses.append(loss.detach())
        spread.append(z.detach().std(dim=0).mean())
    named = dict(system.named_parameters())
    return dict(
        losses=torch.stack(losses), grad_norms=torch.stack(norms), embedding_std=torch.stack(spread),
        final_embeddings=z, final_prototypes=system.prototypes.weight, queue=queue.rows,
        final_samples=torch.stack([gen.sample(p) for p in named.values()]),
        running_var_stem=system.trunk.stem[1].running_var, running_mean_head=system.head[1].running_mean,
    ), list(named)


def search_seeds(seeds):
    """Print the seeds whose ReLUs are the furthest from their kink."""
    found = []
    for seed in range(seeds):
        low, high = [], []
        run(torch.float32, seed, low)
        run(torch.float64, seed, high)
        found.append((gen.kink_margin(low, high), seed))
    print("  ".join(f"seed {seed}: {margin:.1f}" for margin, seed in sorted(found, reverse=True)[:5]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="search the best of so many input seeds instead of writing the file")
    if seeds := parser.parse_args().seeds:
        return search_seeds(seeds)
    high, names = run(torch.float64, INPUT_SEED)
    low, _ = run(torch.float32, INPUT_SEED)
    err = {f"fp32_{k}": f"{gen.relative(low[k], high[k]):.2e}" for k in high}
    print("losses", [round(v, 5) for v in high["losses"].tolist()], "std", [round(v, 4) for v in high["embedding_std"].tolist()])
    print(err)
    tensors = {k: v.float() for k, v in high.items()} | {"lrs": torch.tensor([rate(t) for t in range(STEPS)])}
    gen.save(gen.OUT / "swav_steps.safetensors", tensors, script="tools/golden/make_swav.py",
             parameters="\n".join(names), input_seed=str(INPUT_SEED), **err)


if __name__ == "__main__":
    main()
