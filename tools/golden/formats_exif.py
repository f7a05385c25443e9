# SPDX-License-Identifier: MIT
"""Orientations, as they are and as they should not be, in every container that Pillow
reads one from. The pictures are small; the digests of the upright ones tell."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

import formats_webp as webp

W, H = 5, 3
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
FORMS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}


def pixels():
    return np.arange(W * H * 3, dtype=np.uint8).reshape(H, W, 3) * 5


def number(order, kind, v):
    if kind in (5, 10):
        return struct.pack(order + ("ii" if kind == 10 else "II"), v * 3, 3)
    return str(v).encode() + b"\0" if kind in (2, 7) else struct.pack(order + FORMS[kind], v)


def block(entries, order="<", head=None, at=8, count=None, behind=b"\0\0\0\0"):
    """A TIFF block of (tag, type, count, value); value is a number or bytes, or a tuple of an
    offset and bytes that do not lie there."""
    base = at + 2 + 12 * len(entries) + 4
    body, tail = b"", b""
    for tag, kind, n, v in entries:
        raw, where = (v[1], v[0]) if isinstance(v, tuple) else (v, None)
        raw = raw if isinstance(raw, bytes) else number(order, kind, raw)
        if SIZES.get(kind, 1) * n <= 4:
            value = (raw + bytes(4))[:4]
        else:
            value = struct.pack(order + "I", base + len(tail) if where is None else where)
            tail += raw
        body += struct.pack(order + "HHI", tag, kind, n) + value
    head = head or (b"II*\0" if order == "<" else b"MM\0*")
    return (head + struct.pack(order + "I", at) + bytes(at - 8) +
            struct.pack(order + "H", len(entries) if count is None else count) + body + behind + tail)


ORIENTATION, MAKE, MODEL, DATE = 0x112, 0x10f, 0x110, 0x132
SIX = (ORIENTATION, 3, 1, 6)


def blocks():
    for o in (*range(10), 255, 65535):
        yield f"{o}", block([(ORIENTATION, 3, 1, o)])
    yield "big-endian", block([SIX], ">")
    for kind in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16):
        yield f"type-{kind}", block([(ORIENTATION, kind, 1, 6)])
        yield f"type-{kind}-big-endian", block([(ORIENTATION, kind, 1, 6)], ">")
    for kind in (0, 14, 15, 17, 18, 99, 65535):
        yield f"type-{kind}", block([(ORIENTATION, kind, 1, b"\6\0")])
    yield "rational-6-1", block([(ORIENTATION, 5, 1, struct.pack("<II", 6, 1))])
    yield "rational-negative", block([(ORIENTATION, 10, 1, struct.pack("<ii", -6, -1))])
    yield "rational-13-2", block([(ORIENTATION, 5, 1, struct.pack("<II", 13, 2))])
    yield "rational-by-0", block([(ORIENTATION, 5, 1, struct.pack("<II", 6, 0))])
    yield "float-half", block([(ORIENTATION, 11, 1, struct.pack("<f", 5.5))])
    yield "count-0", block([(ORIENTATION, 3, 0, 6)])
    yield "count-2", block([(ORIENTATION, 3, 2, struct.pack("<HH", 6, 3))])
    yield "count-3", block([(ORIENTATION, 3, 3, struct.pack("<HHH", 8, 3, 1))])
    yield "count-huge", block([(ORIENTATION, 3, 0x80000001, 6)])
    yield "twice", block([SIX, (ORIENTATION, 3, 1, 3)])
    yield "twice-first-unreadable", block([(ORIENTATION, 99, 1, b"\6"), (ORIENTATION, 3, 1, 3)])
    yield "among-others", block([(MAKE, 2, 12, b"Camera Inc.\0"), (MODEL, 2, 4, b"X-1\0"), SIX, (DATE, 2, 20, b"2026:01:01 00:00:00\0")])
    yield "unsorted", block([(DATE, 2, 20, b"2026:01:01 00:00:00\0"), SIX, (MAKE, 2, 4, b"abc\0")])
    yield "behind-bad-offset", block([(MAKE, 2, 12, (100000, b"Camera Inc.\0")), SIX])
    yield "before-bad-offset", block([SIX, (DATE, 2, 12, (100000, b"Camera Inc.\0"))])
    yield "behind-huge-value", block([(MAKE, 2, 0xffffffff, (8, b"")), SIX])
    yield "behind-values-that-overlap", block([(MAKE, 2, 40, (8, b"")), (MODEL, 2, 40, (8, b"")), SIX])
    yield "count-of-entries-0", block([SIX], count=0)
    yield "count-of-entries-more", block([SIX], count=9)
    yield "count-of-entries-65535", block([(MAKE, 2, 4, b"abc\0"), SIX], count=65535)
    yield "directory-later", block([SIX], at=40)
    yield "directory-beyond", b"II*\0" + struct.pack("<I", 1000) + bytes(40)
    yield "directory-in-header", b"II*\0\0\0\0\0" + bytes(40)
    yield "directory-points-to-itself", block([SIX], behind=struct.pack("<I", 8))
    yield "next-directory-missing", block([SIX], behind=b"")
    yield "without", block([(MAKE, 2, 4, b"abc\0")])
    yield "no-entries", block([])
    for n in (0, 1, 7, 8, 9, 10, 13, 21):
        yield f"cut-{n}", block([SIX])[:n]
    for name, order, head in (("little-swapped", "<", b"II\0*"), ("big-swapped", ">", b"MM*\0"), ("bigtiff", "<", b"II+\0"),
                              ("bigtiff-big", ">", b"MM\0+"), ("neither", "<", b"IM*\0"), ("lower", "<", b"ii*\0")):
        yield f"head-{name}", block([SIX], order, head)


def packets():
    yield "attribute", b'<rdf:Description tiff:Orientation="6"/>'
    yield "element", b"<tiff:Orientation>8</tiff:Orientation>"
    yield "single-quotes", b"<rdf:Description tiff:Orientation='6'/>"
    yield "spaces", b'<rdf:Description tiff:Orientation = "6"/>'
    yield "two-digits", b'<rdf:Description tiff:Orientation="36"/>'
    yield "twice", b'<a tiff:Orientation="x"/><a tiff:Orientation="6"/><a tiff:Orientation="3"/>'
    yield "of-0", b'<a tiff:Orientation="0"/>'
    yield "of-9", b'<a tiff:Orientation="9"/>'
    yield "not-utf-8", b'\xff\xfe<a tiff:Orientation="6"/>'


XAP, EXIF = b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0"


def jpeg(*segments, late=()):
    b = io.BytesIO()
    Image.fromarray(pixels()).save(b, "JPEG", quality=90)
    b = b.getvalue()
    sof = b.index(b"\xff\xc0")
    sof += 2 + struct.unpack(">H", b[sof + 2:sof + 4])[0]
    pack = lambda parts: b"".join(b"\xff\xe1" + struct.pack(">H", len(p) + 2) + p for p in parts)
    return b[:2] + pack(segments) + b[2:sof] + pack(late) + b[sof:]


def png(*chunks, late=()):
    pack = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + row.tobytes() for row in pixels())
    return (b"\x89PNG\r\n\x1a\n" + pack(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)) + b"".join(pack(*c) for c in chunks) +
            pack(b"IDAT", zlib.compress(raw)) + b"".join(pack(*c) for c in late) + pack(b"IEND", b""))


def container(exif=None, xmp=None):
    image = webp.image(Image.fromarray(pixels()), lossless=True)
    flags = (webp.EXIF if exif is not None else 0) | (webp.XMP if xmp is not None else 0)
    parts = [webp.chunk(k, v) for k, v in ((b"EXIF", exif), (b"XMP ", xmp)) if v is not None]
    return webp.riff(webp.vp8x(flags, W, H), image, *parts)


def profile(data):
    """ImageMagick's form of a profile as text."""
    text = data.hex()
    return f"\nexif\n{len(data):8}\n".encode() + b"\n".join(text[i:i + 72].encode() for i in range(0, len(text), 72)) + b"\n"


