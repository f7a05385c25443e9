# SPDX-License-Identifier: MIT
"""Golden RegNetY: logits, every gradient and the running statistics, from torchvision.

    python tools/golden/make_regnet.py               (environment: tools/golden/requirements.txt)
    python tools/golden/make_regnet.py --seeds 700   searches the seeds of INPUT_SEED, five minutes

Writes testdata/golden/regnet_y_{400mf,1_6gf}.safetensors. Weights come from gen.load by
torchvision's names (fc of 1000 classes included). The reference runs in float64 on the CPU; a
float32 run of the same program says how far rounding alone goes (metadata fp32_*).

Keys, P parameters and B floating-point buffers in the order of the metadata lists of those names:
    logits_eval, logits_eval_odd, logits_train [2,1000]; loss_eval, loss_train [1]
    grad_{eval,train}_{norm,sum,maxabs} [P], grad_{eval,train}_samples [P,16] (gen.sample)
    buffer_samples [B,16]: running statistics after the one training-mode forward pass
"""
import argparse

import torch
import torchvision

import gen

ARCHS = ("regnet_y_400mf", "regnet_y_1_6gf")
BATCH, SIZE, ODD = 2, (33, 33), (50, 70)
CLASSES = 1000
# A million activations nearly always hold one whose ReLU some machine's rounding can flip. Of 700 seeds of "input" these
# have the largest gen.kink_margin: 22 for 400MF, 8.7 for 1.6GF, in both modes. 33 pixels leave 2 x 2 positions to the
# last stage, enough for batch statistics, and few activations.
INPUT_SEED = {"regnet_y_400mf": 84, "regnet_y_1_6gf": 598}


def run(arch, dtype):
    """All references of one model in one precision. Evaluation first: training moves the statistics."""
    model = gen.load(torchvision.models.get_model(arch, num_classes=CLASSES)).to(dtype)
    x = torch.from_numpy(gen.tensor("input", (BATCH, 3, *SIZE), seed=INPUT_SEED[arch])).to(dtype)
    odd = torch.from_numpy(gen.tensor("input.odd", (BATCH, 3, *ODD))).to(dtype)
    cotangent = torch.from_numpy(gen.tensor("cotangent", (BATCH, CLASSES))).to(dtype)
    out = {}
    model.eval()
    with torch.no_grad():
        out["logits_eval"], out["logits_eval_odd"] = model(x), model(odd)
    # Gradients in evaluation mode too: they isolate the blocks from batch statistics.
    for mode in ("eval", "train"):
        model.train(mode == "train")
        model.zero_grad(set_to_none=True)
        logits = model(x)
        loss = (logits * cotangent).sum() / BATCH
        loss.backward()
        out[f"loss_{mode}"] = loss.reshape(1)
        out[f"grads_{mode}"] = {k: p.grad.clone() for k, p in model.named_parameters()}
    out["logits_train"] = logits
    out["buffers"] = {k: b.clone() for k, b in model.named_buffers() if b.is_floating_point()}
    return out


def pack(ref):
    """Gradients as one row a parameter: norm, sum, max |.| and 16 values; 4 M numbers become 100 kB."""
    t = {k: v for k, v in ref.items() if torch.is_tensor(v)}
    for mode in ("eval", "train"):
        grads = ref[f"grads_{mode}"].values()
        t[f"grad_{mode}_norm"] = torch.stack([g.norm() for g in grads])
        t[f"grad_{mode}_sum"] = torch.stack([g.sum() for g in grads])
        t[f"grad_{mode}_maxabs"] = torch.stack([g.abs().max() for g in grads])
        t[f"grad_{mode}_samples"] = torch.stack([gen.sample(g) for g in grads])
    t["buffer_samples"] = torch.stack([gen.sample(b) for b in ref["buffers"].values()])
    return {k: v.float() for k, v in t.items()}


def rounding(low, high):
    """What float32 alone loses, by kind: the bound a tolerance has to clear."""
    err = {k: gen.relative(low[k], high[k]) for k in high if torch.is_tensor(high[k])}
    for mode in ("eval", "train"):
        lo, hi = low[f"grads_{mode}"], high[f"grads_{mode}"]
        err[f"grads_{mode}"] = max(gen.relative(lo[k], hi[k]) for k in hi)
    err["buffers"] = max(gen.relative(low["buffers"][k], high["buffers"][k]) for k in high["buffers"])
    return {f"fp32_{k}": f"{v:.2e}" for k, v in err.items()}


def margin(models, states, stores, seed):
    """gen.kink_margin of one seed, over both modes."""
    x = torch.from_numpy(gen.tensor("input", (BATCH, 3, *SIZE), seed=seed))
    margins = []
    for mode in ("eval", "train"):
        for model, state, store in zip(models, states, stores):
            store.clear()
            model.load_state_dict(state)
            model.train(mode == "train")(x.to(next(model.parameters()).dtype))
        margins.append(gen.kink_margin(*stores))
    return min(margins)


@torch.no_grad()
def search_seeds(arch, seeds):
    """Print the seeds whose ReLUs are the furthest from their kink."""
    models = [gen.load(torchvision.models.get_model(arch, num_classes=CLASSES)).to(d) for d in (torch.float, torch.double)]
    states = [{k: v.clone() for k, v in model.state_dict().items()} for model in models]
    stores = [], []
    for model, store in zip(models, stores):
        gen.record_relu_inputs(model, store)
    found = sorted(((margin(models, states, stores, seed), seed) for seed in range(seeds)), reverse=True)
    print(arch, "  ".join(f"seed {seed}: {value:.1f}" for value, seed in found[:5]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="search the best of so many input seeds instead of writing files")
    seeds = parser.parse_args().seeds
    for arch in ARCHS:
        if seeds:
            search_seeds(arch, seeds)
            continue
        high, low = run(arch, torch.float64), run(arch, torch.float32)
        worst = rounding(low, high)
        print(arch, worst)
        gen.save(
            gen.OUT / f"{arch}.safetensors", pack(high),
            script="tools/golden/make_regnet.py", arch=arch, loss="sum(logits * cotangent) / batch",
            input_seed=str(INPUT_SEED[arch]),
            inputs="input [2,3,33,33] with input_seed; input.odd [2,3,50,70] and cotangent [2,1000] with seed; factor 1",
            parameters="\n".join(high["grads_train"]), buffers="\n".join(high["buffers"]), **worst)


if __name__ == "__main__":
    main()
