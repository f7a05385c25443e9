# SPDX-License-Identifier: MIT
"""AVIF files of all depths, samplings, ranges and matrices, grids, sequences and
transformations. What Pillow's writer does not offer is written by Debian's libavif 0.11
(package libavif15)."""
import ctypes
import io
import struct

import numpy as np
from PIL import Image

import formats_exif as ex

W, H = 37, 29
AOM = 1
SAMPLING = {"444": 1, "422": 2, "420": 3, "400": 4}


def drawn(w=W, h=H, seed=0):
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 240 // w, y * 240 // h, 128 + 100 * np.sin(x * y / 40 + seed)], -1).clip(0, 255).astype(np.uint8)
    a[h // 6:h // 2, w // 5:w // 2] = (240, 30, 60)
    a[h // 2:-h // 7 or None, w // 2:-w // 9 or None] = (20, 200, 250)
    return Image.fromarray(a)


def transparent(w=W, h=H):
    im = drawn(w, h)
    im.putalpha(Image.fromarray((np.mgrid[0:h, 0:w][1] * 300 // w).clip(0, 255).astype(np.uint8)))
    return im


def save(im, **kw):
    b = io.BytesIO()
    im.save(b, "AVIF", speed=9, max_threads=1, **kw)
    return b.getvalue()


class Data(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Planes(ctypes.Structure):
    """The head of avifImage."""
    _fields_ = [("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("depth", ctypes.c_uint32), ("format", ctypes.c_int),
                ("range", ctypes.c_int), ("position", ctypes.c_int), ("planes", ctypes.c_void_p * 3), ("strides", ctypes.c_uint32 * 3),
                ("owner", ctypes.c_int), ("alpha", ctypes.c_void_p), ("alpha_stride", ctypes.c_uint32), ("alpha_owner", ctypes.c_int),
                ("premultiplied", ctypes.c_int), ("icc", Data), ("primaries", ctypes.c_uint16), ("transfer", ctypes.c_uint16),
                ("matrix", ctypes.c_uint16)]


class Encoder(ctypes.Structure):
    """The head of avifEncoder."""
    _fields_ = [("codec", ctypes.c_int), ("threads", ctypes.c_int), ("speed", ctypes.c_int), ("interval", ctypes.c_int),
                ("timescale", ctypes.c_uint64), ("least", ctypes.c_int), ("most", ctypes.c_int), ("least_alpha", ctypes.c_int),
                ("most_alpha", ctypes.c_int)]


def library():
    lib = ctypes.CDLL("libavif.so.15")
    lib.avifImageCreate.restype = ctypes.POINTER(Planes)
    lib.avifImageCreate.argtypes = [ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int]
    lib.avifEncoderCreate.restype = ctypes.POINTER(Encoder)
    lib.avifImageAllocatePlanes.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.avifEncoderAddImage.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int]
    lib.avifEncoderAddImageGrid.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int]
    lib.avifEncoderFinish.argtypes = [ctypes.c_void_p, ctypes.POINTER(Data)]
    return lib


LIB = library()


def fill(pointer, stride, samples, depth):
    a = np.ascontiguousarray(samples, np.uint8 if depth == 8 else np.uint16)
    for y, row in enumerate(a):
        ctypes.memmove(pointer + y * stride, row.ctypes.data, row.nbytes)


def planes(w, h, depth, sampling, full=True, matrix=6, primaries=1, alpha=False, premultiplied=False, seed=0):
    """An image of smooth and of random samples; they stand for nothing."""
    p = LIB.avifImageCreate(w, h, depth, SAMPLING[sampling])
    m = p.contents
    m.range, m.matrix, m.primaries, m.transfer, m.premultiplied = full, matrix, primaries, 13, premultiplied
    assert LIB.avifImageAllocatePlanes(p, 255 if alpha else 1) == 0
    rng = np.random.default_rng(seed + 1)
    top = (1 << depth) - 1
    y, x = np.mgrid[0:h, 0:w]
    luma = (x * top // w + y * top // h) // 2
    luma[h // 2:, w // 2:] = rng.integers(0, top + 1, (h - h // 2, w - w // 2))
    fill(m.planes[0], m.strides[0], luma, depth)
    for k in (1, 2) if sampling != "400" else ():
        ch, cw = (h + 1) // 2 if sampling == "420" else h, (w + 1) // 2 if sampling != "444" else w
        y, x = np.mgrid[0:ch, 0:cw]
        c = (x * top // cw if k == 1 else y * top // ch)
        c[:ch // 2, cw // 2:] = rng.integers(0, top + 1, (ch // 2, cw - cw // 2))
        fill(m.planes[k], m.strides[k], c, depth)
    if alpha:
        a = (np.mgrid[0:h, 0:w][1] * top * 5 // (w * 4)).clip(0, top)
        fill(m.alpha, m.alpha_stride, a, depth)
    return p


def encode(images, columns=0, rows=0, quantizer=20):
    e = LIB.avifEncoderCreate()
    m = e.contents
    m.codec, m.threads, m.speed = AOM, 1, 9
    m.least = m.most = m.least_alpha = m.most_alpha = quantizer
    out = Data()
    if columns:
        grid = (ctypes.c_void_p * len(images))(*[ctypes.cast(i, ctypes.c_void_p) for i in images])
        r = LIB.avifEncoderAddImageGrid(e, columns, rows, grid, 2)
    else:
        r = LIB.avifEncoderAddImage(e, images[0], 1, 2)
    r = r or LIB.avifEncoderFinish(e, ctypes.byref(out))
    assert r == 0, f"libavif's error {r}"
    return ctypes.string_at(out.data, out.size)


def box(kind, data):
    return struct.pack(">I", 8 + len(data)) + kind + data


def boxes(data):
    at = 0
    while at < len(data):
        n = struct.unpack(">I", data[at:at + 4])[0] or len(data) - at
        yield data[at + 4:at + 8], data[at + 8:at + n]
        at += n


def rebuilt(data, change):
    """The file with its meta box changed: offsets into mdat follow."""
    parts = list(boxes(data))
    meta = dict(parts)[b"meta"]
    children = dict(boxes(meta[4:]))
    before = len(meta)
    change(children)
    body = meta[:4] + b"".join(box(k, v) for k, v in children.items())
    moved = len(body) - before
    iloc = bytearray(children[b"iloc"])
    assert iloc[0] == 0 and iloc[4] == 0x44, "an iloc of another form"
    at = 8
    base = iloc[5] >> 4
    for _ in range(struct.unpack(">H", iloc[6:8])[0]):
        at += 4
        if base:
            iloc[at:at + 4] = struct.pack(">I", struct.unpack(">I", iloc[at:at + 4])[0] + moved)
            at += base
        count, = struct.unpack(">H", iloc[at:at + 2])
        at += 2
        for _ in range(count):
            offset, = struct.unpack(">I", iloc[at:at + 4])
            iloc[at:at + 4] = struct.pack(">I", offset + (0 if base else moved))
            at += 8
    children[b"iloc"] = bytes(iloc)
    body = meta[:4] + b"".join(box(k, v) for k, v in children.items())
    return b"".join(box(k, body if k == b"meta" else v) for k, v in parts)


def with_property(data, prop, essential=True):
    """One more property of the first item."""
    def change(c):
        props = dict(boxes(c[b"iprp"]))
        n = len(list(boxes(props[b"ipco"]))) + 1
        props[b"ipco"] += prop
        ipma = bytearray(props[b"ipma"])
        count = ipma[10]
        ipma[10] += 1
        ipma[11 + count:11 + count] = bytes([n | (0x80 if essential else 0)])
        props[b"ipma"] = bytes(ipma)
        c[b"iprp"] = b"".join(box(k, v) for k, v in props.items())
    return rebuilt(data, change)


def pillow():
    im, rgba = drawn(), transparent()
    for s in ("4:4:4", "4:2:2", "4:2:0", "4:0:0"):
        for r in ("full", "limited"):
            name = s.replace(":", "")
            yield f"pillow-{name}-{r}", save(im, subsampling=s, range=r, quality=70)
            yield f"pillow-{name}-{r}-alpha", save(rgba, subsampling=s, range=r, quality=70)
    for q in (0, 30, 100):
        yield f"pillow-quality-{q}", save(im, quality=q)
    yield "pillow-gray", save(im.convert("L"))
    yield "pillow-premultiplied", save(rgba, alpha_premultiplied=True, subsampling="4:4:4")
    yield "pillow-premultiplied-420", save(rgba, alpha_premultiplied=True)
    yield "pillow-tiles", save(drawn(300, 200), tile_rows=1, tile_cols=1, autotiling=False)
    yield "pillow-large", save(drawn(331, 277), quality=60)
    yield "pillow-animated", save(im, save_all=True, append_images=[drawn(seed=1), drawn(seed=2)], duration=50)
    yield "pillow-animated-alpha", save(rgba, save_all=True, append_images=[rgba.rotate(180)], duration=50)
    yield "pillow-icc", save(im, icc_profile=b"profile" * 20)
    for w, h in ((1, 1), (2, 1), (1, 2), (3, 3), (17, 16), (16, 17), (65, 64)):
        yield f"pillow-{w}x{h}", save(drawn(w, h))


def samples():
    for depth in (8, 10, 12):
        for s in SAMPLING:
            for alpha in (False, True):
                for full in (True, False):
                    name = f"{depth}-{s}-{'full' if full else 'limited'}{'-alpha' if alpha else ''}"
                    yield f"samples-{name}", encode([planes(W, H, depth, s, full, alpha=alpha)])
    for depth in (8, 10, 12):
        yield f"identity-{depth}", encode([planes(W, H, depth, "444", matrix=0)], quantizer=0)
        yield f"identity-limited-{depth}", encode([planes(W, H, depth, "444", False, matrix=0)], quantizer=0)
        yield f"identity-alpha-{depth}", encode([planes(W, H, depth, "444", matrix=0, alpha=True)], quantizer=0)
        yield f"ycgco-{depth}", encode([planes(W, H, depth, "444", matrix=8)])
        yield f"premultiplied-{depth}", encode([planes(W, H, depth, "444", alpha=True, premultiplied=True)])
        yield f"premultiplied-{depth}-420", encode([planes(W, H, depth, "420", alpha=True, premultiplied=True)])
        yield f"odd-{depth}", encode([planes(5, 3, depth, "420", alpha=True)])
    for matrix in (1, 2, 4, 5, 7, 9):
        for s in ("444", "420"):
            yield f"matrix-{matrix}-{s}", encode([planes(W, H, 8, s, matrix=matrix)])
            yield f"matrix-{matrix}-{s}-limited", encode([planes(W, H, 10, s, False, matrix=matrix)])
    for primaries in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22):
        yield f"matrix-derived-{primaries}", encode([planes(W, H, 8, "444", matrix=12, primaries=primaries)])


def grids():
    for s, depth in (("444", 8), ("420", 8), ("420", 10), ("400", 8)):
        yield f"grid-{s}-{depth}", encode([planes(64, 64, depth, s, seed=k) for k in range(6)], 3, 2)
    cells = [planes(64 if k % 2 == 0 else 40, 64 if k < 2 else 36, 8, "420", seed=k) for k in range(4)]
    yield "grid-cropped", encode(cells, 2, 2)
    yield "grid-alpha", encode([planes(64, 64, 8, "420", alpha=True, seed=k) for k in range(4)], 2, 2)
    yield "grid-1x2", encode([planes(64, 64, 8, "444", seed=k) for k in range(2)], 1, 2)


def transformed():
    plain = save(drawn())
    for o in range(1, 9):
        e = Image.Exif()
        e[0x112] = o
        yield f"pillow-exif-{o}", save(drawn(), exif=e)
    for angle in range(4):
        irot = box(b"irot", bytes([angle]))
        yield f"irot-{angle}", with_property(plain, irot)
        for axis in range(2):
            yield f"irot-{angle}-imir-{axis}", with_property(with_property(plain, irot), box(b"imir", bytes([axis])))
    for axis in range(2):
        yield f"imir-{axis}", with_property(plain, box(b"imir", bytes([axis])))
    clap = box(b"clap", struct.pack(">8I", 20, 1, 10, 1, 0, 1, 0, 1))
    yield "clap", with_property(plain, clap)
    yield "clap-invalid", with_property(plain, box(b"clap", struct.pack(">8I", 200, 1, 10, 0, 0, 1, 0, 1)))
    yield "pasp", with_property(plain, box(b"pasp", struct.pack(">2I", 2, 1)), False)
    yield "unknown-property", with_property(plain, box(b"abcd", b"1234"), False)
    yield "unknown-essential-property", with_property(plain, box(b"abcd", b"1234"), True)
    rot = with_property(plain, box(b"irot", b"\1"))
    yield "irot-without-exif", rot
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    e = Image.Exif()
    e[0x10f] = "maker"
    yield "xmp", save(drawn(), xmp=xmp)
    yield "xmp-and-exif-without", save(drawn(), xmp=xmp, exif=e)
    yield "xmp-and-irot", with_property(save(drawn(), xmp=xmp), box(b"irot", b"\1"))
    # An EXIF item that disagrees with the transformations: they count.
    six = ex.block([ex.SIX])
    data = save(drawn(), exif=b"Exif\0\0" + ex.block([(ex.MAKE, 2, 4, b"abc\0"), (ex.MODEL, 3, 1, 6)]))
    disagrees = data.replace(struct.pack("<H", ex.MODEL) + b"\3\0\1\0\0\0\6\0", struct.pack("<H", ex.ORIENTATION) + b"\3\0\1\0\0\0\6\0")
    assert disagrees != data and six
    yield "exif-without-irot", disagrees
    yield "exif-broken", data.replace(b"II*\0", b"IX*\0")
    yield "exif-and-irot", with_property(disagrees, box(b"irot", b"\2"))


def containers():
    plain = save(drawn())
    brand = lambda b: plain[:8] + b + plain[12:]
    for b in (b"avis", b"mif1", b"msf1", b"miaf", b"heic", b"isom", b"mp42", b"abcd"):
        yield f"brand-{b.decode()}", brand(b)
    yield "brand-mif1-without-avif", brand(b"mif1").replace(b"avif", b"abcd")
    yield "trailing-bytes", plain + b"garbage" * 50
    yield "free-box-first", plain[:4] + plain[4:32].ljust(28) + plain[32:]
    yield "no-meta", b"".join(box(k, v) for k, v in boxes(plain) if k != b"meta")
    yield "no-mdat", b"".join(box(k, v) for k, v in boxes(plain) if k != b"mdat")
    yield "ftyp-only", plain[:32]
    for drop in (b"pitm", b"iinf", b"iloc", b"hdlr"):
        yield f"no-{drop.decode()}", rebuilt(plain, lambda c: c.pop(drop)) if drop != b"iloc" else plain.replace(b"iloc", b"abcd")
    yield "pitm-wrong", rebuilt(plain, lambda c: c.update({b"pitm": b"\0\0\0\0\0\7"}))
    yield "no-pixi", plain.replace(b"pixi", b"abcd")
    yield "no-ispe", plain.replace(b"ispe", b"abcd")
    yield "no-av1C", plain.replace(b"av1C", b"abcd")
    yield "no-colr", plain.replace(b"colr", b"abcd")
    ispe = plain.index(b"ispe")
    size = lambda w, h: plain[:ispe + 8] + struct.pack(">II", w, h) + plain[ispe + 16:]
    for w, h in ((W, H + 1), (W - 1, H), (0, H), (40000, 1), (20000, 20000), (1 << 31, 1 << 31)):
        yield f"ispe-{w}x{h}", size(w, h)
    for n in (4, 8, 11, 12, 20, 32, 60, 100, 200, len(plain) // 2, len(plain) - 40, len(plain) - 1):
        yield f"cut-{n}", plain[:n]
    mdat = plain.index(b"mdat") + 4
    for k in (1, 2, 5, 9, 20, 60):
        broken = bytearray(plain)
        broken[mdat + k] ^= 0x5a
        yield f"flipped-{k}", bytes(broken)
    yield "mdat-zeros", plain[:mdat] + bytes(len(plain) - mdat)


def bounds():
    flat = save(Image.new("RGB", (5000, 5000), (9, 80, 200)))
    at = flat.index(b"ispe") + 8
    yield "frame-hidden-huge.avif", flat[:at] + struct.pack(">II", 8, 8) + flat[at + 8:], {"refused": "too-large"}
    yield "pixels-huge.avif", save(Image.new("RGB", (10400, 10000), (9, 80, 200))), {"refused": "too-large"}


def cases():
    yield from bounds()
    for part in pillow, samples, grids, transformed, containers:
        for name, data in part():
            yield name + ".avif", data
