# SPDX-License-Identifier: MIT
"""How far two files of weights are apart: compare.py A.safetensors B.safetensors. Prints the largest difference of a value."""
import json
import struct
import sys

SIZES = {"F32": ("f", 4), "F64": ("d", 8), "I64": ("q", 8)}


def tensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    n = int.from_bytes(raw[:8], "little")
    for name, t in json.loads(raw[8 : 8 + n]).items():
        if name != "__metadata__":
            yield name, t["dtype"], raw[8 + n + t["data_offsets"][0] : 8 + n + t["data_offsets"][1]]


def main():
    a, b = (sorted(tensors(path)) for path in sys.argv[1:3])
    if [t[:2] for t in a] != [t[:2] for t in b]:
        sys.exit("the files have other tensors")
    worst = 0.0
    for (_, dtype, x), (_, _, y) in zip(a, b):
        if x != y:
            kind, size = SIZES[dtype]
            form = f"<{len(x) // size}{kind}"
            worst = max(worst, max(abs(u - v) for u, v in zip(struct.unpack(form, x), struct.unpack(form, y))))
    print(f"{worst:.3g}")


if __name__ == "__main__":
    main()
