# SPDX-License-Identifier: MIT
"""HEIC files. Pillow does not read them; pillow-heif, a plug-in for it, writes them and says
what is in them. It brings a newer libheif than Debian, whose colours of halved resolution
are rounded otherwise."""
import io
import struct

import numpy as np
import pillow_heif
from PIL import Image

import formats_avif as avif

TOLERANCE = 2
W, H = 38, 34


def drawn(w=W, h=H):
    return avif.drawn(w, h)


def save(im, **kw):
    b = io.BytesIO()
    pillow_heif.from_pillow(im).save(b, **{"quality": 70, **kw})
    return b.getvalue()


def deep(chroma):
    y, x = np.mgrid[0:H, 0:W]
    a = np.stack([x * 1700, y * 1900, x * y * 40], -1).astype(np.uint16)
    b = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (W, H), a.tobytes()).save(b, quality=70, chroma=chroma)
    return b.getvalue()


def grid(columns, rows, w, h, extra=b""):
    """A grid of tiles of 64 x 64 pixels, as phones write their pictures."""
    full = lambda kind, body, version=0, flags=0: avif.box(kind, struct.pack(">I", version << 24 | flags) + body)
    tiles, props = [], None
    for k in range(columns * rows):
        parts = dict(avif.boxes(save(avif.drawn(64, 64, k))))
        meta = dict(avif.boxes(parts[b"meta"][4:]))
        props = props or dict(avif.boxes(dict(avif.boxes(meta[b"iprp"]))[b"ipco"]))
        tiles.append(parts[b"mdat"])
    n = len(tiles)
    ispe = lambda w, h: full(b"ispe", struct.pack(">II", w, h))
    ipco = avif.box(b"ipco", avif.box(b"hvcC", props[b"hvcC"]) + ispe(64, 64) + ispe(w, h) + extra)
    own = [3] + ([0x84] if extra else [])
    ipma = struct.pack(">I", n + 1) + b"".join(struct.pack(">HBBB", k + 1, 2, 0x81, 2) for k in range(n))
    ipma += struct.pack(">HB", n + 1, len(own)) + bytes(own)
    infe = lambda item, kind: full(b"infe", struct.pack(">HH", item, 0) + kind + b"\0", 2)
    items = b"".join(infe(k + 1, b"hvc1") for k in range(n)) + infe(n + 1, b"grid")
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, w, h)
    dimg = avif.box(b"dimg", struct.pack(">HH", n + 1, n) + b"".join(struct.pack(">H", k + 1) for k in range(n)))

    def meta(start):
        iloc = b""
        for k, data in enumerate([*tiles, layout]):
            iloc += struct.pack(">HHHII", k + 1, 0, 1, start, len(data))
            start += len(data)
        return full(b"meta", full(b"hdlr", b"\0\0\0\0pict" + bytes(13)) + full(b"pitm", struct.pack(">H", n + 1)) +
                    full(b"iloc", struct.pack(">HH", 0x4400, n + 1) + iloc) + full(b"iinf", struct.pack(">H", n + 1) + items) +
                    full(b"iref", dimg) + avif.box(b"iprp", ipco + full(b"ipma", ipma)))

    head = avif.box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + avif.box(b"mdat", b"".join(tiles) + layout)


def readable():
    for chroma in (420, 422, 444):
        yield f"chroma-{chroma}", save(drawn(), chroma=chroma)
        yield f"deep-{chroma}", deep(chroma)
    yield "gray", save(drawn().convert("L"))
    yield "alpha", save(avif.transparent(W, H))
    yield "lossless", save(drawn(), quality=-1, chroma=444, matrix_coefficients=0)
    for q in (10, 95):
        yield f"quality-{q}", save(drawn(), quality=q)
    for w, h in ((16, 16), (33, 35), (64, 16)):
        yield f"size-{w}x{h}", save(drawn(w, h))
    for o in (1, 3, 6, 8):
        e = Image.Exif()
        e[0x112] = o
        yield f"exif-{o}", save(drawn(), exif=e.tobytes())
    plain = save(drawn())
    for angle in range(4):
        yield f"irot-{angle}", avif.with_property(plain, avif.box(b"irot", bytes([angle])))
    for axis in range(2):
        yield f"imir-{axis}", avif.with_property(plain, avif.box(b"imir", bytes([axis])))
        yield f"irot-1-imir-{axis}", avif.with_property(avif.with_property(plain, avif.box(b"irot", b"\1")), avif.box(b"imir", bytes([axis])))
    yield "grid", grid(2, 1, 128, 64)
    yield "grid-cropped", grid(2, 2, 100, 70)
    yield "grid-rotated", grid(1, 2, 60, 100, avif.box(b"irot", b"\1"))
    yield "major-brand-mif1", plain.replace(b"ftypheic", b"ftypmif1", 1)
    yield "trailing-bytes", plain + b"\0" * 50


def refused():
    plain = save(drawn())
    for n in (12, 30, 200, len(plain) // 2):
        yield f"cut-{n}", plain[:n]
    yield "no-meta", b"".join(avif.box(k, v) for k, v in avif.boxes(plain) if k != b"meta")
    ispe = plain.index(b"ispe") + 8
    yield "ispe-huge", plain[:ispe] + struct.pack(">II", 30000, 30000) + plain[ispe + 8:]
    for brand in (b"mp42", b"isom", b"qt  ", b"crx "):
        yield f"brand-{brand.decode().strip()}", plain.replace(b"ftypheic", b"ftyp" + brand, 1).replace(b"mif1heic", brand * 2, 1)


def cases():
    for name, data in readable():
        yield name + ".heic", data, {"expect": pillow_heif.open_heif(io.BytesIO(data)).to_pillow().convert("RGB")}
    for name, data in refused():
        yield name + ".heic", data
