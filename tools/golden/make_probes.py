# SPDX-License-Identifier: MIT
"""What scikit-learn, torchmetrics and NumPy say of features and labels: references of eval/metrics, svm, logistic, knn
and rankme.

    python tools/golden/make_probes.py                (environment: tools/golden/requirements.txt)

Inputs come from the generator (gen.py): features are cloud(name, n, width, classes, spread), labels of several classes
presence(name, n, classes). Optimisers run to 1e-10 and beyond (LIBLINEAR by its Newton method for the primal, which gets
there in moments), so that the files hold optima and not where a solver happened to stop. Writes testdata/golden/probes.json; null is a value that does not exist.
"""
import json
import math
import platform
import warnings

import numpy as np
import sklearn
import torch
import torchmetrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

import gen


def cloud(name, n, width, classes, spread):
    """float32 [n,width] around one centre a class, and the labels i mod classes."""
    labels = np.arange(n) % classes
    centres = gen.tensor(name + ".centres", (classes, width))
    return centres[labels] + gen.tensor(name + ".noise", (n, width), spread), labels


def presence(name, n, classes):
    """int [n,classes]: 1 for values over 0.4, -1 (ignored) under -0.8, else 0."""
    v = gen.tensor(name, (n, classes))
    return np.where(v > 0.4, 1, np.where(v < -0.8, -1, 0))


def unit(x):
    x = x.astype(np.float64)
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-5)


def interpolated(labels, scores):
    """The area under the precision that is the best of its recall or a larger one; scores without ties."""
    hits = np.cumsum(labels[np.argsort(-scores)])
    if hits[-1] == 0:
        return math.nan
    recall = hits / hits[-1]
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def metrics():
    n, classes = 90, 6
    scores, labels = gen.tensor("metrics.scores", (n, classes)), presence("metrics.labels", n, classes)
    labels[:, 5] = np.where(labels[:, 5] == 1, 0, labels[:, 5])  # a class without positives
    coarse = np.round(scores * 4) / 4  # ties
    kept = [labels[:, c] != -1 for c in range(classes)]

    def each(f, values):
        return [f(labels[k, c], values[k, c].astype(np.float64)) for c, k in enumerate(kept)]

    def lightning(values, average):
        m = torchmetrics.classification.MultilabelAveragePrecision(classes, average=average, ignore_index=-1)
        # Values outside [0,1] would pass a sigmoid, which in float32 makes ties: this scaling is exact.
        return m(torch.from_numpy((values + 1) / 2), torch.from_numpy(labels)).tolist()

    truth = np.arange(n) % 5  # class 5 has no image
    def top(k, average):
        m = torchmetrics.classification.MulticlassAccuracy(classes, top_k=k, average=average)
        return m(torch.from_numpy(scores), torch.from_numpy(truth)).tolist()

    return {
        "interpolated": each(interpolated, scores),
        "stepwise": each(average_precision_score, scores), "stepwise_ties": each(average_precision_score, coarse),
        "torchmetrics": lightning(scores, "none"), "torchmetrics_ties": lightning(coarse, "none"),
        "torchmetrics_macro": lightning(scores, "macro"),
        "top1": top(1, "micro"), "top3": top(3, "micro"), "recall3": top(3, "none"), "macro3": top(3, "macro"),
    }


