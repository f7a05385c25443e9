# SPDX-License-Identifier: MIT
"""BMP files of every header, depth and compression, written by hand: Pillow writes few of them."""
import io
import random
import struct

import numpy as np
from PIL import Image

W, H = 13, 9


def drawn(w=W, h=H):
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x * 19, y * 28, (x * y * 5) % 256], -1).astype(np.uint8)


def header(size, w, h, bits, compression=0, data=0, colours=0, masks=(), planes=1):
    if size == 12:
        return struct.pack("<IHHHH", 12, w & 0xFFFF, h & 0xFFFF, planes, bits)
    head = struct.pack("<IiiHHIIiiII", size, w, h, planes, bits, compression, data, 2835, 2835, colours, 0)
    return head + struct.pack(f"<{len(masks)}I", *masks) + bytes(max(0, size - 40 - 4 * len(masks)))


def bmp(head, pixels, palette=b"", gap=b"", offset=None):
    at = 14 + len(head) + len(palette) + len(gap) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head + palette + gap + pixels


def rows(values, bits, flip=True):
    """Packed rows, padded to four bytes; values: one number a pixel, or three or four bytes."""
    out = []
    for row in values[::-1] if flip else values:
        if bits < 8:
            b = np.zeros(-(-len(row) * bits // 8), np.uint8)
            for i, v in enumerate(row):
                b[i * bits // 8] |= (int(v) & ((1 << bits) - 1)) << (8 - bits - i * bits % 8)
            b = b.tobytes()
        else:
            b = np.ascontiguousarray(row).tobytes()
        out.append(b + bytes(-len(b) % 4))
    return b"".join(out)


def palette(n, padding=4, grey=False):
    return b"".join(bytes([i * 255 // max(n - 1, 1)] * 3 if grey else [i * k % 256 for k in (7, 5, 3)]) +
                    bytes(padding - 3) for i in range(n))


def indices(n):
    y, x = np.mgrid[0:H, 0:W]
    return ((x + y * 3) % n).astype(np.uint8)


SIZES = [12, 40, 52, 56, 64, 108, 124]


def plain():
    a = drawn()
    bgr = a[:, :, ::-1]
    x32 = np.dstack([bgr, (a[:, :, :1] // 3)])
    five = (a >> 3).astype("<u2")
    r555 = five[:, :, 0] << 10 | five[:, :, 1] << 5 | five[:, :, 2]
    for size in SIZES:
        yield f"{size}-24", bmp(header(size, W, H, 24), rows(bgr, 24))
        yield f"{size}-32", bmp(header(size, W, H, 32), rows(x32, 32))
        yield f"{size}-16", bmp(header(size, W, H, 16), rows(r555, 16))
        for bits in (1, 4, 8):
            n, pad = 1 << bits, 3 if size == 12 else 4
            yield f"{size}-{bits}", bmp(header(size, W, H, bits), rows(indices(n), bits), palette(n, pad))
            yield f"{size}-{bits}-grey", bmp(header(size, W, H, bits), rows(indices(n), bits), palette(n, pad, grey=True))
    for size in (40, 124):
        yield f"{size}-24-top-down", bmp(header(size, W, -H, 24), rows(bgr, 24, flip=False))
        yield f"{size}-8-top-down", bmp(header(size, W, -H, 8), rows(indices(256), 8, flip=False), palette(256))
        yield f"{size}-32-top-down", bmp(header(size, W, -H, 32), rows(x32, 32, flip=False))


def masked():
    """Bit fields: those that Pillow knows, with and without alpha, and some that it refuses."""
    a = np.dstack([drawn(), np.full((H, W), 200, np.uint8)])
    raw = rows(a, 32)
    fields = [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
              (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
              (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0),
              (0x3FF, 0xFFC00, 0x3FF00000, 0), (0xFF, 0xFF00, 0xFF0000, 0)]
    for size in (40, 52, 56, 64, 108, 124):
        for i, m in enumerate(fields):
            head = header(size, W, H, 32, 3, masks=m) if size > 52 else header(size, W, H, 32, 3, masks=m[:3])
            yield f"{size}-32-masks{i}", bmp(head, raw)
    two = rows((np.mgrid[0:H, 0:W][1] * 4999 + np.mgrid[0:H, 0:W][0] * 611).astype("<u2"), 16)
    for i, m in enumerate([(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF), (0x1F, 0x7E0, 0xF800)]):
        for size in (40, 52, 56, 108, 124):
            yield f"{size}-16-masks{i}", bmp(header(size, W, H, 16, 3, masks=m), two)
    yield "40-24-masks", bmp(header(40, W, H, 24, 3, masks=(0xFF0000, 0xFF00, 0xFF)), rows(drawn(), 24))
    yield "40-24-masks-rgb", bmp(header(40, W, H, 24, 3, masks=(0xFF, 0xFF00, 0xFF0000)), rows(drawn(), 24))
    yield "40-8-masks", bmp(header(40, W, H, 8, 3, masks=(0xFF0000, 0xFF00, 0xFF)), rows(indices(256), 8), palette(256))


def rle(values, four, rng):
    """Runs, literals, and now and then a needless end of line."""
    out = bytearray()
    for row in values[::-1]:
        x = 0
        while x < len(row):
            n = min(rng.randrange(1, 7), len(row) - x)
            part = [int(v) for v in row[x:x + n]]
            if n >= 3 and rng.random() < 0.5:
                out += bytes([0, n])
                packed = bytes((part[i] << 4 | (part[i + 1] if i + 1 < n else 0)) if four else part[i]
                               for i in range(0, n, 2 if four else 1))
                out += packed + bytes(len(packed) % 2)
                x += n
            else:
                run = 1
                while x + run < len(row) and row[x + run] == row[x] and run < 255:
                    run += 1
                out += bytes([run, part[0] << 4 | part[0] if four else part[0]])
                x += run
        out += b"\0\0"
    return bytes(out) + b"\0\1"


def runs():
    rng = random.Random(7)
    y, x = np.mgrid[0:H, 0:W]
    for bits, code in ((8, 1), (4, 2)):
        v = ((x // 3 + y) % 16).astype(np.uint8)
        data, four, pal = rle(v, bits == 4, rng), bits == 4, palette(1 << bits)
        head = header(40, W, H, bits, code, len(data))
        name = f"rle{bits}"
        yield name, bmp(head, data, pal)
        yield name + "-grey", bmp(head, data, palette(1 << bits, grey=True))
        yield name + "-top-down", bmp(header(40, W, -H, bits, code, len(data)), data, pal)
        yield name + "-os2", bmp(header(64, W, H, bits, code, len(data)), data, pal)
        yield name + "-no-end", bmp(head, data[:-2], pal)
        yield name + "-cut", bmp(head, data[:len(data) * 2 // 3], pal)
        yield name + "-cut-odd", bmp(head, data[:len(data) * 2 // 3 + 1], pal)
        yield name + "-odd-start", bmp(head, data, pal, gap=b"\0")
        yield name + "-trailing", bmp(head, data + b"\5\5\5", pal)
        yield name + "-empty", bmp(head, b"\0\1", pal)
        yield name + "-long-runs", bmp(head, bytes([200, 0x21] * H) + b"\0\1", pal)
        yield name + "-long-literal", bmp(head, bytes([0, 20] + [0x12] * 20) * H + b"\0\1", pal)
        full = bytes(v for _ in range(H) for v in (W, 0x35, 0, 0))
        yield name + "-full-no-end", bmp(head, full, pal)
        for i, jump in enumerate(((3, 2), (0, 0), (0, 1), (20, 0), (200, 200), (1, 8))):
            move = bytes([4, 0x11, 0, 2, *jump, 5, 0x22, 0, 0, W, 0x33, 0, 0])
            yield f"{name}-jump{i}", bmp(head, move + full[:16] + b"\0\1", pal)
            yield f"{name}-jump{i}-full", bmp(head, move + full, pal)
        yield name + "-jump-cut", bmp(head, bytes([4, 0x11, 0, 2, 1]), pal)
        for i in range(12):
            noise = bytes(rng.choice([0, 0, 1, 2, 3, 4, 7, 13, 0x25]) for _ in range(90))
            yield f"{name}-noise{i}", bmp(head, noise, pal)
            yield f"{name}-noise{i}-full", bmp(head, noise + full + full, pal)
        yield name + "-24", bmp(header(40, W, H, 24, code), data)
    yield "rle8-in-4", bmp(header(40, W, H, 4, 1), rle(v, False, rng), palette(16))
    yield "rle4-in-8", bmp(header(40, W, H, 8, 2), rle(v, True, rng), palette(256))
    yield "rle8-in-1", bmp(header(40, W, H, 1, 1), rle(v, False, rng), palette(2))
    yield "rle8-in-1-grey", bmp(header(40, W, H, 1, 1), rle(v, False, rng), palette(2, grey=True))
    yield "rle8-in-32", bmp(header(40, W, H, 32, 1), rle(v, False, rng))


def odd():
    a = drawn()
    px = rows(a[:, :, ::-1], 24)
    ok = header(40, W, H, 24)
    yield "gap", bmp(ok, px, gap=b"\7" * 20)
    yield "gap-8", bmp(header(40, W, H, 8), rows(indices(256), 8), palette(256), gap=b"\7" * 20)
    yield "trailing", bmp(ok, px + b"\0" * 100)
    yield "cut", bmp(ok, px[:-10])
    yield "cut-in-padding", bmp(ok, px[:-1])
    yield "cut-first-row", bmp(ok, px[:10])
    yield "no-pixels", bmp(ok, b"")
    yield "offset-zero", bmp(ok, px, offset=0)
    yield "offset-zero-8", bmp(header(40, W, H, 8), rows(indices(256), 8), palette(256), offset=0)
    yield "offset-into-header", bmp(ok, px, offset=30)
    yield "offset-behind-the-end", bmp(ok, px, offset=5000)
    yield "offset-over-palette", bmp(header(40, W, H, 8), rows(indices(256), 8), palette(256), offset=54)
    yield "offset-over-palette-few", bmp(header(40, W, H, 8, colours=20), rows(indices(20), 8), palette(20), offset=54)
    yield "no-width", bmp(header(40, 0, H, 24), px)
    yield "no-height", bmp(header(40, W, 0, 24), px)
    yield "negative-width", bmp(header(40, -W, H, 24), px)
    yield "height-min", bmp(header(40, W, -2**31, 24), px)
    yield "height-small-negative", bmp(struct.pack("<IiIHHIIiiII", 40, W, 0xFF000001, 1, 24, 0, 0, 0, 0, 0, 0), px)
    yield "planes3", bmp(header(40, W, H, 24, planes=3), px)
    for bits in (0, 2, 3, 5, 15, 48, 64):
        yield f"bits{bits}", bmp(header(40, W, H, bits), px)
    for code in (4, 5, 6, 11, 99):
        yield f"compression{code}", bmp(header(40, W, H, 24, code), px)
    for n in (16, 20, 36, 44, 60, 100, 128, 0, 4):
        yield f"header{n}", bmp(struct.pack("<I", n) + ok[4:] + bytes(100), px)
    for n in (1, 2, 3, 16, 17, 255, 257, 300, 1000, 65536, 65537):
        p = palette(min(n, 1000))
        yield f"colours{n}", bmp(header(40, W, H, 8, colours=n), rows(indices(min(n, 256)), 8), p)
    yield "colours2-grey-8", bmp(header(40, W, H, 8, colours=2), rows(indices(2), 8), b"\0\0\0\0\xff\xff\xff\0")
    yield "colours1-black-8", bmp(header(40, W, H, 8, colours=1), rows(indices(2), 8), b"\0\0\0\0")
    yield "colours1-black-1", bmp(header(40, W, H, 1, colours=1), rows(indices(2), 1), b"\0\0\0\0")
    yield "colours4-grey-4", bmp(header(40, W, H, 4, colours=4), rows(indices(16), 4), bytes(v for i in range(4) for v in (i, i, i, 0)))
    yield "colours16-grey-4", bmp(header(40, W, H, 4), rows(indices(16), 4), bytes(v for i in range(16) for v in (i, i, i, 0)))
    yield "index-above-palette", bmp(header(40, W, H, 8, colours=10), rows(indices(40), 8), palette(10))
    yield "index-above-palette-4", bmp(header(40, W, H, 4, colours=5), rows(indices(16), 4), palette(5))
    yield "palette-cut", bmp(header(40, W, H, 8), b"", palette(100))
    yield "bw-inverted", bmp(header(40, W, H, 1), rows(indices(2), 1), b"\xff\xff\xff\0\0\0\0\0")
    yield "header-only", b"BM" + bytes(12)
    yield "fourteen-bytes-and-size", b"BM" + bytes(12) + struct.pack("<I", 40)
    yield "two-bytes", b"BM"
    yield "cut-header", bmp(ok, px)[:40]
    for w in (1, 2, 3, 4, 5, 31, 32, 33):
        b = np.ascontiguousarray(drawn(w, 3)[:, :, ::-1])
        yield f"width{w}-24", bmp(header(40, w, 3, 24), rows(b, 24))
        yield f"width{w}-1", bmp(header(40, w, 3, 1), rows(drawn(w, 3)[:, :, 0] & 1, 1), palette(2))
        yield f"width{w}-4", bmp(header(40, w, 3, 4), rows(drawn(w, 3)[:, :, 0] & 15, 4), palette(16))
        yield f"width{w}-16", bmp(header(40, w, 3, 16), rows(drawn(w, 3)[:, :, 0].astype("<u2") * 257, 16))
    bomb = header(40, 60000, 60000, 24)
    yield "bomb", bmp(bomb, px)


def by_pillow():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        im = Image.fromarray(drawn())
        b = io.BytesIO()
        (im.quantize(32) if mode == "P" else im.convert(mode)).save(b, "BMP")
        yield "pillow-" + mode, b.getvalue()


def cases():
    for part in (plain, masked, runs, odd, by_pillow):
        for name, data in part():
            yield name + ".bmp", data
