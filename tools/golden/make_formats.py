#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes data/formats/testdata/<format>.zip, small files of every kind that a format knows, and <format>.json, what
Pillow's Image.open(file).convert("RGB") makes of each.

    pip install pillow==13.0.0 numpy==2.4.6
    python3 tools/golden/make_formats.py [FORMAT...]

The files of FORMAT come from formats_FORMAT.py beside this script: its cases() yields (name, bytes) or (name, bytes,
extra). They are drawn and damaged by fixed rules, so that every run writes the same. extra is a dictionary:
    refused   a reason: seer refuses the file although Pillow reads it (a limit)
    reason    seer's reason for refusing what Pillow refuses
    expect    an RGB image: the right pixels where Pillow is not the judge

<format>.json maps a name to "w", "h" and "sha256" of the RGB bytes, with "upright" the same of exif_transpose where it
differs; or to "refused" with Pillow's message. A module with TOLERANCE > 0 (a lossy format whose decoders may round
differently) has the pixels themselves stored as NAME.rgb in the archive.
"""
import hashlib
import importlib
import io
import json
import pathlib
import sys
import warnings
import zipfile

from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parents[1] / "data/formats/testdata"


def describe(im):
    return {"w": im.width, "h": im.height, "sha256": hashlib.sha256(im.tobytes()).hexdigest()}


def judge(data):
    """Pillow's pixels, and those turned upright; or its refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            im = Image.open(io.BytesIO(data)).convert("RGB")
        except Exception as e:  # whatever it raises, it does not read the file
            return None, None, f"{type(e).__name__}: {e}"
        try:
            turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        except Exception:  # no EXIF that makes sense is no reason to lose an image
            turned = im
    return im, turned, None


def entry(data, extra):
    im, turned, error = judge(data)
    if "expect" in extra:
        im = turned = extra["expect"]
        error = None
    if "refused" in extra:
        assert error is None, f"Pillow refuses it, too: {error}"
        return {"refused": "here only", "reason": extra["refused"]}, None
    if error:
        out = {"refused": error.split(" at 0x")[0].split("<_io")[0]}
        if "reason" in extra:
            out["reason"] = extra["reason"]
        return out, None
    out = describe(im)
    if describe(turned) != out:
        out["upright"] = describe(turned)
    return out, im.tobytes()


def cases(name):
    module = importlib.import_module("formats_" + name)
    seen = set()
    for case in module.cases():
        case = (*case, {})[:3]
        assert case[0] not in seen, f"{name}: two cases are called {case[0]}"
        seen.add(case[0])
        yield case
    assert seen, f"formats_{name}.py has no cases"


def store(archive, name, data):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data, compresslevel=9)


def make(name):
    tolerance = getattr(importlib.import_module("formats_" + name), "TOLERANCE", 0)
    doc = {}
    OUT.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(OUT / f"{name}.zip", "w") as archive:
        for case, data, extra in cases(name):
            try:
                doc[case], pixels = entry(data, extra)
            except AssertionError as e:
                sys.exit(f"{name}: {case}: {e}")
            store(archive, case, data)
            if tolerance and pixels:
                doc[case]["tolerance"] = tolerance
                store(archive, case + ".rgb", pixels)
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(doc.items()))
    (OUT / f"{name}.json").write_text("{\n%s\n}\n" % lines)
    refused = sum("refused" in v for v in doc.values())
    print(f"{name}: {len(doc)} files, {refused} of them refused, {(OUT / f'{name}.zip').stat().st_size} bytes")


def main():
    sys.path.insert(0, str(HERE))
    names = sys.argv[1:] or sorted(p.stem.removeprefix("formats_") for p in HERE.glob("formats_*.py"))
    for name in names:
        make(name)


if __name__ == "__main__":
    main()
