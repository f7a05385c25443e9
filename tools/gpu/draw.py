# SPDX-License-Identifier: MIT
"""Draw images to train on: draw.py FOLDER COUNT. Coloured noise of 96 pixels, the same each time."""
import pathlib
import random
import sys
import zlib


def png(width, height, rows):
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    for i in range(count):
        colour = [rng.randrange(256) for _ in range(3)]
        rows = [bytes((c + rng.randrange(64)) % 256 for _ in range(96) for c in colour) for _ in range(96)]
        (folder / f"{i:04}.png").write_bytes(png(96, 96, rows))


if __name__ == "__main__":
    main()