def svm():
    train, _ = cloud("svm", 150, 12, 5, 2.0)
    test, _ = cloud("svm.test", 40, 12, 5, 2.0)
    x, y = unit(train), np.where(presence("svm.labels", 150, 3) == 1, 1, -1)
    y[:, 0] = np.where(np.arange(150) % 5 == 0, 1, -1)
    fits, folds, scores = [], [], []
    for cost in (0.01, 1.0, 100.0):
        for scaling in (1.0, 3.0):
            for c in range(3):
                f = LinearSVC(C=cost, class_weight={1: 2, -1: 1}, intercept_scaling=scaling, tol=1e-12, max_iter=10**5,
                              dual=False).fit(x, y[:, c])
                fits.append({"cost": cost, "scaling": scaling, "class": c, "weights": f.coef_[0].tolist(),
                             "intercept": float(f.intercept_[0]), "decisions": f.decision_function(unit(test)).tolist()})
    for c in range(3):
        fold = np.zeros(150, int)
        for i, (_, held) in enumerate(StratifiedKFold(3).split(x, y[:, c])):
            fold[held] = i
        folds.append(fold.tolist())
        scores.append([float(cross_val_score(
            LinearSVC(C=cost, class_weight={1: 2, -1: 1}, tol=1e-12, max_iter=10**5, dual=False),
            x, y[:, c], cv=3, scoring="average_precision").mean()) for cost in (0.01, 1.0, 100.0)])
    return {"fits": fits, "folds": folds, "cross_validation": scores}


def logistic():
    x, y = cloud("logistic", 240, 9, 5, 3.0)
    x = x.astype(np.float64) + 2  # a mean far from 0, as features after a ReLU have
    fits = []
    for c in (1e-4, 1e-1, 1.0, 1e3):
        f = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x, y)
        p = f.predict_proba(x)
        loss = -np.log(p[np.arange(len(y)), y]).mean() + (f.coef_ ** 2).sum() / (2 * c * len(y))
        fits.append({"c": c, "weights": f.coef_.tolist(), "intercepts": f.intercept_.tolist(), "objective": float(loss)})
    two = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x, y % 2)
    return {"fits": fits, "two_classes": two.predict_proba(x)[:, 1].tolist()}


def knn():
    (bank, labels), (query, _) = cloud("knn", 300, 8, 6, 2.5), cloud("knn.test", 50, 8, 6, 2.5)
    ks = [1, 5, 20, 100]
    unit_bank, unit_query = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (bank.astype(np.float64), query.astype(np.float64)))
    uniform = [KNeighborsClassifier(k).fit(unit_bank, labels).predict_proba(unit_query).tolist() for k in ks]

    def vote(b, q, temperature):
        """Weights exp(s/T) over all of the largest k (DINOv2's softmax), summed over the first k."""
        sim = torch.from_numpy(q @ b.T)
        best, at = sim.topk(max(ks))
        weights = torch.softmax(best / temperature, 1)
        hot = torch.nn.functional.one_hot(torch.from_numpy(labels)[at], 6) * weights[..., None]
        return [hot[:, :k].sum(1).tolist() for k in ks]

    return {"ks": ks, "uniform": uniform, "softmax": vote(unit_bank, unit_query, 0.07),
            "inner_product": vote(bank.astype(np.float64), query.astype(np.float64), 0.5)}


def rankme():
    def figure(x):
        s = np.linalg.svd(x.astype(np.float64), compute_uv=False)
        p = s / s.sum() + 1e-7
        return float(np.exp(-(p * np.log(p)).sum()))

    cases = {}
    for name, n, width in (("tall", 60, 12), ("wide", 9, 40)):
        cases[name] = figure(gen.tensor("rankme." + name, (n, width)))
    low = gen.tensor("rankme.left", (50, 3)).astype(np.float64) @ gen.tensor("rankme.right", (3, 20)).astype(np.float64)
    cases["low"] = figure(low.astype(np.float32))
    return cases


def plain(v):
    """NaN and infinities are not JSON."""
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    return None if isinstance(v, float) and not math.isfinite(v) else v


def main():
    warnings.simplefilter("ignore")
    made = {"script": "tools/golden/make_probes.py", "python": platform.python_version(), "numpy": np.__version__,
            "scikit-learn": sklearn.__version__, "torchmetrics": torchmetrics.__version__, "torch": torch.__version__}
    out = {"made": made, "metrics": metrics(), "svm": svm(), "logistic": logistic(), "knn": knn(), "rankme": rankme()}
    path = gen.OUT / "probes.json"
    path.write_text(json.dumps(plain(out), separators=(",", ":"), sort_keys=True) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
