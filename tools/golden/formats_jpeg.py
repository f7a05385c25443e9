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


def cases():
    for part in (modes,):
        for name, data in part():
            yield name + ".jpg", data
