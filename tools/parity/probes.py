#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the probes of eval/ with scikit-learn, NumPy and PyTorch on the same features, and prints a table.

    pip install -r tools/golden/requirements.txt
    bin/seer features --weights RUN --images train --out train.npy       # folders are classes; the same for the test images
    python3 tools/parity/probes.py --train train.npy --test test.npy

Both sides run on one thread; the times are processor seconds. SVMs and logistic regression take --images of the training
images, k-NN all. Exits with 1 when an accuracy or a mean average precision differs by more than 0.1 points.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

ROOT = pathlib.Path(__file__).resolve().parents[2]
POINTS = 0.1
KS = (10, 20, 100, 200)


def load(file, images=0):
    names = pathlib.Path(file).with_suffix(".txt").read_text().splitlines()
    _, labels = np.unique([n.rsplit("/", 1)[0] for n in names], return_inverse=True)
    x = np.load(file)
    if 0 < images < len(x):
        rows = np.arange(images) * len(x) // images
        x, labels = x[rows], labels[rows]
    return x, labels


def timed(f):
    start = time.process_time()
    result = f()
    return result, time.process_time() - start


def interpolated(labels, scores):
    """VISSL's average precision; scores without ties."""
    hits = np.cumsum(labels[np.argsort(-scores)])
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return np.sum(np.diff(hits / hits[-1], prepend=0) * precision)


def normalised(x):
    x = x.astype(np.float64)
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-5)


