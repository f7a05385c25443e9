# SPDX-License-Identifier: MIT
"""GIF files of every shape that Pillow reads or refuses, written by hand: what its
own writer never makes is what distinguishes readers."""
import io
import struct

import numpy as np
from PIL import Image

W, H = 23, 17


def codes(pixels, bits, clear_every=None, kwkwk=True):
    """The LZW codes of pixels, with their widths."""
    clear, end = 1 << bits, (1 << bits) + 1
    table, width, out = {}, bits + 1, [(clear, bits + 1)]
    nxt, prefix, n = end + 1, (), 0
    for p in pixels:
        n += 1
        if len(prefix) == 0 or prefix + (p,) in table:
            prefix += (p,)
            continue
        out.append((table[prefix] if len(prefix) > 1 else prefix[0], width))
        if nxt < 4096:
            table[prefix + (p,)] = nxt
            if nxt == 1 << width and width < 12:
                width += 1
            nxt += 1
        prefix = (p,)
        if clear_every and n % clear_every == 0:
            out.append((clear, width))
            table, width, nxt = {}, bits + 1, end + 1
    if prefix:
        out.append((table[prefix] if len(prefix) > 1 else prefix[0], width))
    # The reader's table grows once more with the last code.
    return out + [(end, width + (nxt == 1 << width and width < 12))]


def packed(symbols):
    acc = n = 0
    for code, width in symbols:
        acc |= code << n
        n += width
    return acc.to_bytes((n + 7) // 8, "little")


def blocks(data, size=255):
    return b"".join(bytes([len(c)]) + c for c in (data[i:i + size] for i in range(0, len(data), size))) + b"\0"


def lzw(pixels, bits, size=255, **kw):
    return bytes([bits]) + blocks(packed(codes([int(p) for p in pixels], bits, **kw)), size)


def palette(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 3), np.uint8).tobytes()


