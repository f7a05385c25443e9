# SPDX-License-Identifier: MIT
"""A writer of TIFF files for formats_tiff.py: any tags, strips, tiles and planes, because Pillow writes few of the layouts
that it reads."""
import io
import lzma
import struct
import zlib

from PIL import Image
W, H = 11, 7
BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD = range(1, 14)
LONG8 = 16
CODES = {BYTE: "B", ASCII: "s", SHORT: "H", LONG: "L", RATIONAL: "LL", SBYTE: "b", UNDEFINED: "s", SSHORT: "h", SLONG: "l",
         SRATIONAL: "ll", FLOAT: "f", DOUBLE: "d", IFD: "L", LONG8: "Q", 99: "L"}
RAW, RLE, G3, G4, LZW, OJPEG, JPEG, ADOBE, RLEW, PACKBITS, THUNDER, DEFLATE, LZMA, ZSTD, WEBP = (
    1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000, 50001)
PILLOW = {LZW: "tiff_lzw", ADOBE: "tiff_adobe_deflate", DEFLATE: "tiff_deflate", PACKBITS: "packbits", LZMA: "lzma", ZSTD: "zstd"}


def noise(n, seed=1):
    """n bytes that are the same everywhere and always."""
    out, x = bytearray(), seed * 2654435761 % 2**32
    for _ in range(n):
        x = (x * 1664525 + 1013904223) % 2**32
        out.append(x >> 24)
    return bytes(out)


def smooth(w=W, h=H, bands=3):
    """A picture with gradients and an edge, interleaved bytes."""
    return bytes((x * 17 + y * (b + 3) * 5 + (90 if x * 2 > w + b else 0)) % 256 for y in range(h) for x in range(w) for b in range(bands))


def values(order, kind, v):
    if isinstance(v, bytes):
        return v
    return b"".join(struct.pack(order + CODES[kind], *(x if isinstance(x, tuple) else (x,))) for x in v)


def write(tags, pieces, order="<", big=False, sort=True, tiled=False, magic=None, next_ifd=0, counts=True, lead=b""):
    """A TIFF of one directory, pieces (strips or tiles) behind it. tags: {id: (type, values)}."""
    tags = dict(tags)
    where, sizes = (324, 325) if tiled else (273, 279)
    offset = LONG8 if big else LONG
    tags.setdefault(where, (offset, [0] * len(pieces)))
    if counts:
        tags.setdefault(sizes, (LONG, [len(p) for p in pieces]))
    ids = sorted(tags) if sort else list(tags)
    inline, head, size = (8, 16, 20) if big else (4, 8, 12)
    start = head + len(lead)
    at = start + (8 if big else 2) + size * len(ids) + inline
    raw, spot = {}, {}
    for i in ids:
        raw[i] = values(order, *tags[i])
        if len(raw[i]) > inline:
            spot[i] = at
            at += len(raw[i]) + len(raw[i]) % 2
    if tags[where][1] == [0] * len(pieces):
        places = [at + sum(map(len, pieces[:k])) for k in range(len(pieces))]
        raw[where] = values(order, tags[where][0], places)
    entries, outside = b"", b""
    for i in ids:
        kind, v = tags[i]
        n = len(v)
        entries += struct.pack(order + ("HHQ" if big else "HHL"), i, kind, n)
        if i in spot:
            entries += struct.pack(order + ("Q" if big else "L"), spot[i])
            outside += raw[i] + b"\0" * (len(raw[i]) % 2)
        else:
            entries += raw[i].ljust(inline, b"\0")
    name = b"II" if order == "<" else b"MM"
    if big:
        header = name + (magic or struct.pack(order + "H", 43)) + struct.pack(order + "HHQ", 8, 0, start)
    else:
        header = name + (magic or struct.pack(order + "H", 42)) + struct.pack(order + "L", start)
    ifd = struct.pack(order + ("Q" if big else "H"), len(ids)) + entries + struct.pack(order + ("Q" if big else "L"), next_ifd)
    return header + lead + ifd + outside + b"".join(pieces)


def base(photo, bits, extra=(), w=W, h=H, compression=RAW, rows=None, **more):
    """The tags of an ordinary image; more by their numbers: t284=(SHORT, [2])."""
    tags = {256: (LONG, [w]), 257: (LONG, [h]), 258: (SHORT, list(bits)), 259: (SHORT, [compression]), 262: (SHORT, [photo]),
            277: (SHORT, [len(bits)]), 278: (LONG, [rows or h])}
    if extra:
        tags[338] = (SHORT, list(extra))
    if photo == 3:
        n = 2 ** bits[0]
        tags[320] = (SHORT, [v * 257 for v in noise(3 * n, 5)])
    for name, tag in more.items():
        tags[int(name[1:])] = tag
    return tags


def squeeze(data, compression):
    """Bytes compressed as a strip."""
    if compression in (ADOBE, DEFLATE):
        return zlib.compress(data, 9)
    if compression == LZMA:
        return lzma.compress(data)
    if compression == RAW:
        return data
    out = io.BytesIO()
    Image.frombytes("L", (len(data), 1), data).save(out, "TIFF", compression=PILLOW[compression])
    return strips_of(out.getvalue())[0]


def strips_of(data):
    with Image.open(io.BytesIO(data)) as im:
        return [data[o:o + n] for o, n in zip(im.tag_v2[273], im.tag_v2[279])]


def tags_of(data):
    with Image.open(io.BytesIO(data)) as im:
        return dict(im.tag_v2)


def saved(im, **kw):
    out = io.BytesIO()
    im.save(out, "TIFF", **kw)
    return out.getvalue()


def jpeg(im, **kw):
    out = io.BytesIO()
    im.save(out, "JPEG", **kw)
    return out.getvalue()


def photo(mode="RGB", w=32, h=24):
    bands = {"L": 1, "RGB": 3, "YCbCr": 3, "CMYK": 4}[mode]
    return Image.frombytes(mode, (w, h), smooth(w, h, bands))


def sample_data(key, w=W, h=H, seed=1):
    """Bytes of an image of that kind, tame where noise would say nothing (floats, 32-bit and 16-bit integers)."""
    order, photo_, fmt, fill, bits, extra = key
    o = "<" if order == b"II" else ">"
    if bits == (32,) and fmt == (3,):
        special = [-1.5, 0.5, 254.9, 255.5, 1e30, float("nan"), float("inf"), -float("inf")]
        v = [special[i] if i < 8 else i * 3.7 - 20 for i in range(w * h)]
        return struct.pack(f"{o}{w * h}f", *v)
    if bits == (32,):
        return struct.pack(f"{o}{w * h}{'l' if fmt == (2,) else 'L'}", *[(i * 7 - (30 if fmt == (2,) else 0)) for i in range(w * h)])
    if bits == (16,):
        c = "h" if fmt == (2,) else "H"
        return struct.pack(f"{o}{w * h}{c}", *[(i * 7 - (30 if c == "h" else 0)) for i in range(w * h)])
    return noise((w * sum(bits) + 7) // 8 * h, seed)


def planes_of(data, bits, w=W, h=H):
    """Interleaved samples of whole bytes taken apart."""
    step, n = bits[0] // 8, len(bits)
    return [b"".join(data[(i * n + b) * step:(i * n + b + 1) * step] for i in range(w * h)) for b in range(n)]
