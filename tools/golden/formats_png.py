# SPDX-License-Identifier: MIT
"""PNG files of every depth, colour type and filter, interlaced or not; oddities, animations, and damage that Pillow
tolerates or does not."""
import itertools
import random
import struct
import zlib

import numpy as np

SIG = b"\x89PNG\r\n\x1a\n"
W, H = 13, 7
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data=b"", crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def ihdr(w=W, h=H, depth=8, colour=2, interlace=0, compression=0, method=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, compression, method, interlace))


def samples(w, h, depth, colour):
    """h x w x channels numbers below 2 ** depth, with structure for the filters."""
    y, x, c = np.mgrid[0:h, 0:w, 0:CHANNELS[colour]]
    v = (x * 37 + y * (c * 11 + 5) + (x * y * (c + 3)) // 4) * (257 if depth == 16 else 1)
    return (v >> (8 - depth if depth < 8 else 0)) & ((1 << depth) - 1)


def packed(rows, depth):
    """Each row as bytes."""
    for row in rows:
        flat = row.reshape(-1)
        if depth == 16:
            yield flat.astype(">u2").tobytes()
        elif depth == 8:
            yield flat.astype(np.uint8).tobytes()
        else:
            out = bytearray(-(-len(flat) * depth // 8))
            for i, v in enumerate(flat):
                out[i * depth // 8] |= int(v) << (8 - depth - i * depth % 8)
            yield bytes(out)


def paeth(a, b, c):
    pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(row, prev, kind, bpp):
    out = bytearray([kind])
    for i, v in enumerate(row):
        a, b, c = (row[i - bpp] if i >= bpp else 0), prev[i], (prev[i - bpp] if i >= bpp else 0)
        out.append((v - [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) & 255)
    return bytes(out)


def raw(v, depth, colour, kinds=(0,)):
    bpp = max(1, CHANNELS[colour] * depth // 8)
    kinds, prev, out = itertools.cycle(kinds), None, []
    for row in packed(v, depth):
        out.append(filtered(row, prev or bytes(len(row)), next(kinds), bpp))
        prev = row
    return b"".join(out)


def interlaced(v, depth, colour, kinds=(0,)):
    parts = (v[y::dy, x::dx] for x, y, dx, dy in PASSES)
    return b"".join(raw(p, depth, colour, kinds) for p in parts if p.size)


def plte(n, seed=3):
    return chunk(b"PLTE", bytes((i * (seed + 8 * c) + 40 * c) % 256 for i in range(n) for c in range(3)))


def png(*chunks):
    return SIG + b"".join(chunks)


def zipped(data, level=9):
    return zlib.compress(data, level)


def idat(data, level=9):
    return chunk(b"IDAT", zipped(data, level))


IEND = chunk(b"IEND")


def simple(depth=8, colour=2, kinds=(0,), interlace=0, w=W, h=H, before=b"", palette=None):
    v = samples(w, h, depth, colour)
    data = (interlaced if interlace else raw)(v, depth, colour, kinds)
    pal = plte(1 << depth) if colour == 3 and palette is None else palette or b""
    return png(ihdr(w, h, depth, colour, interlace), pal, before, idat(data), IEND)


def modes():
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for interlace in (0, 1):
                for kind in range(5):
                    yield f"c{colour}-d{depth}-i{interlace}-f{kind}", simple(depth, colour, (kind,), interlace)
                yield f"c{colour}-d{depth}-i{interlace}-mixed", simple(depth, colour, (4, 1, 3, 2, 0), interlace)
    for w, h in itertools.product((1, 2, 3, 4, 5, 9), (1, 2, 5, 8)):
        yield f"{w}x{h}-rgb-interlaced", simple(w=w, h=h, interlace=1, kinds=(4, 3))
        yield f"{w}x{h}-grey1-interlaced", simple(1, 0, w=w, h=h, interlace=1)
    for w in (1, 2, 7, 8, 9):
        for depth in (1, 2, 4):
            yield f"w{w}-grey{depth}", simple(depth, 0, w=w, h=3)
            yield f"w{w}-palette{depth}", simple(depth, 3, w=w, h=3)
        yield f"w{w}-rgb-paeth", simple(w=w, h=3, kinds=(4,))
        yield f"w{w}-rgba-average", simple(8, 6, w=w, h=3, kinds=(3,))


def transparency():
    for colour, depth, t in ((0, 1, 1), (0, 2, 3), (0, 4, 5), (0, 8, 37), (0, 8, 300), (0, 16, 37 * 257), (0, 16, 65535)):
        yield f"trns-c{colour}-d{depth}-{t}", simple(depth, colour, before=chunk(b"tRNS", struct.pack(">H", t)))
    for depth in (8, 16):
        yield f"trns-rgb{depth}", simple(depth, 2, before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 300)))
    for depth in (8, 16):
        for colour in (4, 6):
            yield f"trns-c{colour}-d{depth}", simple(depth, colour, before=chunk(b"tRNS", b"\0\1"))
    for name, t in (("one", b"\xff\0\xff"), ("many", bytes(range(0, 256, 16))), ("none", b""), ("long", bytes(300)),
                    ("newline", b"\xff\0\n")):
        yield f"trns-palette-{name}", simple(8, 3, before=chunk(b"tRNS", t))
    y, x = np.mgrid[0:H, 0:W]
    for scale in (1, 4, 13, 1000, 3449):
        v = (x * scale)[..., None]
        for t in (None, 0, scale):
            extra = b"" if t is None else chunk(b"tRNS", struct.pack(">H", t))
            yield f"grey16-by-{scale}-trns-{t}", png(ihdr(depth=16, colour=0), extra, idat(raw(v, 16, 0)), IEND)
    short = chunk(b"tRNS", b"\0")
    for colour, depth in ((0, 8), (0, 16), (2, 8), (2, 16), (4, 8)):
        yield f"trns-short-c{colour}-d{depth}", simple(depth, colour, before=short)
    rgb = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    yield "trns-twice", simple(before=rgb + rgb)
    data = idat(raw(samples(W, H, 8, 3), 8, 3))
    one = chunk(b"tRNS", b"\0")
    yield "trns-before-palette", png(ihdr(colour=3), one, plte(256), data, IEND)
    yield "trns-without-palette", png(ihdr(colour=3), one, data, IEND)
    yield "trns-before-header", png(one, ihdr(colour=3), plte(256), data, IEND)
    yield "trns-behind-pixels", png(ihdr(colour=3), plte(256), data, one, IEND)
    yield "trns-short-behind-pixels", png(ihdr(), idat(raw(samples(W, H, 8, 2), 8, 2)), short, IEND)


def palettes():
    v = raw(samples(W, H, 8, 3), 8, 3)
    for n in (0, 1, 2, 100, 255, 256, 257, 300):
        yield f"palette-of-{n}", png(ihdr(colour=3), plte(n), idat(v), IEND)
    for extra in (1, 2):
        body = bytes(range(100)) * 3 + bytes(extra)
        yield f"palette-and-{extra}-bytes", png(ihdr(colour=3), chunk(b"PLTE", body), idat(v), IEND)
        yield f"palette-full-and-{extra}-bytes", png(ihdr(colour=3), chunk(b"PLTE", bytes(768) + bytes(extra)), idat(v), IEND)
    yield "palette-none", png(ihdr(colour=3), idat(v), IEND)
    yield "palette-twice", png(ihdr(colour=3), plte(256), plte(200, 77), idat(v), IEND)
    yield "palette-behind-pixels", png(ihdr(colour=3), idat(v), plte(256), IEND)
    yield "palette-before-header", png(plte(256), ihdr(colour=3), idat(v), IEND)
    yield "palette-in-rgb", simple(before=plte(256))
    yield "palette-in-grey", simple(8, 0, before=plte(256))
    yield "palette-of-300-in-rgb", simple(before=plte(300))
    for depth in (1, 2, 4):
        yield f"palette-short-{depth}", simple(depth, 3, palette=plte(1))
        yield f"palette-long-{depth}", simple(depth, 3, palette=plte(200))


def headers():
    good = raw(samples(W, H, 8, 2), 8, 2)
    data = idat(good)
    for depth, colour in ((0, 2), (1, 2), (4, 2), (16, 3), (2, 4), (4, 6), (32, 2), (3, 0), (8, 1), (8, 5), (8, 7)):
        yield f"header-d{depth}-c{colour}", png(ihdr(depth=depth, colour=colour), data, IEND)
    yield "header-compression", png(ihdr(compression=1), data, IEND)
    yield "header-method", png(ihdr(method=1), data, IEND)
    yield "header-method64", png(ihdr(method=64), data, IEND)
    yield "header-interlace2", png(ihdr(interlace=2), idat(interlaced(samples(W, H, 8, 2), 8, 2)), IEND)
    body = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)
    yield "header-short", png(chunk(b"IHDR", body[:12]), data, IEND)
    yield "header-long", png(chunk(b"IHDR", body + b"more"), data, IEND)
    yield "header-twice", png(ihdr(9, 9), ihdr(), data, IEND)
    yield "header-twice-bad-second", png(ihdr(9, 9), ihdr(depth=3), data, IEND)
    yield "header-twice-interlaced", png(ihdr(interlace=1), ihdr(), idat(interlaced(samples(W, H, 8, 2), 8, 2)), IEND)
    yield "header-again-behind-pixels", png(ihdr(), data, ihdr(5, 5, 16, 6), IEND)
    yield "header-short-behind-pixels", png(ihdr(), data, chunk(b"IHDR", b"x"), IEND)
    yield "header-none", png(data, IEND)
    yield "header-late", png(chunk(b"gAMA", struct.pack(">I", 45455)), ihdr(), data, IEND)
    yield "header-crc", png(chunk(b"IHDR", body, 5), data, IEND)
    for w, h in ((0, 5), (5, 0), (0, 0)):
        yield f"header-{w}x{h}", png(ihdr(w, h), data, IEND)
    for w, h in ((2**31 - 1, 1), (2**31, 1), (2**32 - 1, 2**32 - 1), (20000, 20000), (13400, 13400)):
        yield f"bomb-{w}x{h}", png(ihdr(w, h, 1, 0), data, IEND)
    yield "only-signature", SIG
    yield "only-header", png(ihdr())
    yield "no-pixels", png(ihdr(), IEND)
    yield "end-before-pixels", png(ihdr(), IEND, data, IEND)
    yield "signature-damaged", b"\x89PNG\r\n\x1a\r" + png(ihdr(), data, IEND)[8:]


def ancillary():
    data, text = idat(raw(samples(W, H, 8, 2), 8, 2)), zlib.compress(b"text " * 9)
    bodies = {
        "gAMA": [b"", b"\0\0\1", struct.pack(">I", 0), struct.pack(">I", 2**32 - 1)], "cHRM": [b"\0" * 31, b"\xff" * 32],
        "sRGB": [b"", b"\7"], "pHYs": [b"\0" * 8, b"\0" * 8 + b"\1", b"\1" * 9], "sBIT": [b"", b"\1\2\3"], "bKGD": [b"", b"\0" * 6],
        "tIME": [b"", b"\7"], "hIST": [b""], "sPLT": [b"", b"a\0\x08"], "oFFs": [b""], "vpAg": [b"\0" * 9], "abCd": [b"x"],
        "ABCD": [b"critical and unknown"], "aB_1": [b"x"], "eXIf": [b"", b"nonsense", b"II*\0\x08\0\0\0"],
        "tEXt": [b"", b"a", b"a\0b", b"\0b", b"a\0b\0c", b"\xe4\0\xff"],
        "zTXt": [b"", b"a", b"a\0", b"a\0\0", b"a\0\1" + text, b"a\0\0" + text, b"a\0\0" + text[:-5], b"a\0\0nonsense", b"\0\0" + text],
        "iTXt": [b"", b"a", b"a\0", b"a\0\0", b"a\0\0\0", b"a\0\0\0\0\0text", b"a\0\1\0\0\0" + text, b"a\0\1\1\0\0" + text,
                 b"a\0\1\0\0\0nonsense", b"a\0\0\0\xff\0\xff\0\xff", b"a\0\1\0x\0y\0" + text[:9]],
        "iCCP": [b"", b"name", b"name\0", b"name\0\0", b"name\0\1" + text, b"name\0\0" + text, b"name\0\0nonsense", b"\0\0" + text,
                 b"name\0\0" + text[:-6]],
    }
    for kind, all_bodies in bodies.items():
        for i, body in enumerate(all_bodies):
            c = chunk(kind.encode(), body)
            yield f"{kind}-{i}", png(ihdr(), c, data, IEND)
            yield f"{kind}-{i}-behind", png(ihdr(), data, c, IEND)
            yield f"{kind}-{i}-twice", png(ihdr(), c, c, data, IEND)
    for kind in ("tEXt", "gAMA", "abCd", "ABCD", "PLTE", "iCCP"):
        bad = chunk(kind.encode(), b"name\0\0" + text, 1)
        yield f"crc-{kind}-before", png(ihdr(), bad, data, IEND)
        yield f"crc-{kind}-behind", png(ihdr(), data, bad, IEND)
    big = zlib.compress(bytes(1 << 20), 9), zlib.compress(bytes((1 << 20) + 1), 9), zlib.compress(bytes(1 << 21), 9)
    for i, z in enumerate(big):
        for kind, head in (("zTXt", b"a\0\0"), ("iCCP", b"a\0\0"), ("iTXt", b"a\0\1\0\0\0")):
            c = chunk(kind.encode(), head + z)
            yield f"{kind}-megabytes{i}", png(ihdr(), c, data, IEND)
            yield f"{kind}-megabytes{i}-behind", png(ihdr(), data, c, IEND)
    yield "zTXt-65-megabytes", png(ihdr(), chunk(b"zTXt", b"a\0\0" + big[0]) * 65, data, IEND)
    yield "zTXt-64-megabytes", png(ihdr(), chunk(b"zTXt", b"a\0\0" + big[0]) * 64, data, IEND)
    yield "iCCP-65-megabytes", png(ihdr(), chunk(b"iCCP", b"a\0\0" + big[0]) * 65, data, IEND), {"refused": "too-large"}


def streams():
    v = samples(W, H, 8, 2)
    good = raw(v, 8, 2, (4, 1, 3, 2, 0))
    z = zipped(good)
    head = ihdr()

    def file(data, end=IEND):
        return png(head, chunk(b"IDAT", data), end)

    yield "surplus-64", png(head, idat(good + bytes(64)), IEND)
    yield "surplus-1", png(head, idat(good + b"\0"), IEND)
    yield "surplus-row", png(head, idat(good + bytes(1 + 3 * W)), IEND)
    yield "surplus-filter-9", png(head, idat(good + b"\x09" * 100), IEND)
    yield "surplus-behind-stream", file(z + bytes(50))
    yield "surplus-idat", png(head, chunk(b"IDAT", z), chunk(b"IDAT", b"garbage"), IEND)
    yield "surplus-idat-cut", png(head, chunk(b"IDAT", z), chunk(b"IDAT", b"garbage")[:-8])
    yield "surplus-idat-empty", png(head, chunk(b"IDAT", z), chunk(b"IDAT"), IEND)
    for n in (1, 20, 1 + 3 * W, 2 * (1 + 3 * W), len(good) - 1):
        yield f"missing-{n}", png(head, idat(good[:-n]), IEND)
    yield "missing-all", png(head, idat(b""), IEND)
    for i in range(5):
        yield f"filter-{5 + 50 * i}", png(head, idat(bytes([5 + 50 * i]) + good[1:]), IEND)
    yield "filter-5-last-row", png(head, idat(good[:-1 - 3 * W] + b"\5" + good[-3 * W:]), IEND)
    yield "adler", file(z[:-1] + bytes([z[-1] ^ 1]))
    for n in (1, 2, 3, 4, 5, 6, 8, 20, 100):
        yield f"stream-cut-{n}", file(z[:-n])
        yield f"file-cut-in-stream-{n}", png(head, chunk(b"IDAT", z))[:-4 - n]
    for n in range(1, 17, 3):
        yield f"file-cut-{n}", file(z)[:-n]
    yield "no-end", file(z, b"")
    yield "end-behind-rubbish", file(z, b"rubbish" + IEND)
    yield "end-twice", file(z, IEND + IEND)
    yield "rubbish-behind-end", file(z, IEND + b"rubbish" * 9)
    yield "bad-kind-behind-pixels", file(z, struct.pack(">I", 3) + b"a-b!" + bytes(7) + IEND)
    yield "long-chunk-behind-pixels", file(z, struct.pack(">I", 10**9) + b"tEXt" + bytes(7))
    yield "long-unknown-behind-pixels", file(z, struct.pack(">I", 10**9) + b"abCd" + bytes(7))
    yield "long-chunk-before", png(head, struct.pack(">I", 10**9) + b"tEXt" + bytes(7), chunk(b"IDAT", z), IEND)
    yield "idat-crc", png(head, chunk(b"IDAT", z, 7), IEND)
    yield "end-crc", file(z, chunk(b"IEND", b"", 7))
    yield "end-with-data", file(z, chunk(b"IEND", b"data"))
    yield "idat-length-beyond", png(head, struct.pack(">I", len(z) + 1000) + b"IDAT" + z)
    yield "idat-length-huge", png(head, struct.pack(">I", 2**32 - 1) + b"IDAT" + z)
    for n in (1, 2, 3, 7, 50):
        parts = b"".join(chunk(b"IDAT", z[i:i + n]) for i in range(0, len(z), n))
        yield f"idats-of-{n}", png(head, parts, IEND)
        yield f"idats-of-{n}-no-end", png(head, parts)
        yield f"idats-of-{n}-cut", png(head, parts)[:-14]
        yield f"idats-of-{n}-and-empty", png(head, chunk(b"IDAT"), parts, chunk(b"IDAT"), IEND)
    half = len(z) // 2
    yield "idat-interrupted", png(head, chunk(b"IDAT", z[:half]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", z[half:]), IEND)
    yield "idat-ddat", png(head, chunk(b"IDAT", z[:half]), chunk(b"DDAT", z[half:]), IEND)
    yield "idat-empty-then-text", png(head, chunk(b"IDAT"), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", z), IEND)
    for level in (0, 1, 6):
        yield f"level{level}", png(head, idat(good, level), IEND)
    yield "raw-deflate", file(z[2:-4])
    yield "gzip", file(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + z[2:-4] + struct.pack("<II", zlib.crc32(good), len(good)))
    yield "zlib-window", file(b"\x18\x19" + z[2:])
    yield "zlib-header", file(b"\x78\x9d" + z[2:])
    dictionary = zlib.compressobj(9, zdict=good[:30])
    yield "zlib-dictionary", file(dictionary.compress(good) + dictionary.flush())
    flushed = zlib.compressobj(9)
    parts = b"".join(flushed.compress(good[i:i + 40]) + flushed.flush(zlib.Z_FULL_FLUSH) for i in range(0, len(good), 40))
    yield "zlib-flushed", file(parts + flushed.flush())
    yield "zlib-flushed-no-end", file(parts)
    rng = random.Random(11)
    for i in range(24):
        d = bytearray(z)
        d[rng.randrange(len(d))] ^= 1 << rng.randrange(8)
        yield f"bit-{i}", file(bytes(d))
    flat = zipped(bytes((1 + 3 * W) * H))
    for n in (1, 4, 5, 6):
        yield f"flat-cut-{n}", file(flat[:-n])
    inter = interlaced(v, 8, 2, (4, 3))
    for n in (1, 40, 300):
        yield f"interlaced-missing-{n}", png(ihdr(interlace=1), idat(inter[:-n]), IEND)
    yield "interlaced-surplus", png(ihdr(interlace=1), idat(inter + bytes(90)), IEND)


def control(seq, w=W, h=H, x=0, y=0, delay=(1, 10), ops=(0, 0)):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", seq, w, h, x, y, *delay, *ops))


def animations():
    z = zipped(raw(samples(W, H, 8, 2), 8, 2))
    other = zipped(raw(255 - samples(W, H, 8, 2), 8, 2))
    data, more = chunk(b"IDAT", z), chunk(b"fdAT", struct.pack(">I", 2) + other)
    head = ihdr()

    def announce(n, loops=0):
        return chunk(b"acTL", struct.pack(">II", n, loops))

    yield "apng", png(head, announce(2), control(0), data, control(1), more, IEND)
    yield "apng-default-apart", png(head, announce(1), data, control(0), chunk(b"fdAT", struct.pack(">I", 1) + other), IEND)
    yield "apng-one", png(head, announce(1), control(0), data, IEND)
    yield "apng-none", png(head, announce(0), control(0), data, IEND)
    yield "apng-many", png(head, announce(2**31), control(0), data, IEND)
    yield "apng-too-many", png(head, announce(2**31 + 1), control(0), data, IEND)
    yield "apng-announced-twice", png(head, announce(2), announce(2), control(0), data, control(1), more, IEND)
    yield "apng-announced-late", png(head, control(0), data, announce(2), control(1), more, IEND)
    yield "apng-unannounced", png(head, control(0), data, control(1), more, IEND)
    yield "apng-short-announcement", png(head, chunk(b"acTL", b"\0\0\0\1"), data, IEND)
    yield "apng-short-control", png(head, announce(1), chunk(b"fcTL", bytes(25)), data, IEND)
    yield "apng-sequence-from-1", png(head, announce(1), control(1), data, IEND)
    yield "apng-sequence-twice", png(head, announce(2), control(0), control(0), data, IEND)
    yield "apng-two-controls", png(head, announce(2), control(0), control(1, 5, 5), chunk(b"IDAT", zipped(raw(samples(5, 5, 8, 2), 8, 2))), IEND)
    yield "apng-sequence-behind", png(head, announce(2), control(0), data, control(7), more, IEND)
    yield "apng-sequence-behind-one", png(head, announce(1), control(0), data, control(7), IEND)
    yield "apng-outside", png(head, announce(1), control(0, W, H, 1, 0), data, IEND)
    yield "apng-huge", png(head, announce(1), control(0, 2**32 - 1, 1, 2, 0), data, IEND)
    yield "apng-empty-frame", png(head, announce(1), control(0, 0, 5), data, IEND)
    part = zipped(raw(samples(7, 5, 8, 2), 8, 2, (4,)))
    yield "apng-part", png(head, announce(2), control(0, 7, 5, 3, 2), chunk(b"IDAT", part), control(1), more, IEND)
    yield "apng-part-unannounced", png(head, control(0, 7, 5, 3, 2), chunk(b"IDAT", part), IEND)
    inter = zipped(interlaced(samples(7, 5, 8, 2), 8, 2, (4,)))
    yield "apng-part-interlaced", png(ihdr(interlace=1), announce(2), control(0, 7, 5, 3, 2), chunk(b"IDAT", inter), IEND)
    for depth, colour in ((1, 0), (8, 0), (16, 0), (4, 3), (8, 6), (16, 4)):
        p = zipped(raw(samples(7, 5, depth, colour), depth, colour))
        yield (f"apng-part-c{colour}-d{depth}",
               png(ihdr(depth=depth, colour=colour), plte(16), announce(2), control(0, 7, 5, 3, 2), chunk(b"IDAT", p), IEND))
    first = chunk(b"fdAT", struct.pack(">I", 1) + z)
    yield "apng-only-fdat", png(head, announce(1), control(0), first, IEND)
    yield "apng-fdat-sequence", png(head, announce(1), control(0), chunk(b"fdAT", struct.pack(">I", 2) + z), IEND)
    yield "apng-fdat-no-control", png(head, announce(1), chunk(b"fdAT", struct.pack(">I", 0) + z), IEND)
    yield "apng-fdat-short", png(head, announce(1), control(0), chunk(b"fdAT", b"\0\0\1"), IEND)
    half = len(z) // 2
    split = control(0) + chunk(b"IDAT", z[:half])
    yield "apng-idat-fdat", png(head, announce(1), split, chunk(b"fdAT", struct.pack(">I", 1) + z[half:]), IEND)
    yield "apng-idat-fdat-sequence", png(head, announce(1), split, chunk(b"fdAT", struct.pack(">I", 5) + z[half:]), IEND)
    yield "apng-fdat-behind", png(head, announce(2), control(0), data, chunk(b"fdAT", struct.pack(">I", 1) + z), IEND)
    yield "apng-fdat-behind-sequence", png(head, announce(2), control(0), data, chunk(b"fdAT", struct.pack(">I", 9) + z), IEND)
    yield "apng-fdat-behind-cut", png(head, announce(2), control(0), data, chunk(b"fdAT", struct.pack(">I", 1) + z)[:-20])


def cases():
    for part in (modes, transparency, palettes, headers, ancillary, streams, animations):
        for name, data, *extra in part():
            yield (name + ".png", data, *extra)