def log2(pal):
    return max(1, (len(pal) // 3 - 1).bit_length())


def screen(w=W, h=H, pal=palette(16), background=0, version=b"GIF89a"):
    flags = 0x80 | 0x70 | log2(pal) - 1 if pal else 0x70
    return version + struct.pack("<HHBBB", w, h, flags, background, 0) + (pal or b"")


def frame(x, y, w, h, data, pal=b"", interlaced=False):
    flags = (0x80 | log2(pal) - 1 if pal else 0) | (0x40 if interlaced else 0)
    return b"," + struct.pack("<HHHHB", x, y, w, h, flags) + pal + data


def control(transparent=None, disposal=0, delay=5):
    return b"!\xf9\x04" + struct.pack("<BHBB", disposal << 2 | (transparent is not None), delay, transparent or 0, 0)


def drawn(w=W, h=H, n=16):
    y, x = np.mgrid[0:h, 0:w]
    return ((x // 3 + y * x // 7) % n).ravel()


def rows(a, h, w):
    """Pixels in the order of interlaced rows."""
    order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, h, step)]
    return a.reshape(h, w)[order].ravel()


def save(im, **kw):
    b = io.BytesIO()
    im.save(b, "GIF", **kw)
    return b.getvalue()


def pillow():
    """What Pillow writes."""
    y, x = np.mgrid[0:H, 0:W]
    rgb = Image.fromarray(np.stack([x * 11, y * 14, x * y], -1).astype(np.uint8))
    yield "pillow-p", save(rgb.quantize(32))
    yield "pillow-l", save(rgb.convert("L"))
    yield "pillow-1", save(rgb.convert("1"))
    yield "pillow-256", save(rgb.quantize(256))
    yield "pillow-transparent", save(rgb.quantize(8), transparency=3)
    yield "pillow-interlaced", save(rgb.resize((40, 41)).quantize(32), interlace=1)
    for d in range(4):
        yield f"pillow-animated-{d}", save(rgb.quantize(32), save_all=True, disposal=d, duration=50, loop=0,
                                           append_images=[rgb.rotate(180).quantize(32)])
    yield "pillow-comment", save(rgb.quantize(8), comment=b"x" * 600)


def palettes():
    p, data = palette(16), lzw(drawn(), 4)
    whole = lambda pal=b"", d=data: frame(0, 0, W, H, d, pal)
    ramp = bytes(v for i in range(16) for v in (i, i, i))
    yield "no-palette", screen(pal=b"") + whole() + b";"
    yield "no-palette-transparent", screen(pal=b"") + control(3) + frame(4, 3, 9, 8, lzw(drawn(9, 8), 4)) + b";"
    yield "local-palette", screen(pal=b"") + whole(p) + b";"
    yield "both-palettes", screen() + whole(palette(16, 1)) + b";"
    yield "palette-of-indices", screen(pal=ramp) + whole() + b";"
    yield "local-palette-of-indices", screen() + whole(ramp) + b";"
    yield "global-of-indices-local-colours", screen(pal=ramp) + whole(p) + b";"
    yield "beyond-palette", screen(pal=palette(4)) + whole() + b";"
    yield "beyond-local-palette", screen() + whole(palette(4)) + b";"
    yield "palette-256", screen(pal=palette(256)) + whole(d=lzw(drawn(n=256), 8)) + b";"
    yield "palette-2", screen(pal=palette(2)) + whole(d=lzw(drawn(n=2), 2)) + b";"
    yield "local-palette-smaller-than-global", screen(pal=palette(256)) + whole(palette(2)) + b";"
    yield "background-beyond-palette", screen(pal=palette(4), background=200) + control(None, 2) + whole() + b";"
    yield "palette-cut", screen()[:30]
    yield "local-palette-cut", (screen() + whole(p))[:13 + 48 + 10 + 20]


def canvases():
    small, p = lzw(drawn(9, 8), 4), palette(16)
    inner = frame(4, 3, 9, 8, small)
    yield "small-frame", screen() + inner + b";"
    yield "small-frame-background", screen(background=5) + inner + b";"
    yield "small-frame-local-palette", screen(background=5) + frame(4, 3, 9, 8, small, palette(16, 1)) + b";"
    for d in range(4):
        yield f"small-frame-transparent-disposal-{d}", screen(background=5) + control(7, d) + inner + b";"
        yield f"small-frame-disposal-{d}", screen(background=5) + control(None, d) + inner + b";"
    yield "transparent-beyond-palette", screen() + control(200) + inner + b";"
    yield "transparent-twice", screen() + control(7) + control(2) + inner + b";"
    yield "transparent-then-none", screen() + control(7) + control(None) + inner + b";"
    yield "frame-beyond-right", screen() + frame(20, 3, 9, 8, small) + b";"
    yield "frame-beyond-bottom", screen() + frame(4, 15, 9, 8, small) + b";"
    yield "frame-beyond-both", screen() + control(2) + frame(40, 50, 9, 8, small) + b";"
    yield "canvas-0", screen(0, 0) + inner + b";"
    yield "canvas-width-0", screen(0, 9) + inner + b";"
    yield "frame-0", screen() + frame(4, 3, 0, 0, small) + b";"
    yield "frame-height-0", screen() + frame(4, 3, 9, 0, small) + b";"
    yield "frame-width-0", screen() + frame(4, 3, 0, 8, small) + b";"
    yield "frame-1x1", screen() + frame(22, 16, 1, 1, lzw([3], 4)) + b";"
    yield "canvas-hidden-huge", screen(65535, 65535) + frame(0, 0, 1, 1, lzw([3], 4)) + b";"
    yield "frame-hidden-huge", screen(9, 8) + frame(65535, 65535, 65535, 65535, lzw([3], 4)) + b";"
    yield "canvas-huge-black", screen(4000, 3000, p) + inner + b";"
    second = control(2, 1) + frame(0, 0, W, H, lzw(drawn()[::-1], 4), palette(16, 2))
    yield "two-frames", screen() + control(7, 2) + inner + second + b";"
    yield "second-frame-larger", screen() + inner + frame(0, 0, 50, 50, lzw(drawn(50, 50), 4)) + b";"


def interlacing():
    for w, h in ((W, H), (5, 1), (5, 2), (5, 3), (5, 4), (5, 5), (3, 8), (3, 9), (1, 16)):
        a = rows(drawn(w, h), h, w)
        yield f"interlaced-{w}x{h}", screen(w, h) + frame(0, 0, w, h, lzw(a, 4), interlaced=True) + b";"
    a = rows(drawn(9, 8), 8, 9)
    yield "interlaced-small-frame", screen() + control(3) + frame(4, 3, 9, 8, lzw(a, 4), interlaced=True) + b";"


def coding():
    head = screen()
    image = lambda d, w=W, h=H: head + frame(0, 0, w, h, d) + b";"
    p = drawn()
    for bits in (4, 5, 6, 8, 9, 10, 11, 12, 13, 200):
        yield f"code-size-{bits}", image(lzw(p, min(bits, 12)) if bits < 12 else bytes([bits]) + lzw(p, 12)[1:])
    for bits in (1, 2, 3):
        yield f"code-size-{bits}", image(lzw(drawn(n=1 << bits), bits))
    yield "code-size-0", image(b"\0" + blocks(packed([(1, 1)] + [(0, 1)] * (W * H + 9))))
    yield "code-size-12-repeats", image(b"\x0c" + blocks(packed([(4096, 13)] + [(5, 13), (4098, 13)] * 300)))
    yield "code-size-12-repeat-of-repeat", image(b"\x0c" + blocks(packed([(4096, 13), (5, 13)] + [(4098, 13)] * 600)))
    yield "code-size-too-small-for-pixels", image(lzw(drawn(n=300), 9))
    yield "flat", image(lzw([3] * (W * H), 4))
    noise = np.random.default_rng(3).integers(0, 256, 90 * 90)
    yield "table-full", screen(90, 90, palette(256)) + frame(0, 0, 90, 90, lzw(noise, 8)) + b";"
    yield "clears", image(lzw(p, 4, clear_every=37))
    yield "blocks-of-1", image(lzw(p, 4, size=1))
    yield "no-first-clear", image(b"\4" + blocks(packed(codes(p.tolist(), 4)[1:])))
    yield "clears-in-a-row", image(b"\4" + blocks(packed([(16, 5)] * 9 + codes(p.tolist(), 4))))
    yield "first-code-unknown", image(b"\4" + blocks(packed([(16, 5), (18, 5)] + [(1, 5)] * 400)))
    yield "code-unknown", image(b"\4" + blocks(packed([(16, 5), (1, 5), (25, 5)] + [(1, 5)] * 400)))
    yield "code-is-next", image(b"\4" + blocks(packed([(16, 5), (1, 5), (18, 5), (19, 5), (16, 5)] + codes([2] * 800, 4))))
    d = lzw(p, 4)
    yield "cut-in-data", (head + frame(0, 0, W, H, d))[:-40]
    yield "cut-in-last-block", (head + frame(0, 0, W, H, d))[:-3]
    yield "no-terminator", (head + frame(0, 0, W, H, d))[:-1]
    yield "no-trailer", head + frame(0, 0, W, H, d)
    yield "trailing-bytes", image(d) + b"\0\xffgarbage" * 50
    yield "no-data", head + frame(0, 0, W, H, b"\4")
    yield "no-code-size", head + frame(0, 0, W, H, b"")
    yield "data-only-terminator", image(b"\4\0")
    yield "too-few-pixels", image(lzw(p[:100], 4))
    yield "too-few-pixels-then-rubbish", image(lzw(p[:100], 4)) + b"\0" * 100 + bytes(range(256)) * 500
    yield "too-many-pixels", image(lzw(np.r_[p, p], 4))
    yield "end-code-in-the-middle", image(b"\4" + blocks(packed(codes(p[:90].tolist(), 4) + codes(p[90:].tolist(), 4))))
    split = packed(codes(p.tolist(), 4))
    yield "empty-block-in-data", image(b"\4" + blocks(split[:50]) + blocks(split[50:]))
    long = drawn(400, 300)
    yield "end-code-costs-a-piece", (screen(400, 300) + frame(0, 0, 400, 300, b"\4" + blocks(packed(
        codes(long[:60000].tolist(), 4) + codes(long[60000:].tolist(), 4)))) + b";" + b"\0" * 70000)


def extensions():
    image = frame(4, 3, 9, 8, lzw(drawn(9, 8), 4)) + b";"
    head = screen()
    yield "version-87a", screen(version=b"GIF87a") + image
    yield "version-87a-with-control", screen(version=b"GIF87a") + control(3) + image
    yield "version-88a", screen(version=b"GIF88a") + image
    yield "comment", head + b"!\xfe" + blocks(b"hello" * 99) + image
    yield "comment-empty", head + b"!\xfe\0" + image
    yield "plain-text", head + b"!\x01\x0c" + bytes(12) + blocks(b"text") + image
    yield "application", head + b"!\xff\x0bNETSCAPE2.0" + blocks(b"\1\0\0") + image
    yield "application-netscape-empty", head + b"!\xff\x0bNETSCAPE2.0\0" + image
    yield "application-netscape-empty-then-chain", head + b"!\xff\x0bNETSCAPE2.0\0" + blocks(b"abc") + image
    yield "application-xmp", head + b"!\xff\x0bXMP DataXMP" + blocks(b'<x tiff:Orientation="6"/>' * 3) + image
    yield "unknown-extension", head + b"!\x55" + blocks(b"abc") + image
    yield "extension-empty", head + b"!\x55\0" + image
    yield "extension-empty-then-terminator", head + b"!\x55\0\0" + image
    yield "control-empty", head + b"!\xf9\0" + image
    for n in (1, 2, 3):
        yield f"control-of-{n}", head + b"!\xf9" + blocks(bytes(n)) + image
    yield "control-of-3-transparent", head + b"!\xf9" + blocks(b"\1\0\0") + image
    yield "control-of-9", head + b"!\xf9" + blocks(b"\1\0\0\7" + bytes(5)) + image
    yield "rubbish-between-blocks", head + b"\0\1\2\xff" + image
    yield "trailer-first", head + b";" + image
    yield "no-image", head + b";"
    yield "no-blocks", head
    yield "header-cut", head[:12]
    yield "header-only-magic", head[:6]
    yield "extension-cut", head + b"!\xfe\x20abc"
    yield "descriptor-cut", head + frame(0, 0, 9, 8, b"")[:7]


def cases():
    for part in pillow, palettes, canvases, interlacing, coding, extensions:
        for name, data in part():
            yield name + ".gif", data
