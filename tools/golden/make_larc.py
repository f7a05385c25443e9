# SPDX-License-Identifier: MIT
"""Golden LARC and LARS steps.

    python tools/golden/make_larc.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/larc.safetensors: for every parameter <p> of PARAMETERS
    <p>.init  <p>.grad0  <p>.grad1          start and the two steps' gradients
    larc.<p>.step1 / .step2                 parameter after each step; larc.<p>.momentum2 the buffer after the second
    lars.<p>.step1 / .step2 / .momentum2    the same with LARS
LARC is apex.parallel.LARC without clipping around torch.optim.SGD: a parameter of zero norm, or
with a zero gradient, keeps its gradient as it is and gets no weight decay. LARS is the stand-alone
optimizer of VISSL (after Barlow Twins), vectors excluded from decay and adaptation.
Float64, stored as float32.
"""
import torch

import gen

LR, MOMENTUM, DECAY = (0.6, 0.45), 0.9, 1e-2  # a decay large enough to be seen at 1e-6
LARC_TRUST, LARC_EPS, LARS_TRUST = 0.001, 1e-8, 0.001

# name -> shape, factor of the start, factors of the two gradients. What each one catches:
PARAMETERS = {
    "conv.weight": ((8, 4, 3, 3), 0.3, (1e-2, 2e-2)),
    "linear.weight": ((10, 16), 0.2, (1e-3, 1e-3)),
    "bn.weight": ((16,), 1.0, (1e-1, 1e-2)),
    "bn.bias": ((16,), 0.0, (1e-1, 5e-2)),  # zero norm in the first step, not in the second
    "dead.weight": ((6, 6), 0.5, (0.0, 0.0)),  # zero gradient: momentum only, no decay
    "late.weight": ((6, 6), 0.5, (0.0, 1e-3)),  # zero, then not
    "tiny.weight": ((5,), 1e-6, (1e-9, 1e-9)),  # where the epsilon of LARC decides
    "scalar": ((1,), 0.7, (1e-2, 1e-2)),
}
NONE_FIRST = "frozen.weight"  # no gradient at all in the first step: no momentum buffer is made
PARAMETERS[NONE_FIRST] = ((4, 8), 0.4, (None, 1e-2))


def start(dtype):
    return {n: torch.from_numpy(gen.tensor(f"larc.{n}", shape, f)).to(dtype) for n, (shape, f, _) in PARAMETERS.items()}


def gradient(name, step, dtype):
    shape, _, factors = PARAMETERS[name]
    f = factors[step]
    return None if f is None else torch.from_numpy(gen.tensor(f"larc.{name}.grad{step}", shape, f)).to(dtype)


def larc_gradient(p, g):
    """What LARC hands to SGD in the gradient's place."""
    pn, gn = p.norm(), g.norm()
    if pn == 0 or gn == 0:
        return g
    return (g + DECAY * p) * (LARC_TRUST * pn / (gn + pn * DECAY + LARC_EPS))


def run_larc(dtype):
    params = {n: torch.nn.Parameter(v) for n, v in start(dtype).items()}
    opt = torch.optim.SGD(params.values(), lr=LR[0], momentum=MOMENTUM, weight_decay=0)
    out = {}
    for step, lr in enumerate(LR):
        opt.param_groups[0]["lr"] = lr
        for n, p in params.items():
            g = gradient(n, step, dtype)
            p.grad = None if g is None else larc_gradient(p.detach(), g)
        opt.step()
        out |= {f"larc.{n}.step{step + 1}": p.detach().clone() for n, p in params.items()}
    out |= {f"larc.{n}.momentum2": opt.state[p]["momentum_buffer"].clone() for n, p in params.items()}
    return out


def run_lars(dtype):
    """d = g + wd p, scaled by trust |p| / |d| unless either is zero; then momentum. 1-d: d = g."""
    params, buf, out = start(dtype), {}, {}
    for step, lr in enumerate(LR):
        for n, p in params.items():
            d = gradient(n, step, dtype)
            if d is None:
                continue
            if p.ndim > 1:
                d = d + DECAY * p
                pn, dn = p.norm(), d.norm()
                if pn > 0 and dn > 0:
                    d = d * (LARS_TRUST * pn / dn)
            buf[n] = buf.get(n, torch.zeros_like(p)) * MOMENTUM + d
            params[n] = p - lr * buf[n]
        out |= {f"lars.{n}.step{step + 1}": p for n, p in params.items()}
    return out | {f"lars.{n}.momentum2": b for n, b in buf.items()}


def main():
    high, low = run_larc(torch.float64) | run_lars(torch.float64), run_larc(torch.float32) | run_lars(torch.float32)
    worst = max(gen.relative(low[k], high[k]) for k in high)
    print(f"float32 loses {worst:.1e}")
    tensors = {k: v.float() for k, v in high.items()} | {f"{n}.init": v for n, v in start(torch.float32).items()}
    for n in PARAMETERS:
        tensors |= {f"{n}.grad{s}": g for s in (0, 1) if (g := gradient(n, s, torch.float32)) is not None}
    gen.save(gen.OUT / "larc.safetensors", tensors, script="tools/golden/make_larc.py", fp32_max_rel=f"{worst:.2e}",
             parameters="\n".join(PARAMETERS), lr=list(LR), momentum=str(MOMENTUM), weight_decay=str(DECAY),
             larc_trust=str(LARC_TRUST), larc_eps=str(LARC_EPS), lars_trust=str(LARS_TRUST))


if __name__ == "__main__":
    main()
