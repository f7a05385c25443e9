#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes data/jpeg/testdata/images/ and images.json, images.bin.gz: small drawn
files in every format and mode that is decoded, and the pixels of PIL's
convert("RGB") for each, before and after exif_transpose.

    pip install pillow==13.0.0 numpy==2.4.6
    python3 tools/golden/make_images.py
"""
import gzip
import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parents[2] / "data/jpeg/testdata"
W, H = 37, 29


def drawn():
    y, x = np.mgrid[0:H, 0:W]
    a = np.stack([x * 6.5, y * 8.5, 128 + 100 * np.sin(x * y / 40)], -1).clip(0, 255).astype(np.uint8)
    a[5:14, 8:20] = (240, 30, 60)
    a[16:25, 20:33] = (20, 200, 250)
    return a


def png(pixels, depth, colour, extra=b""):
    """A PNG that PIL cannot write itself: 16-bit colour, a transparent palette."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    h, w = pixels.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)) + extra +
            chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def save(im, fmt, **kw):
    b = io.BytesIO()
    im.save(b, fmt, **kw)
    return b.getvalue()


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


def files():
    a = drawn()
    rgb = Image.fromarray(a)
    gray = rgb.convert("L")
    alpha = Image.fromarray((np.mgrid[0:H, 0:W][1] * 6).astype(np.uint8))
    rgba, la = rgb.copy(), gray.copy()
    rgba.putalpha(alpha)
    la.putalpha(alpha)
    for name, sub in [("444", 0), ("422", 1), ("420", 2)]:
        yield f"jpeg-{name}.jpg", save(rgb, "JPEG", quality=85, subsampling=sub)
    yield "jpeg-gray.jpg", save(gray, "JPEG", quality=85)
    yield "jpeg-cmyk.jpg", save(rgb.convert("CMYK"), "JPEG", quality=90)
    yield "jpeg-rgb.jpg", save(rgb, "JPEG", quality=90, keep_rgb=True)
    yield "jpeg-progressive.jpg", save(rgb, "JPEG", quality=85, progressive=True)
    yield "jpeg-optimized.jpg", save(rgb, "JPEG", quality=95, optimize=True)
    yield "jpeg-restart.jpg", save(rgb, "JPEG", quality=85, restart_marker_blocks=2)
    yield "jpeg-restart-rows.jpg", save(rgb, "JPEG", quality=100, restart_marker_rows=1)
    for o in range(1, 9):
        yield f"jpeg-exif{o}.jpg", save(rgb, "JPEG", quality=60, exif=exif(o))
    yield "png-rgb.png", save(rgb, "PNG")
    yield "png-rgba.png", save(rgba, "PNG")
    yield "png-l.png", save(gray, "PNG")
    yield "png-la.png", save(la, "PNG")
    yield "png-1.png", save(gray.convert("1"), "PNG")
    yield "png-p.png", save(rgb.quantize(16), "PNG")
    yield "png-p-transparent.png", save(rgb.quantize(16), "PNG", transparency=3)
    yield "png-i16.png", save(Image.fromarray((np.mgrid[0:H, 0:W][1] * 40).astype(np.uint16)), "PNG")
    wide = a.astype(">u2") * 257 - (a > 100) * np.uint16(100)
    yield "png-rgb16.png", png(wide.astype(">u2"), 16, 2)
    yield "png-rgba16.png", png(np.dstack([wide, wide[..., :1]]).astype(">u2"), 16, 6)
    yield "png-exif6.png", save(rgb, "PNG", exif=exif(6))
    yield "gif.gif", save(rgb.quantize(32), "GIF")
    yield "gif-animated.gif", save(rgb.quantize(32), "GIF", save_all=True,
                                   append_images=[ImageOps.invert(rgb).quantize(32)], duration=50)
    yield "bmp.bmp", save(rgb, "BMP")
    yield "bmp-p.bmp", save(rgb.quantize(16), "BMP")
    yield "bmp-l.bmp", save(gray, "BMP")
    for name, kw in [("none", {}), ("lzw", {"compression": "tiff_lzw"}), ("deflate", {"compression": "tiff_adobe_deflate"})]:
        yield f"tiff-{name}.tiff", save(rgb, "TIFF", **kw)
    yield "tiff-l.tiff", save(gray, "TIFF")
    yield "tiff-p.tiff", save(rgb.quantize(16), "TIFF")
    yield "tiff-i16.tiff", save(Image.fromarray((np.mgrid[0:H, 0:W][1] * 40).astype(np.uint16)), "TIFF")
    yield "tiff-exif8.tiff", save(rgb, "TIFF", exif=exif(8))
    yield "webp-lossless.webp", save(rgb, "WEBP", lossless=True)
    yield "webp-lossy.webp", save(rgb, "WEBP", quality=90)
    yield "webp-exif3.webp", save(rgb, "WEBP", lossless=True, exif=exif(3))


def main():
    (OUT / "images").mkdir(parents=True, exist_ok=True)
    blob, doc = bytearray(), []
    for name, data in files():
        (OUT / "images" / name).write_bytes(data)
        im = Image.open(io.BytesIO(data))
        entry = {"name": name}
        for key, m in [("plain", im), ("upright", ImageOps.exif_transpose(im))]:
            m = np.asarray(m.convert("RGB"))
            entry[key] = {"at": len(blob), "h": m.shape[0], "w": m.shape[1]}
            blob.extend(m.tobytes())
        doc.append(entry)
    (OUT / "images.json").write_text("[\n%s\n]\n" % ",\n".join(json.dumps(e) for e in doc))
    (OUT / "images.bin.gz").write_bytes(gzip.compress(bytes(blob), 9, mtime=0))


if __name__ == "__main__":
    main()
