# SPDX-License-Identifier: MIT
"""JPEG files of every mode and structure that Pillow reads, some that it refuses, cut at several places."""
import io
import struct

import numpy as np
from PIL import Image

W, H = 35, 21


def drawn(w=W, h=H):
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x * 7 % 256, y * 11 % 256, (x * y) % 256], -1).astype(np.uint8)


def save(im, fmt="JPEG", **kw):
    b = io.BytesIO()
    im.save(b, fmt, **kw)
    return b.getvalue()


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


def segments(data):
    """(marker, start, end) of what comes before the end marker; a scan's data belong to its segment."""
    p = 2
    while data[p + 1] != 0xD9:
        q = p + 2 + struct.unpack(">H", data[p + 2:p + 4])[0]
        if data[p + 1] == 0xDA:
            while not (data[q] == 0xFF and data[q + 1] != 0 and not 0xD0 <= data[q + 1] <= 0xD7):
                q += 1
        yield data[p + 1], p, q
        p = q


def without(data, marker):
    return data[:2] + b"".join(data[p:q] for m, p, q in segments(data) if m != marker) + b"\xff\xd9"


def segment(marker, body):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def insert(data, *more):
    return data[:2] + b"".join(more) + data[2:]


def modes():
    rgb = Image.fromarray(drawn())
    for name, sub in (("444", 0), ("422", 1), ("420", 2)):
        yield name, save(rgb, quality=85, subsampling=sub)
        yield name + "-progressive", save(rgb, quality=85, subsampling=sub, progressive=True)
    yield "grey", save(rgb.convert("L"), quality=85)
    yield "grey-progressive", save(rgb.convert("L"), quality=85, progressive=True)
    yield "rgb", save(rgb, quality=85, keep_rgb=True)
    yield "cmyk", save(rgb.convert("CMYK"), quality=85)
    yield "cmyk-no-adobe", without(save(rgb.convert("CMYK"), quality=85), 0xEE)
    yield "optimised", save(rgb, quality=95, optimize=True)
    yield "restart-blocks", save(rgb, quality=85, restart_marker_blocks=2)
    yield "restart-rows", save(rgb, quality=85, restart_marker_rows=1)
    for w, h in ((1, 1), (7, 9), (8, 8), (16, 16), (17, 1), (1, 17), (33, 15)):
        yield f"{w}x{h}", save(Image.fromarray(drawn(w, h)), quality=75)


def with_thumbnail(data, thumbnail, orientation=1):
    """An EXIF block with a thumbnail, as cameras write it."""
    ifd0 = struct.pack("<HHHIHH", 1, 0x112, 3, 1, orientation, 0)
    at = 8 + len(ifd0) + 4
    block = (b"II*\0" + struct.pack("<I", 8) + ifd0 + struct.pack("<I", at) +
             struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, at + 30, 0x202, 4, 1, len(thumbnail), 0) + thumbnail)
    return insert(data, segment(0xE1, b"Exif\0\0" + block))


def scan_start(data):
    return next(p for m, p, q in segments(data) if m == 0xDA)


def adobe(transform):
    return segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def colours():
    """What tells libjpeg which colours are stored: JFIF, Adobe's segment, the components' names."""
    ycc = save(Image.fromarray(drawn()), quality=85, subsampling=0)
    bare = without(ycc, 0xE0)
    cmyk = without(save(Image.fromarray(drawn()).convert("CMYK"), quality=85), 0xEE)
    yield "no-jfif", bare
    for t in (0, 1, 2, 7):
        yield f"adobe{t}", insert(bare, adobe(t))
        yield f"adobe{t}-and-jfif", insert(ycc, adobe(t))
        yield f"cmyk-adobe{t}", insert(cmyk, adobe(t))
    frame = next(p for m, p, q in segments(bare) if m == 0xC0)
    scan = scan_start(bare)
    for name, ids in (("rgb", b"RGB"), ("012", b"\0\1\2"), ("345", b"\3\4\5"), ("bigrgb", b"\x01\x22\x23"), ("ycc", b"YCC")):
        d = bytearray(bare)
        for i, v in enumerate(ids):
            d[frame + 10 + 3 * i] = d[scan + 5 + 2 * i] = v
        yield "names-" + name, bytes(d)
    for n in (0, 2, 5):
        d = bytearray(bare)
        d[frame + 9] = n
        yield f"components{n}", bytes(d)
    for bits in (7, 12, 16):
        d = bytearray(bare)
        d[frame + 4] = bits
        yield f"bits{bits}", bytes(d)
    for marker in (0xC1, 0xC3, 0xC5, 0xC6, 0xC8, 0xC9, 0xCA, 0xCB, 0xCF):
        d = bytearray(bare)
        d[frame + 1] = marker
        if marker not in (0xC3, 0xC9, 0xCA):  # lossless and arithmetic coding of what is neither: rubbish
            yield f"sof{marker:02x}", bytes(d)
    for w, h in ((0, H), (W, 0), (W + 30, H), (W, H + 40), (9, 9)):
        d = bytearray(ycc)
        d[frame + 18 + 5:frame + 18 + 9] = struct.pack(">HH", h, w)
        yield f"header-{w}x{h}", bytes(d)