def in_jpeg():
    six, three, none = block([SIX]), block([(ORIENTATION, 3, 1, 3)]), block([(MAKE, 2, 4, b"abc\0")])
    xmp = b'<a tiff:Orientation="8"/>'
    yield "twice-prefixed", jpeg(EXIF * 2 + six)
    yield "lower-case", jpeg(b"exif\0\0" + six)
    yield "one-zero", jpeg(b"Exif\0" + six)
    yield "two-segments", jpeg(EXIF + six[:15], EXIF + six[15:])
    yield "two-blocks", jpeg(EXIF + three, EXIF + six)
    yield "empty-then-block", jpeg(EXIF, EXIF + six)
    yield "behind-the-frame-header", jpeg(late=[EXIF + six])
    yield "xmp-only", jpeg(XAP + xmp)
    yield "xmp-twice", jpeg(XAP + b"<x/>", XAP + xmp)
    yield "xmp-then-exif", jpeg(XAP + xmp, EXIF + three)
    yield "xmp-and-exif-without", jpeg(EXIF + none, XAP + xmp)
    yield "xmp-and-exif-that-is-bytes", jpeg(EXIF + block([(ORIENTATION, 1, 1, 6)]), XAP + xmp)
    yield "xmp-behind-the-frame-header", jpeg(late=[XAP + xmp])


