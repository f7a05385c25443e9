#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares data/labelled with the data sets of torchvision: names, order, classes and targets of the same folders.

    pip install torch==2.11.0 torchvision==0.26.0 scipy pycocotools
    python3 tools/parity/labelled.py --images DIR [--coco DIR]

DIR of --images holds a folder of JPEG files for each class, which are arranged as ImageNet, Places365, iNaturalist and VOC
publish theirs, with random labels where the layout has them in files; DIR of --coco holds annotations/instances_*2017.json.
Exits with 1 when anything differs.
"""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree

import numpy as np
import scipy.io
from torchvision import datasets
from torchvision.datasets import imagenet

random.seed(1)
failed = False


def ours(root, work, **options):
    out = work / "list.jsonl"
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
    subprocess.run([str(work / "parity"), f"--labelled={root}", f"--out={out}", *flags], check=True)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return lines[0], lines[1:]


def report(what, a, b):
    global failed
    different = sum(x != y for x, y in zip(a, b)) + abs(len(a) - len(b))
    failed |= different > 0 or not a
    print(f"{what}: {len(a)} compared, {different} differ")


def link(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def wnid(i):
    return f"n{(i * 7919 + 1440764) % 10**8:08d}"


def write_devkit(root, classes, labels, packed):
    """meta.mat as ILSVRC has it: leaves numbered in an order of their own, then the concepts above them."""
    names = [wnid(i) for i in range(classes)]
    random.shuffle(names)
    rows = [(i + 1, w, f"{w}, thing of {w}", "gloss – of it", 0, np.zeros((0,)), 0, 1300) for i, w in enumerate(names)]
    rows += [(classes + 1 + i, wnid(classes + i), "concept", "", 2, np.array([1, 2]), 3, 0) for i in range(classes)]
    kinds = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]
    table = np.array(rows, dtype=[(k, object) for k in kinds]).reshape(-1, 1)
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    scipy.io.savemat(data / "meta.mat", {"synsets": table}, do_compression=packed)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{x + 1}\n" for x in labels))
    return names


def compare_imagenet(images, work, packed):
    root, theirs = work / f"imagenet{packed}", work / f"torchvision{packed}"
    labels = [random.randrange(1000) for _ in images]
    names = write_devkit(root, 1000, labels, packed)
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as f:
        f.add(root / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    # torchvision's own parser, without the sums of the published archives
    imagenet._verify_archive = lambda *_: None
    theirs.mkdir()
    (theirs / "ILSVRC2012_devkit_t12.tar.gz").symlink_to(root / "ILSVRC2012_devkit_t12.tar.gz")
    imagenet.parse_devkit_archive(str(theirs))
    for i, (image, label) in enumerate(zip(images, labels)):
        link(image, root / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG")
        link(image, theirs / "val" / names[label] / f"ILSVRC2012_val_{i + 1:08d}.JPEG")
        link(image, root / "train" / names[label] / f"{names[label]}_{i}.JPEG")
    for w in names:  # ImageFolder wants no empty class
        (theirs / "val" / w).mkdir(exist_ok=True)
    set_ = datasets.ImageNet(str(theirs), "val", allow_empty=True)
    expected = sorted((pathlib.Path(p).name, c) for p, c in set_.samples)
    for flags in ({}, {"set_annotations": root / "ILSVRC2012_devkit_t12.tar.gz"}):
        classes, rows = ours(root, work, kind="imagenet", split="val", **flags)
        report(f"ImageNet devkit, classes, packed={packed}", classes, set_.wnids)
        report(f"ImageNet devkit, val, packed={packed}", [(r["Name"], r["Label"]) for r in rows], expected)
    classes, rows = ours(root, work, kind="imagenet")
    folder = datasets.ImageFolder(str(root / "train"))
    report("ImageNet train", [(r["Name"], r["Label"]) for r in rows],
           sorted((str(pathlib.Path(p).relative_to(root / "train")), c) for p, c in folder.samples))


def compare_places(images, work):
    root = work / "places"
    classes = sorted({f"/{p.parent.name[0]}/{p.parent.name}" for p in images})
    lines = []
    for i, p in enumerate(images):
        c = f"/{p.parent.name[0]}/{p.parent.name}"
        name = f"{c}/{i:08d}.jpg"
        link(p, root / "data_256_standard" / name[1:])
        lines.append(f"{name} {classes.index(c)}\n")
    random.shuffle(lines)
    (root / "places365_train_standard.txt").write_text("".join(lines))
    (root / "categories_places365.txt").write_text("".join(f"{c} {i}\n" for i, c in enumerate(classes)))
    datasets.Places365._check_integrity = lambda *_: True
    theirs = datasets.Places365(str(root), "train-standard", small=True)
    got, rows = ours(root, work)
    report("Places365, classes", got, theirs.classes)
    report("Places365, train", [(str(root / "data_256_standard" / r["Name"]), r["Label"]) for r in rows], theirs.imgs)


def compare_inaturalist(images, work):
    root = work / "inaturalist"
    folders = sorted({p.parent.name for p in images})
    records, annotations = [], []
    for i, p in enumerate(images):
        category = folders.index(p.parent.name)
        name = f"2018/{p.parent.name[:1]}/{category}/{i:08d}.jpg"
        link(p, root / name)
        records.append({"id": 3 * i, "file_name": name, "width": 1})
        annotations.append({"id": i, "image_id": 3 * i, "category_id": category})
    random.shuffle(annotations)
    categories = [{"id": i, "name": f, "supercategory": f[:1]} for i, f in enumerate(folders)]
    random.shuffle(categories)
    (root / "train2018.json").write_text(json.dumps({"images": records, "annotations": annotations, "categories": categories}))
    theirs = datasets.INaturalist(str(root), "2018")
    expected = {f"{theirs.all_categories[c]}/{f}": c for c, f in theirs.index}
    _, rows = ours(root, work)
    report("iNaturalist 2018", sorted((r["Name"].removeprefix("2018/"), r["Label"]) for r in rows), sorted(expected.items()))


VOC = "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor".split()

MAIN = {1: 1, 0: -1, -1: 0}


def compare_voc(images, work):
    root = work / "voc"
    base = root / "VOCdevkit" / "VOC2007"
    for d in ("Annotations", "ImageSets/Main"):
        (base / d).mkdir(parents=True)
    ids = [f"{i * 3 + 1:06d}" for i in range(len(images))]
    for id_, p in zip(ids, images):
        link(p, base / "JPEGImages" / f"{id_}.jpg")
        objects = "".join(
            f"<object><name>{random.choice(VOC)}</name><pose>Left</pose><difficult>{random.randrange(2)}</difficult>"
            f"<bndbox><xmin>1</xmin></bndbox><part><name>head</name></part></object>" for _ in range(random.randrange(5)))
        (base / "Annotations" / f"{id_}.xml").write_text(f"<annotation><filename>{id_}.jpg</filename>{objects}</annotation>")
    (base / "ImageSets" / "Main" / "trainval.txt").write_text("".join(f"{i}\n" for i in ids))
    theirs = datasets.VOCDetection(str(root), "2007", "trainval")
    expected = []
    for i in range(len(theirs)):
        target = theirs.parse_voc_xml(xml.etree.ElementTree.parse(theirs.annotations[i]).getroot())["annotation"]
        found = collections.defaultdict(list)
        for o in target.get("object", []):
            found[o["name"]].append(o["difficult"])
        expected.append((pathlib.Path(theirs.images[i]).name, [1 if "0" in found[c] else -1 if found[c] else 0 for c in VOC]))
    classes, rows = ours(root, work, split="trainval")
    report("VOC 2007, classes", classes, VOC)
    report("VOC 2007, annotations", [(r["Name"], r["Values"]) for r in rows], expected)
    for k, c in enumerate(VOC):
        # here -1 is not there and 0 is difficult
        text = "".join(f"{n[:-4]} {MAIN[v[k]]:2d}\n" for n, v in expected)
        (base / "ImageSets" / "Main" / f"{c}_trainval.txt").write_text(text)
    _, rows = ours(root, work, split="trainval")
    report("VOC 2007, files of classes", [(r["Name"], r["Values"]) for r in rows], expected)


def compare_coco(root, work):
    for split in ("train", "val"):
        theirs = datasets.CocoDetection(str(root / f"{split}2017"), str(root / "annotations" / f"instances_{split}2017.json"))
        ids = sorted(theirs.coco.getCatIds())
        expected = []
        for i in theirs.ids:
            there = {a["category_id"] for a in theirs._load_target(i)}
            expected.append((theirs.coco.loadImgs(i)[0]["file_name"], [int(c in there) for c in ids]))
        classes, rows = ours(root, work, split=split)
        report(f"COCO {split}, classes", classes, [c["name"] for c in theirs.coco.loadCats(ids)])
        report(f"COCO {split}", [(r["Name"], r["Values"]) for r in rows], expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--coco", type=pathlib.Path)
    args = parser.parse_args()
    images = sorted(p.resolve() for p in args.images.glob("*/*") if p.suffix.lower() in (".jpg", ".jpeg"))
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        subprocess.run(["go", "build", "-o", str(work / "parity"), "./tools/parity"], check=True)
        for packed in (False, True):
            compare_imagenet(images, work, packed)
        compare_places(images, work)
        compare_inaturalist(images, work)
        compare_voc(images, work)
        if args.coco:
            compare_coco(args.coco.resolve(), work)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