def ends():
    """Cut at several places, with and without a thumbnail; what may stand behind the image data."""
    base, small = save(Image.fromarray(drawn()), quality=80), save(Image.fromarray(drawn(8, 8)), quality=30)
    progressive = save(Image.fromarray(drawn()), quality=80, progressive=True)
    restarts = save(Image.fromarray(drawn()), quality=80, restart_marker_blocks=1)
    for name, d in (("base", base), ("progressive", progressive), ("restarts", restarts)):
        thumb = with_thumbnail(d, small)
        yield f"{name}-thumbnail", thumb
        yield f"{name}-thumbnail-turned", with_thumbnail(d, small, 6)
        for f in (3, 5, 7, 9):
            for form, whole in (("", d), ("-thumbnail", thumb)):
                at = scan_start(whole)
                yield f"{name}{form}-cut{f}", whole[:at + (len(whole) - at) * f // 10]
        for n in (1, 2, 3):
            yield f"{name}-end-cut{n}", d[:-n]
            yield f"{name}-thumbnail-end-cut{n}", thumb[:-n]
        body = d[:-2]
        for kind, tail in (("comment", segment(0xFE, b"text")), ("comment-cut", segment(0xFE, b"text")[:5]), ("app", segment(0xE5, b"x")),
                           ("zeros", bytes(9)), ("fill", b"\xff" * 7), ("escaped", b"\xff\0\xff\0"), ("restart", b"\xff\xd3")):
            yield f"{name}-{kind}-before-end", body + tail + b"\xff\xd9"
            yield f"{name}-{kind}-behind-end", d + tail
        for kind, tail in (("image", d), ("small-image", small), ("scan", d[scan_start(d):-2]), ("soi", b"\xff\xd8"),
                           ("frame", d[next(p for m, p, q in segments(d) if m in (0xC0, 0xC2)):][:19]), ("unknown", b"\xff\x42\0\2"),
                           ("jpg0", b"\xff\xf0\0\2"), ("app-then-nothing", segment(0xE5, b"x"))):
            if (name, kind) not in (("progressive", "scan"), ("progressive", "app-then-nothing")):
                yield f"{name}-{kind}-before-end", body + tail + (b"" if kind == "app-then-nothing" else b"\xff\xd9")
            yield f"{name}-{kind}-behind-end", d + tail
        for lost in (0, 1, 3):
            tables = [i for i, (m, p, q) in enumerate(segments(d)) if m in (0xDB, 0xC4)]
            if lost < len(tables):
                yield f"{name}-table{lost}-lost", d[:2] + b"".join(
                    d[p:q] for i, (m, p, q) in enumerate(segments(d)) if i != tables[lost]) + b"\xff\xd9"
    yield "rubbish-between", base[:2] + b"rubbish" + base[2:]
    yield "escaped-between", base[:20] + b"\xff\0" + base[20:]
    yield "start-twice", base[:2] + base
    yield "many-comments", insert(base, *[segment(0xFE, b"")] * 100)
    yield "no-scan", base[:scan_start(base)] + b"\xff\xd9"
    yield "two-bytes", b"\xff\xd8"
    yield "three-bytes", b"\xff\xd8\xff"


def scans():
    """More scans than anybody needs."""
    d = save(Image.fromarray(drawn(8, 8)).convert("L"), quality=50, progressive=True)
    m, p, q = list(segments(d))[-1]
    yield "scans-100", d[:q] + d[p:q] * 94 + d[q:]
    yield "scans-1000", d[:q] + d[p:q] * 994 + d[q:], {"refused": "too-large"}
    big = save(Image.new("L", (4000, 4000), 9), quality=20, progressive=True)
    m, p, q = list(segments(big))[-1]
    yield "scans-400-of-16-megapixels", big[:q] + big[p:q] * 394 + big[q:], {"refused": "too-large"}


def cameras():
    first, second = Image.fromarray(drawn()), Image.fromarray(255 - drawn())
    b = io.BytesIO()
    first.save(b, "MPO", save_all=True, append_images=[second])
    yield "mpo", b.getvalue()
    yield "mpo-second-cut", b.getvalue()[:-40]
    yield "mpo-first-cut", b.getvalue()[:400]
    for o in range(1, 9):
        yield f"orientation{o}", save(first, quality=60, exif=exif(o))


def cases():
    for part in (modes, colours, ends, scans, cameras):
        for name, data, *extra in part():
            yield (name + ".jpg", data, *extra)
