# SPDX-License-Identifier: MIT
"""WebP files: what libwebp's encoder writes, and its pieces put together by hand into
containers that it never makes."""
import io
import struct

import numpy as np
from PIL import Image

W, H = 37, 29


def drawn(w=W, h=H, seed=0):
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 240 // w, y * 240 // h, 128 + 100 * np.sin(x * y / 40 + seed)], -1).clip(0, 255).astype(np.uint8)
    a[h // 6:h // 2, w // 5:w // 2] = (240, 30, 60)
    a[h // 2:-h // 7 or None, w // 2:-w // 9 or None] = (20, 200, 250)
    return Image.fromarray(a)


def transparent(w=W, h=H, flat=False):
    im = drawn(w, h)
    y, x = np.mgrid[0:h, 0:w]
    im.putalpha(Image.fromarray((np.where(x > w // 2, 0, 255) if flat else x * 255 // w).astype(np.uint8)))
    return im


def save(im, **kw):
    b = io.BytesIO()
    im.save(b, "WEBP", **kw)
    return b.getvalue()


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


def riff(*parts, size=None, tail=b""):
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body + tail


def u24(v):
    return struct.pack("<I", v)[:3]


ICC, ALPHA, EXIF, XMP, ANIM = 0x20, 0x10, 8, 4, 2


def vp8x(flags, w=W, h=H):
    return chunk(b"VP8X", struct.pack("<I", flags) + u24(w - 1) + u24(h - 1))


def anim(background=0xff336699, loops=0):
    return chunk(b"ANIM", struct.pack("<IH", background, loops))


def image(im, **kw):
    """The image chunks of a file that Pillow writes, ALPH included."""
    data = save(im, **kw)[12:]
    return data[18:] if data[:4] == b"VP8X" else data


def anmf(x, y, w, h, parts, blend=True, dispose=False, duration=70):
    flags = (0 if blend else 2) | dispose
    return chunk(b"ANMF", u24(x // 2) + u24(y // 2) + u24(w - 1) + u24(h - 1) + u24(duration) + bytes([flags]) + parts)


def tiff(orientation, order="<", kind=3, count=1):
    value = struct.pack(order + {1: "B3x", 3: "H2x", 4: "I"}[kind], orientation)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return (head + struct.pack(order + "IH", 8, 1) + struct.pack(order + "HHI", 0x112, kind, count) + value +
            struct.pack(order + "I", 0))


def encoded():
    im, rgba = drawn(), transparent()
    for q in (0, 10, 50, 75, 90, 100):
        yield f"lossy-{q}", save(im, quality=q)
    for m in (0, 6):
        yield f"lossy-method-{m}", save(im, quality=60, method=m)
        yield f"lossless-method-{m}", save(im, lossless=True, method=m)
    yield "lossless", save(im, lossless=True)
    yield "lossless-alpha", save(rgba, lossless=True)
    yield "lossless-alpha-exact", save(transparent(flat=True), lossless=True, exact=True)
    yield "lossless-alpha-cleared", save(transparent(flat=True), lossless=True, exact=False)
    yield "lossy-alpha", save(rgba, quality=60)
    yield "lossy-alpha-lossy", save(rgba, quality=60, alpha_quality=10)
    yield "lossy-alpha-exact", save(transparent(flat=True), quality=60, exact=True)
    for n in (2, 4, 16, 256):
        yield f"lossless-palette-{n}", save(im.quantize(n).convert("RGB"), lossless=True)
    yield "lossless-gray", save(im.convert("L"), lossless=True)
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    yield "lossy-noise", save(Image.fromarray(noise), quality=90)
    yield "lossless-noise", save(Image.fromarray(noise), lossless=True)
    yield "lossless-flat-large", save(Image.new("RGB", (3000, 2000), (9, 80, 200)), lossless=True)
    yield "lossless-wide", save(drawn(400, 3), lossless=True)
    yield "lossy-wide", save(drawn(400, 3), quality=70)
    yield "lossy-large", save(drawn(331, 277), quality=30)
    yield "lossless-large", save(drawn(331, 277).quantize(64).convert("RGB"), lossless=True)


def odd_sizes():
    for w, h in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (1, 17), (17, 1), (15, 16), (16, 15), (17, 17), (33, 2), (2, 33), (31, 47), (64, 64)):
        yield f"lossy-{w}x{h}", save(drawn(w, h), quality=80)
        yield f"lossless-{w}x{h}", save(drawn(w, h), lossless=True)
        yield f"lossy-alpha-{w}x{h}", save(transparent(w, h), quality=80)


def animated():
    frames = [drawn(seed=k) for k in range(3)]
    clear = [transparent(), transparent(flat=True)]
    yield "animated-lossless", save(frames[0], save_all=True, append_images=frames[1:], lossless=True)
    yield "animated-lossy", save(frames[0], save_all=True, append_images=frames[1:], quality=70)
    yield "animated-mixed", save(frames[0], save_all=True, append_images=frames[1:], allow_mixed=True)
    yield "animated-alpha", save(clear[0], save_all=True, append_images=clear[1:], lossless=True)
    yield "animated-background", save(clear[0], save_all=True, append_images=clear[1:], background=(9, 80, 200, 255))
    yield "animated-key-frames", save(frames[0], save_all=True, append_images=frames[1:], kmin=1, kmax=1)
    yield "animated-one-frame", save(frames[0], save_all=True, append_images=[frames[0]], quality=70)
    small, lossy, clear = image(drawn(10, 8), lossless=True), image(drawn(10, 8), quality=70), image(transparent(10, 8), quality=70)
    x = vp8x(ANIM | ALPHA)
    for name, part in (("lossless", small), ("lossy", lossy), ("alpha", clear)):
        for blend in (True, False):
            yield f"frame-{name}-{'blended' if blend else 'copied'}", riff(x, anim(), anmf(4, 6, 10, 8, part, blend))
    yield "frame-at-origin", riff(x, anim(), anmf(0, 0, 10, 8, small))
    yield "frame-at-corner", riff(x, anim(), anmf(26, 20, 10, 8, small))
    yield "frame-beyond-right", riff(x, anim(), anmf(28, 6, 10, 8, small))
    yield "frame-beyond-bottom", riff(x, anim(), anmf(4, 22, 10, 8, small))
    yield "frame-of-other-size", riff(x, anim(), anmf(4, 6, 11, 8, small))
    yield "frame-size-0", riff(x, anim(), anmf(4, 6, 10, 8, b""))
    yield "frame-disposed", riff(x, anim(), anmf(4, 6, 10, 8, small, dispose=True), anmf(0, 0, 10, 8, lossy))
    yield "frame-without-alpha-flag", riff(vp8x(ANIM), anim(), anmf(4, 6, 10, 8, clear))
    yield "frame-without-anim", riff(x, anmf(4, 6, 10, 8, small))
    yield "anim-without-frame", riff(x, anim())
    yield "anim-without-flag", riff(vp8x(ALPHA), anim(), anmf(4, 6, 10, 8, small))
    yield "anim-flag-still-image", riff(x, anim(), image(drawn(), quality=70))
    yield "anim-twice", riff(x, anim(), anim(), anmf(4, 6, 10, 8, small))
    yield "second-frame-broken", riff(x, anim(), anmf(4, 6, 10, 8, small), anmf(0, 0, 10, 8, small[:8] + b"\1" * 20))
    yield "second-frame-beyond", riff(x, anim(), anmf(4, 6, 10, 8, small), anmf(30, 0, 10, 8, small))
    yield "canvas-hidden-huge", riff(vp8x(ANIM, 16384, 16384), anim(), anmf(4, 6, 10, 8, small))
    yield "canvas-overflows", riff(vp8x(ANIM, 1 << 24, 1 << 24), anim(), anmf(4, 6, 10, 8, small))


def containers():
    im, lossy, lossless = drawn(), image(drawn(), quality=70), image(drawn(), lossless=True)
    alpha = image(transparent(), quality=70)
    yield "extended-lossy", riff(vp8x(0), lossy)
    yield "extended-lossless", riff(vp8x(0), lossless)
    yield "extended-alpha", riff(vp8x(ALPHA), alpha)
    yield "extended-alpha-unflagged", riff(vp8x(0), alpha)
    yield "extended-alpha-flag-only", riff(vp8x(ALPHA), lossy)
    yield "alpha-without-extended", riff(alpha)
    yield "alpha-twice", riff(vp8x(ALPHA), alpha[:8 + struct.unpack("<I", alpha[4:8])[0] + 1 & ~1], alpha)
    yield "alpha-lossless", riff(vp8x(ALPHA), chunk(b"ALPH", b"\0" * 20), lossless)
    yield "alpha-raw", riff(vp8x(ALPHA), chunk(b"ALPH", b"\0" + bytes(W * H)), lossy)
    yield "alpha-raw-cut", riff(vp8x(ALPHA), chunk(b"ALPH", b"\0" + bytes(W * H - 9)), lossy)
    yield "alpha-bad-method", riff(vp8x(ALPHA), chunk(b"ALPH", b"\3" + bytes(W * H)), lossy)
    yield "extended-other-size", riff(vp8x(0, W + 1, H), lossy)
    yield "extended-icc", riff(vp8x(ICC), chunk(b"ICCP", b"x" * 33), lossy)
    yield "extended-icc-late", riff(vp8x(ICC), lossy, chunk(b"ICCP", b"x" * 33))
    yield "extended-xmp", riff(vp8x(XMP), lossy, chunk(b"XMP ", b"<x/>"))
    yield "extended-unknown-chunks", riff(vp8x(0), chunk(b"abcd", b"12345"), lossy, chunk(b"zyxw", b"1"))
    yield "unknown-chunk-first", riff(chunk(b"abcd", b"1234"), lossy)
    yield "chunk-behind-image", riff(lossy, chunk(b"abcd", b"1234"))
    yield "extended-twice", riff(vp8x(0), vp8x(0), lossy)
    yield "extended-no-image", riff(vp8x(0))
    yield "two-images", riff(vp8x(0), lossy, lossless)
    yield "two-simple-images", riff(lossy, lossless)
    yield "trailing-bytes", riff(lossy, tail=b"garbage" * 9)
    yield "riff-size-0", riff(lossy, size=0)
    yield "riff-size-odd", riff(lossy, size=len(lossy) + 5)
    yield "riff-size-small", riff(lossy, size=len(lossy) - 20)
    yield "riff-size-large", riff(lossy, size=len(lossy) + 40)
    yield "riff-size-largest", riff(lossy, size=0xffffffff)
    yield "not-webp", b"RIFF" + struct.pack("<I", 40) + b"WAVE" + lossy
    yield "icc-by-pillow", save(im, quality=70, icc_profile=b"profile" * 20)
    yield "xmp-by-pillow", save(im, quality=70, xmp=b"<x/>")


def damaged():
    for name, data in (("lossy", save(drawn(), quality=70)), ("lossless", save(drawn(), lossless=True)), ("alpha", save(transparent(), quality=70))):
        for n in (4, 11, 12, 15, 16, 20, 25, 30, 40, len(data) // 2, len(data) - 9, len(data) - 1):
            yield f"{name}-cut-{n}", data[:n]
        # The container is whole, the image is not.
        for keep in (12, 40, 90):
            body = data[12:] if name != "alpha" else data[30:]
            yield f"{name}-short-{keep}", riff(body[:4], struct.pack("<I", keep), body[8:8 + keep])
        flipped = bytearray(data)
        flipped[len(data) * 2 // 3] ^= 0x55
        yield f"{name}-flipped", bytes(flipped)
    lossy = bytearray(save(drawn(), quality=70))
    lossy[23:26] = b"abc"
    yield "lossy-no-start-code", bytes(lossy)
    lossy = bytearray(save(drawn(), quality=70))
    lossy[20] |= 1
    yield "lossy-not-key-frame", bytes(lossy)
    lossy = bytearray(save(drawn(), quality=70))
    lossy[20] &= ~0x10
    yield "lossy-hidden-frame", bytes(lossy)
    lossy = bytearray(save(drawn(), quality=70))
    lossy[20] |= 0x0e
    yield "lossy-profile-7", bytes(lossy)
    lossy = bytearray(save(drawn(), quality=70))
    lossy[26:30] = struct.pack("<HH", W | 0x4000, H | 0xc000)
    yield "lossy-upscaling", bytes(lossy)
    lossy[26:30] = struct.pack("<HH", 0, H)
    yield "lossy-width-0", bytes(lossy)
    lossless = bytearray(save(drawn(), lossless=True))
    lossless[24] |= 0xe0
    yield "lossless-version-7", bytes(lossless)
    lossless = bytearray(save(drawn(), lossless=True))
    lossless[20] = 0x30
    yield "lossless-no-signature", bytes(lossless)


def oriented():
    lossless = image(drawn(), lossless=True)
    for o in range(10):
        yield f"exif-{o}", riff(vp8x(EXIF), lossless, chunk(b"EXIF", tiff(o)))
    yield "exif-big-endian", riff(vp8x(EXIF), lossless, chunk(b"EXIF", tiff(6, ">")))
    yield "exif-prefixed", riff(vp8x(EXIF), lossless, chunk(b"EXIF", b"Exif\0\0" + tiff(6)))
    yield "exif-prefixed-twice", riff(vp8x(EXIF), lossless, chunk(b"EXIF", b"Exif\0\0" * 2 + tiff(6)))
    yield "exif-lossy", riff(vp8x(EXIF), image(drawn(), quality=70), chunk(b"EXIF", tiff(8)))
    yield "exif-unflagged", riff(vp8x(0), lossless, chunk(b"EXIF", tiff(6)))
    yield "exif-first", riff(vp8x(EXIF), chunk(b"EXIF", tiff(6)), lossless)
    yield "exif-twice", riff(vp8x(EXIF), lossless, chunk(b"EXIF", tiff(6)), chunk(b"EXIF", tiff(3)))
    yield "exif-without-extended", riff(lossless, chunk(b"EXIF", tiff(6)))
    yield "exif-empty", riff(vp8x(EXIF), lossless, chunk(b"EXIF", b""))
    x = lambda v: f'<x:xmpmeta><rdf:Description tiff:Orientation="{v}"/></x:xmpmeta>'.encode()
    yield "xmp-attribute", riff(vp8x(XMP), lossless, chunk(b"XMP ", x(6)))
    yield "xmp-element", riff(vp8x(XMP), lossless, chunk(b"XMP ", b"<tiff:Orientation>8</tiff:Orientation>"))
    yield "xmp-and-exif", riff(vp8x(XMP | EXIF), lossless, chunk(b"EXIF", tiff(3)), chunk(b"XMP ", x(6)))
    yield "xmp-and-exif-without", riff(vp8x(XMP | EXIF), lossless, chunk(b"EXIF", b"II*\0\x08\0\0\0\0\0\0\0\0\0"), chunk(b"XMP ", x(6)))
    yield "xmp-of-9", riff(vp8x(XMP), lossless, chunk(b"XMP ", x(9)))
    yield "animated-exif", riff(vp8x(ANIM | EXIF), anim(), anmf(0, 0, W, H, lossless), chunk(b"EXIF", tiff(5)))


def bounds():
    # 16,383 x 10,900 pixels of one colour, for which libwebp would take more than a gigabyte.
    yield "lossless-hidden-huge.webp", bytes.fromhex("524946461a000000574542505650384c0e0000002ffeffa40a071011fd0f4444ff03"), {"refused": "too-large"}


def cases():
    yield from bounds()
    for part in encoded, odd_sizes, animated, containers, damaged, oriented:
        for name, data in part():
            yield name + ".webp", data