class Comparison:
    def __init__(self, options):
        self.o, self.rows, self.failed = options, [], False
        self.test, self.test_labels = load(options.test)
        self.train, self.labels = load(options.train, options.images)
        self.folder = pathlib.Path(tempfile.mkdtemp())

    def ours(self, probe, images):
        out = subprocess.run([self.o.probes, "--probe", probe, "--train", self.o.train, "--test", self.o.test, "--images", str(images),
                              "--decisions", str(self.folder / "decisions.npy")], check=True, capture_output=True, text=True)
        return json.loads(out.stdout)

    def row(self, what, ours, peer, percent=True, note=""):
        if percent:
            self.failed |= abs(ours - peer) * 100 > POINTS
            ours, peer = f"{100 * ours:.2f}", f"{100 * peer:.2f}"
        self.rows.append((what, ours, peer, note))
        print("|", " | ".join(map(str, self.rows[-1])), "|", flush=True)

    def knn(self):
        ours = self.ours("knn", 0)
        train, labels = load(self.o.train)
        unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (train, self.test)]
        neighbours = KNeighborsClassifier(max(KS), algorithm="brute").fit(unit[0], labels)
        _, seconds = timed(lambda: setattr(self, "near", neighbours.kneighbors(unit[1])[1]))
        for k in KS:
            counts = np.stack([(labels[self.near[:, :k]] == c).sum(1) for c in range(labels.max() + 1)], 1)
            self.row(f"k-NN, k = {k}, count", ours[f"uniform {k}"], (counts.argmax(1) == self.test_labels).mean(), note="scikit-learn")
        right, softmax = self.softmax(*unit, labels)
        for k in KS:
            self.row(f"k-NN, k = {k}, softmax", ours[f"softmax {k}"], right[k] / len(self.test), note="DINOv2's formula in PyTorch")
        self.row("k-NN, seconds", f"{ours['cpu_s'] / 3:.1f} (4 k)", f"{seconds:.1f}; {softmax:.1f} (4 k)", False, "scikit-learn (one k); PyTorch")

    def softmax(self, train, test, labels):
        start, right = time.process_time(), dict.fromkeys(KS, 0)
        train, labels = torch.from_numpy(train).T, torch.from_numpy(labels)
        for at in range(0, len(test), 256):
            best, index = (torch.from_numpy(test[at:at + 256]) @ train).topk(max(KS))
            hot = torch.nn.functional.one_hot(labels[index], 10) * torch.softmax(best / 0.07, 1)[..., None]
            for k in KS:
                right[k] += int((hot[:, :k].sum(1).argmax(1).numpy() == self.test_labels[at:at + 256]).sum())
        return right, time.process_time() - start

    def svc(self, cost):
        return LinearSVC(C=cost, class_weight={1: 2, -1: 1}, tol=1e-4, max_iter=2000, dual=True, random_state=0)

    def svm(self):
        ours = self.ours("svm", self.o.images)
        x, test, n = normalised(self.train), normalised(self.test), self.labels.max() + 1
        signs = [np.where(self.labels == c, 1, -1) for c in range(n)]
        scores, seconds = timed(lambda: np.stack([self.svc(1.0).fit(x, y).decision_function(test) for y in signs], 1))
        ap = np.mean([interpolated((self.test_labels == c).astype(int), scores[:, c]) for c in range(n)])
        self.row("SVM, C = 1, mAP", ours["mAP"], ap, note="scikit-learn")
        self.row("SVM, C = 1, top-1", ours["accuracy"], (scores.argmax(1) == self.test_labels).mean(), note="scikit-learn")
        difference = np.abs(scores - np.load(self.folder / "decisions.npy"))
        self.row("SVM, C = 1, decisions", f"{difference.max():.1e}", f"{scores.std():.2f}", False, "largest difference; their spread")
        self.row("SVM, C = 1, seconds", f"{ours['cpu_s']:.1f}", f"{seconds:.1f}", False, "scikit-learn")

    def svm_choice(self):
        costs = (0.01, 0.1, 1.0, 10.0)
        ours = self.ours("svm-choice", self.o.images)
        x, test = normalised(self.train), normalised(self.test)

        def chosen(c):
            y = np.where(self.labels == c, 1, -1)
            means = [cross_val_score(self.svc(cost), x, y, cv=3, scoring="average_precision").mean() for cost in costs]
            cost = costs[int(np.argmax(means))]
            return cost, means, interpolated((y_test == c).astype(int), self.svc(cost).fit(x, y).decision_function(test))

        y_test = self.test_labels
        all_, seconds = timed(lambda: [chosen(c) for c in range(self.labels.max() + 1)])
        same = sum(a == b[0] for a, b in zip(ours["costs"], all_))
        difference = np.abs(np.array(ours["cross-validation"]) - np.array([b[1] for b in all_])).max()
        self.row("SVM, cost by cross-validation, mAP", ours["mAP"], np.mean([b[2] for b in all_]), note="scikit-learn")
        self.row("SVM, the same cost chosen", f"{same} of {len(all_)} classes", f"{difference:.1e}", False, "largest difference of a validation AP")
        self.row("SVM, choice, seconds", f"{ours['cpu_s']:.1f}", f"{seconds:.1f}", False, "scikit-learn")

    def logistic(self):
        """Accuracies beside the minimum, which Newton's method finds; times beside L-BFGS, which may stop before it."""
        ours = self.ours("logistic", self.o.images)
        x, test, total = self.train.astype(np.float64), self.test.astype(np.float64), 0
        for i, c in enumerate(10.0 ** np.linspace(-6, 5, 45)[::11]):
            minimum = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(x, self.labels)
            fit = LogisticRegression(C=c, solver="lbfgs", tol=1e-12, max_iter=1000)
            _, seconds = timed(lambda: fit.fit(x, self.labels))
            total += seconds
            objectives = [ours[f"objective {i}"], self.objective(minimum, x, c), self.objective(fit, x, c)]
            self.row(f"logistic regression, C = {c:.1e}, top-1", ours[f"accuracy {i}"], minimum.score(test, self.test_labels),
                     note=f"scikit-learn, newton-cholesky; lbfgs {100 * fit.score(test, self.test_labels):.2f}")
            self.row(f"– objective less {min(objectives):.6f}", f"{objectives[0] - min(objectives):.0e}", f"{objectives[1] - min(objectives):.0e}",
                     False, f"lbfgs {objectives[2] - min(objectives):.0e}; iterations {ours[f'iterations {i}']}, lbfgs {fit.n_iter_[0]}")
        self.row("logistic regression, these 5 fits, seconds", f"{ours['cpu_s']:.1f}", f"{total:.1f}", False, "scikit-learn, lbfgs")

    def objective(self, fit, x, c):
        p = fit.predict_log_proba(x)
        return -p[np.arange(len(x)), self.labels].mean() + (fit.coef_ ** 2).sum() / (2 * c * len(x))

    def logistic_choice(self):
        ours = self.ours("logistic-choice", self.o.images)
        test = self.test.astype(np.float64)
        fit = LogisticRegression(C=ours["C"], solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(self.train.astype(np.float64), self.labels)
        self.row(f"logistic regression, C of 45 on a tenth ({ours['C']:.1e})", ours["accuracy"], fit.score(test, self.test_labels),
                 note="scikit-learn, newton-cholesky, with that C")
        self.row("logistic regression, all 46 fits, seconds", f"{ours['cpu_s']:.1f}", "", False, "")

    def rankme(self):
        ours = self.ours("rankme", 0)
        s, seconds = timed(lambda: np.linalg.svd(self.test.astype(np.float64), compute_uv=False))
        p = s / s.sum() + 1e-7
        self.row("RankMe of the test images", f"{ours['RankMe']:.6f}", f"{np.exp(-(p * np.log(p)).sum()):.6f}", False,
                 f"NumPy; seconds {ours['cpu_s']:.1f}, {seconds:.1f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--train", required=True, help=".npy of `seer features`, with its .txt")
    p.add_argument("--test", required=True)
    p.add_argument("--images", type=int, default=5000, help="training images of SVMs and logistic regression (default %(default)s)")
    p.add_argument("--only", default="knn,svm,svm_choice,logistic,logistic_choice,rankme")
    o = p.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        o.probes = str(pathlib.Path(folder) / "probes")
        subprocess.run(["go", "build", "-o", o.probes, "./tools/parity/probes"], cwd=ROOT, check=True)
        o.train, o.test = (str(pathlib.Path(f).resolve()) for f in (o.train, o.test))
        c = Comparison(o)
        print("| | seer | peer | the peer |\n|---|---|---|---|")
        for name in o.only.split(","):
            getattr(c, name)()
    sys.exit(int(c.failed))


if __name__ == "__main__":
    main()
