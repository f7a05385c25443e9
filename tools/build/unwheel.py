# SPDX-License-Identifier: MIT
"""Unpack chosen files of a wheel: unwheel.py WHEEL TARGET 'GLOB=>FOLDER'...

Python is needed for pip anyway, so this asks for no unzip. A pattern that matches nothing is an
error: a wheel laid out differently must not give a libtorch that lacks a library.
"""

import fnmatch
import os
import shutil
import sys
import zipfile


def fixed_prefix(glob: str) -> str:
    """Folder part of GLOB before its first wildcard; what follows it is kept."""
    head = glob
    for i, char in enumerate(glob):
        if char in "*?[":
            head = glob[:i]
            break
    return head[: head.rfind("/") + 1]


def extract(wheel: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wheel.open(info) as src, open(path, "wb") as dst:
        shutil.copyfileobj(src, dst, 1 << 20)


def main() -> None:
    wheel_path, target, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
    with zipfile.ZipFile(wheel_path) as wheel:
        files = [info for info in wheel.infolist() if not info.is_dir()]
        for pattern in patterns:
            glob, folder = pattern.split("=>")
            prefix = fixed_prefix(glob)
            # fnmatch's * also crosses folders, so ** and * mean the same here.
            matched = [f for f in files if fnmatch.fnmatchcase(f.filename, glob)]
            if not matched:
                sys.exit(f"{wheel_path}: no file matches {glob}")
            for info in matched:
                extract(wheel, info, os.path.join(target, folder, info.filename[len(prefix):]))


if __name__ == "__main__":
    main()