def in_png():
    six, three = block([SIX]), block([(ORIENTATION, 3, 1, 3)])
    key = b"Raw profile type exif"
    xmp = b'<a tiff:Orientation="8"/>'
    itxt = lambda text, packed=0: (b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + text)
    yield "exif", png((b"eXIf", six))
    yield "exif-prefixed", png((b"eXIf", EXIF + six))
    yield "exif-behind-image", png(late=[(b"eXIf", six)])
    yield "exif-twice", png((b"eXIf", three), (b"eXIf", six))
    yield "exif-before-and-behind", png((b"eXIf", three), late=[(b"eXIf", six)])
    yield "profile", png((b"zTXt", key + b"\0\0" + zlib.compress(profile(six))))
    yield "profile-prefixed", png((b"zTXt", key + b"\0\0" + zlib.compress(profile(EXIF + six))))
    yield "profile-plain", png((b"tEXt", key + b"\0" + profile(six)))
    yield "profile-international", png((b"iTXt", key + b"\0\0\0\0\0" + profile(six)))
    yield "profile-international-packed", png((b"iTXt", key + b"\0\1\0\0\0" + zlib.compress(profile(six))))
    yield "profile-behind-image", png(late=[(b"zTXt", key + b"\0\0" + zlib.compress(profile(six)))])
    yield "profile-upper-case", png((b"tEXt", key + b"\0" + profile(six).upper()))
    yield "profile-not-hex", png((b"tEXt", key + b"\0" + profile(six)[:-3] + b"zz\n"))
    yield "profile-odd", png((b"tEXt", key + b"\0" + profile(six)[:-2]))
    yield "profile-short", png((b"tEXt", key + b"\0\nexif"))
    yield "profile-and-exif", png((b"eXIf", three), (b"zTXt", key + b"\0\0" + zlib.compress(profile(six))))
    yield "profile-of-app1", png((b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(EXIF + six))))
    yield "xmp", png(itxt(xmp))
    yield "xmp-packed", png(itxt(zlib.compress(xmp), 1))
    yield "xmp-behind-image", png(late=[itxt(xmp)])
    yield "xmp-not-utf-8", png(itxt(b"\xff" + xmp))
    yield "xmp-and-exif", png((b"eXIf", three), itxt(xmp))
    yield "xmp-plain-text", png((b"tEXt", b"XML:com.adobe.xmp\0" + xmp))


def cases():
    for name, data in blocks():
        yield f"block-{name}.jpg", jpeg(EXIF + data)
        yield f"block-{name}.webp", container(data)
    for name in ("0", "3", "8", "big-endian", "type-5", "among-others", "behind-bad-offset", "head-bigtiff", "cut-9"):
        yield f"block-{name}.png", png((b"eXIf", dict(blocks())[name]))
    for name, xmp in packets():
        yield f"xmp-{name}.webp", container(None, xmp)
        yield f"xmp-{name}-and-exif.webp", container(block([SIX]), xmp)
    for o in range(1, 9):
        yield f"every-{o}.png", png((b"eXIf", block([(ORIENTATION, 3, 1, o)])))
    for name, data in in_jpeg():
        yield f"in-jpeg-{name}.jpg", data
    for name, data in in_png():
        yield f"in-png-{name}.png", data
