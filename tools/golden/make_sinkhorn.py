# SPDX-License-Identifier: MIT
"""Golden Sinkhorn-Knopp assignments: the iteration of SwAV (arXiv 2006.09882, appendix A.1).

    python tools/golden/make_sinkhorn.py        (environment: tools/golden/requirements.txt)

Writes testdata/golden/sinkhorn.safetensors: per case "<case>.scores" [N,K] and "<case>.q" [N,K],
where <case> = n{N}_k{K}_eps{eps}_it{iterations}. Computed in float64 in the paper's order of
operations, stored as float32; rows of q sum to one. fp32_max_abs in the metadata is what plain float32 loses.
"""
import torch

import gen

SHAPES = ((12, 16), (64, 40), (33, 24))
EPSILONS = (0.05, 0.03)
ITERATIONS = (1, 3, 10)


def sinkhorn(scores, epsilon, iterations, shift=False):
    """Scores [N,K] to assignments [N,K], one process. shift subtracts the maximum before dividing
    by epsilon: the same function on paper, and safe in float32."""
    if shift:
        scores = scores - scores.max()
    q = torch.exp(scores / epsilon).t()  # K x N, as in the paper
    k, n = q.shape
    q = q / q.sum()
    for _ in range(iterations):
        q = q / q.sum(dim=1, keepdim=True) / k  # total weight of a prototype: 1/K
        q = q / q.sum(dim=0, keepdim=True) / n  # total weight of a sample: 1/N
    return (q * n).t()


def scores(n, k):
    """Cosines of unit vectors in 8 dimensions: the range of real scores, with some close to one."""
    unit = [torch.nn.functional.normalize(torch.from_numpy(gen.tensor(f"sinkhorn.{side}", (rows, 8))).double(), dim=1)
            for side, rows in (("z", n), ("c", k))]
    return (unit[0] @ unit[1].t()).float()


def main():
    tensors, plain, shifted = {}, 0.0, 0.0
    for n, k in SHAPES:
        s = scores(n, k)
        for eps in EPSILONS:
            for it in ITERATIONS:
                case = f"n{n}_k{k}_eps{eps}_it{it}"
                q = sinkhorn(s.double(), eps, it)
                plain = max(plain, float((sinkhorn(s, eps, it) - q).abs().max()))
                shifted = max(shifted, float((sinkhorn(s, eps, it, shift=True) - q).abs().max()))
                tensors[f"{case}.scores"], tensors[f"{case}.q"] = s.clone(), q.float()
    print(f"float32: plain {plain:.1e}, shifted {shifted:.1e}")
    gen.save(gen.OUT / "sinkhorn.safetensors", tensors, script="tools/golden/make_sinkhorn.py",
             fp32_max_abs=f"{plain:.2e}", fp32_shifted_max_abs=f"{shifted:.2e}")


if __name__ == "__main__":
    main()
