# SPDX-License-Identifier: MIT
"""TIFF files of every kind that Pillow's OPEN_INFO knows, uncompressed, compressed, in strips, tiles and planes; every
compression; orientations; BigTIFF; and files that are wrong in one thing."""
import io
import re
import struct
import zlib

from PIL import Image
from PIL.TiffImagePlugin import OPEN_INFO

from tiff_writer import (ADOBE, ASCII, BYTE, DEFLATE, DOUBLE, FLOAT, G3, G4, H, JPEG, LONG, LONG8, LZMA, LZW, OJPEG, PACKBITS, RATIONAL, RAW,
                         RLE, RLEW, SHORT, SLONG, THUNDER, UNDEFINED, W, WEBP, ZSTD, base, jpeg, noise, photo, planes_of, sample_data, saved,
                         smooth, squeeze, strips_of, tags_of, write)


def kind_tags(key, compression=RAW, rows=None, **more):
    order, photo_, fmt, fill, bits, extra = key
    t = base(photo_, bits, extra, compression=compression, rows=rows, **more)
    if fmt != (1,):
        t[339] = (SHORT, list(fmt) * len(bits))
    if fill != 1:
        t[266] = (SHORT, [fill])
    return t


def kind_name(key):
    order, photo_, fmt, fill, bits, extra = key
    name = f"{'le' if order == b'II' else 'be'}_p{photo_}_f{fmt[0]}_{'x'.join(map(str, bits))}"
    return name + (f"_e{'.'.join(map(str, extra))}" if extra else "") + ("_r" if fill == 2 else "")


def kinds():
    """Every line of OPEN_INFO, uncompressed and compressed; some in strips, tiles and planes, in turn."""
    codecs = [LZW, ADOBE, PACKBITS, ZSTD, LZMA, DEFLATE]
    for k, key in enumerate(OPEN_INFO):
        order = "<" if key[0] == b"II" else ">"
        bits, name = key[4], kind_name(key)
        data = sample_data(key, seed=k)
        line = (W * sum(bits) + 7) // 8
        strips = [data[i:i + 3 * line] for i in range(0, len(data), 3 * line)]
        yield f"{name}_raw", write(kind_tags(key, rows=3), strips, order)
        c = codecs[k % len(codecs)]
        yield f"{name}_c{c}", write(kind_tags(key, c, rows=3), [flipped(squeeze(s, c), key[3]) for s in strips], order)
        if len(bits) > 1:
            planes = planes_of(data, bits)
            separate = {"t284": (SHORT, [2])}
            yield f"{name}_raw_planes", write(kind_tags(key, **separate), planes, order)
            yield f"{name}_c{c}_planes", write(kind_tags(key, c, **separate), [flipped(squeeze(p, c), key[3]) for p in planes], order)


def flipped(data, fill):
    """Bits reversed in each byte."""
    return bytes(int(f"{b:08b}"[::-1], 2) for b in data) if fill == 2 else data


def tiles_of(data, pixel, w, h, tw, th):
    """Interleaved bytes cut into tiles, padded with zeros."""
    for y in range(0, h, th):
        for x in range(0, w, tw):
            tile = b""
            for r in range(th):
                row = data[((y + r) * w + x) * pixel:((y + r) * w + min(x + tw, w)) * pixel] if y + r < h else b""
                tile += row.ljust(tw * pixel, b"\x55")
            yield tile


def tiled():
    w, h = 37, 21
    for c in (RAW, LZW, ADOBE, PACKBITS):
        for name, photo_, bits, extra in (("grey", 1, (8,), ()), ("rgb", 2, (8, 8, 8), ()), ("rgba", 2, (8,) * 4, (2,)), ("cmyk", 5, (8,) * 4, ()),
                                          ("rgb16", 2, (16,) * 3, ()), ("lab", 8, (8,) * 3, ())):
            pixel = sum(bits) // 8
            data = smooth(w, h, pixel)
            for tw, th in ((16, 16), (48, 32)):
                t = base(photo_, bits, extra, w, h, c, t322=(SHORT, [tw]), t323=(SHORT, [th]))
                del t[278]
                yield f"tiles_{name}_{tw}x{th}_c{c}", write(t, [squeeze(p, c) for p in tiles_of(data, pixel, w, h, tw, th)], tiled=True)
    data = smooth(w, h, 3)
    for c in (RAW, LZW):
        t = base(2, (8,) * 3, (), w, h, c, t322=(SHORT, [16]), t323=(SHORT, [16]), t284=(SHORT, [2]))
        pieces = [squeeze(p, c) for plane in planes_of(data, (8,) * 3, w, h) for p in tiles_of(plane, 1, w, h, 16, 16)]
        yield f"tiles_planes_c{c}", write(t, pieces, tiled=True)
        t = base(1, (1,), (), w, h, c, t322=(SHORT, [16]), t323=(SHORT, [16]))
        yield f"tiles_bilevel_c{c}", write(t, [squeeze(noise(32, k), c) for k in range(6)], tiled=True)
    for name, size in (("square", 32), ("wide", 64)):
        tables = jpeg(photo(w=size, h=32), streamtype=1, quality=80)
        t = base(2, (8,) * 3, (), w, h, JPEG, t322=(SHORT, [size]), t323=(SHORT, [32]), t347=(UNDEFINED, tables))
        t[262] = (SHORT, [6])
        pieces = [jpeg(photo(w=size, h=32), streamtype=2, quality=80) for _ in range(2 if size == 32 else 1)]
        yield f"tiles_jpeg_{name}", write(t, pieces, tiled=True)


def bilevel():
    """CCITT in all its forms, both polarities, both fill orders."""
    im = Image.frombytes("1", (37, 21), noise(5 * 7, 9) + b"\xff\x00" * 35)
    forms = {"rle": ("tiff_ccitt", RLE, {}), "rlew": ("tiff_raw_16", RLEW, {}), "g3": ("group3", G3, {}), "g3_2d": ("group3", G3, {292: 1}),
             "g3_fill": ("group3", G3, {292: 4}), "g4": ("group4", G4, {})}
    for name, (pillow, code, info) in forms.items():
        data = saved(im, compression=pillow, tiffinfo=info)
        strips, tags = strips_of(data), tags_of(data)
        yield f"bilevel_{name}_pillow", data
        for photometric in (0, 1):
            for fill in (1, 2):
                t = base(photometric, (1,), (), 37, 21, code, rows=tags[278], t266=(SHORT, [fill]))
                if 292 in tags:
                    t[292] = (LONG, [tags[292]])
                yield f"bilevel_{name}_p{photometric}_fill{fill}", write(t, [flipped(s, fill) for s in strips])
        t = base(0, (1,), (), 37, 21, code)
        # Where the marks of group 3 are not found, Pillow's libtiff begins again without them and shows garbage.
        extra = [{"refused": "truncated"}] if code == G3 else []
        for n in (3, 20):
            yield f"bilevel_{name}_cut{n}", write(t, [strips[0][:n]]), *extra
        yield f"bilevel_{name}_noise", write(t, [b"\0\x10" + noise(90, 3)]), *extra
    data = saved(im, compression="group3")
    for fill in (1, 2):
        t = base(0, (1,), (), 37, 21, G3, t266=(SHORT, [fill]))
        yield f"bilevel_g3_no_eol_fill{fill}", write(t, [flipped(without_eol(strips_of(data)[0]), fill)])
    for code in (RLE, G4):
        pillow = "group4" if code == G4 else "tiff_ccitt"
        full = strips_of(saved(im, compression=pillow, tiffinfo={278: 7}))
        for k in range(3):
            cut = [s[:len(s) // 2] if i == k else s for i, s in enumerate(full)]
            yield f"bilevel_c{code}_strip{k}_cut", write(base(0, (1,), (), 37, 21, code, rows=7), cut)
    big = Image.frombytes("1", (200, 60), noise(1500, 4))
    yield "bilevel_g4_strips", saved(big, compression="group4", tiffinfo={278: 16})
    yield "bilevel_lzw", saved(big, compression="tiff_lzw")


def without_eol(data):
    """A G3 stream without the marks between its lines, which some fax programs leave out."""
    bits = re.sub("0{11,}1", "", "".join(f"{b:08b}" for b in data))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") + b"\0\0"


def old_lzw(data):
    """The bit order of LZW before TIFF 5: codes from the low bits, one more code per width."""
    table, out, acc, n, bits, prefix = {}, bytearray(), 0, 0, 9, b""

    def put(code):
        nonlocal acc, n
        acc |= code << n
        n += bits
        while n >= 8:
            out.append(acc & 255)
            acc >>= 8
            n -= 8
    put(256)
    next_code = 258
    for b in data:
        grown = prefix + bytes([b])
        if len(grown) == 1 or grown in table:
            prefix = grown
            continue
        put(table[prefix] if len(prefix) > 1 else prefix[0])
        table[grown] = next_code
        next_code += 1
        if next_code > (1 << bits):
            bits += 1
        prefix = bytes([b])
    put(table[prefix] if len(prefix) > 1 else prefix[0])
    put(257)
    if n:
        out.append(acc & 255)
    return bytes(out)


def differences(data, w, h, bands, size=1, order="<"):
    """Predictor 2."""
    c = order + {1: "B", 2: "H", 4: "L"}[size] * (w * bands)
    line, out = w * bands * size, b""
    for y in range(h):
        v = struct.unpack(c, data[y * line:(y + 1) * line])
        out += struct.pack(c, *[(v[i] - (v[i - bands] if i >= bands else 0)) % 256**size for i in range(len(v))])
    return out


def float_differences(data, w, h, order="<"):
    """Predictor 3: the bytes of a line sorted by their weight, then differences."""
    out = b""
    for y in range(h):
        v = struct.unpack(f"{order}{w}f", data[y * w * 4:(y + 1) * w * 4])
        b = [struct.pack(">f", x)[k] for k in range(4) for x in v]
        out += bytes((b[i] - (b[i - 1] if i else 0)) % 256 for i in range(len(b)))
    return out


def predicted():
    for c in (LZW, ADOBE, ZSTD, LZMA):
        for order in "<>":
            for name, photometric, bits in (("grey", 1, (8,)), ("rgb", 2, (8,) * 3), ("rgba", 2, (8,) * 4), ("i16", 1, (16,)), ("rgb16", 2, (16,) * 3)):
                size, bands = bits[0] // 8, len(bits)
                data = differences(noise(W * H * bands * size, 7), W, H, bands, size, order)
                t = base(photometric, bits, (2,) if bands == 4 else (), compression=c, t317=(SHORT, [2]))
                yield f"predictor2_{name}_{'le' if order == '<' else 'be'}_c{c}", write(t, [squeeze(data, c)], order)
            key = (b"II" if order == "<" else b"MM", 1, (3,), 1, (32,), ())
            data = float_differences(sample_data(key), W, H, order)
            yield f"predictor3_{'le' if order == '<' else 'be'}_c{c}", write(kind_tags(key, c, t317=(SHORT, [3])), [squeeze(data, c)], order)
    for p in (0, 3, 4, 99):
        yield f"predictor{p}_rgb", write(base(2, (8,) * 3, compression=LZW, t317=(SHORT, [p])), [squeeze(smooth(), LZW)])
    yield "predictor2_bilevel", write(base(1, (1,), compression=LZW, t317=(SHORT, [2])), [squeeze(noise(14), LZW)])
    yield "predictor2_raw", write(base(2, (8,) * 3, t317=(SHORT, [2])), [smooth()])
    yield "lzw_old", write(base(2, (8,) * 3, w=40, h=30, compression=LZW), [old_lzw(smooth(40, 30, 3))])
    yield "lzw_old_noise", write(base(1, (8,), w=40, h=30, compression=LZW), [old_lzw(noise(1200))])
    thunder = bytes(0xC0 | b & 15 for b in noise(12 * H, 2))
    yield "thunder_12", write(base(1, (4,), w=12, compression=THUNDER), [thunder])
    yield "thunder_runs", write(base(0, (4,), w=12, compression=THUNDER), [b"\xc9\x0b" * H])
    yield "thunder_8bit", write(base(1, (8,), w=12, compression=THUNDER), [thunder])


def jpegs():
    for name, kw in (("444", {"subsampling": 0}), ("422", {"subsampling": 1}), ("420", {"subsampling": 2}), ("progressive", {"progressive": True})):
        for w, h in ((32, 24), (37, 21)):
            t = base(6, (8,) * 3, (), w, h, JPEG)
            t[530] = (SHORT, {"444": [1, 1], "422": [2, 1]}.get(name, [2, 2]))
            yield f"jpeg_ycc_{name}_{w}x{h}", write(t, [jpeg(photo(w=w, h=h), quality=85, **kw)])
            del t[530]
            yield f"jpeg_ycc_{name}_{w}x{h}_untold", write(t, [jpeg(photo(w=w, h=h), quality=85, **kw)])
    yield "jpeg_grey", write(base(1, (8,), (), 32, 24, JPEG), [jpeg(photo("L"))])
    yield "jpeg_grey_inverted", write(base(0, (8,), (), 32, 24, JPEG), [jpeg(photo("L"))])
    yield "jpeg_grey_as_ycc", write(base(6, (8,), (), 32, 24, JPEG), [jpeg(photo("L"))])
    yield "jpeg_cmyk", write(base(5, (8,) * 4, (), 32, 24, JPEG), [jpeg(photo("CMYK"))])
    yield "jpeg_rgb", write(base(2, (8,) * 3, (), 32, 24, JPEG), [jpeg(photo(), keep_rgb=True)])
    yield "jpeg_rgb_is_ycc", write(base(2, (8,) * 3, (), 32, 24, JPEG), [jpeg(photo(), subsampling=0)])
    for mode in ("L", "RGB", "YCbCr", "CMYK"):
        yield f"jpeg_pillow_{mode}", saved(photo(mode, 40, 40), compression="jpeg", quality=80, tiffinfo={278: 16})
    strips = [jpeg(photo(w=32, h=16)), jpeg(photo(w=32, h=8))]
    yield "jpeg_strips", write(base(6, (8,) * 3, (), 32, 24, JPEG, rows=16), strips)
    yield "jpeg_short_last_strip", write(base(6, (8,) * 3, (), 32, 32, JPEG, rows=16), strips)
    yield "jpeg_short_first_strip", write(base(6, (8,) * 3, (), 32, 32, JPEG, rows=16), strips[::-1])
    yield "jpeg_too_wide", write(base(6, (8,) * 3, (), 30, 24, JPEG), [jpeg(photo())])
    yield "jpeg_too_narrow", write(base(6, (8,) * 3, (), 34, 24, JPEG), [jpeg(photo())])
    yield "jpeg_no_tables", write(base(6, (8,) * 3, (), 32, 24, JPEG), [jpeg(photo(), streamtype=2)])
    yield "jpeg_bad_tables", write(base(6, (8,) * 3, (), 32, 24, JPEG, t347=(UNDEFINED, noise(40))), [jpeg(photo(), streamtype=2)])
    planes = [jpeg(photo("L")), jpeg(photo("L").transpose(0)), jpeg(photo("L").transpose(1))]
    for p in (2, 6):
        yield f"jpeg_planes_p{p}", write(base(p, (8,) * 3, (), 32, 24, JPEG, t284=(SHORT, [2]), t530=(SHORT, [1, 1])), planes)
    whole = jpeg(photo())
    for k in (30, len(whole) // 2, len(whole) - 20):
        yield f"jpeg_cut{k}", write(base(6, (8,) * 3, (), 32, 24, JPEG), [whole[:k]])
    yield "jpeg_noise", write(base(6, (8,) * 3, (), 32, 24, JPEG), [whole[:len(whole) - 200] + noise(150)])


def old_jpegs():
    whole = jpeg(photo(), subsampling=2, quality=85)
    for name, sub in (("420", [2, 2]), ("444", [1, 1])):
        data = jpeg(photo(), subsampling=2 if name == "420" else 0)
        t = base(6, (8,) * 3, (), 32, 24, OJPEG, t512=(SHORT, [1]), t513=(LONG, [0]), t514=(LONG, [len(data)]), t530=(SHORT, sub))
        for at in ("real", "beyond"):
            probe = write(t, [data])
            t[513] = (LONG, [len(probe) - len(data) if at == "real" else len(probe) + 9])
            yield f"ojpeg_{name}_{at}", write(t, [data])
        t[513] = (LONG, [len(probe) - len(data)])
        for photometric in (2, 1):
            t[262] = (SHORT, [photometric])
            yield f"ojpeg_{name}_p{photometric}", write(t, [data])
        del t[513], t[514]
        t[262] = (SHORT, [6])
        yield f"ojpeg_{name}_in_strip", write(t, [data])
        yield f"ojpeg_{name}_no_samples", write({k: v for k, v in t.items() if k not in (277, 258)}, [data])
        yield f"ojpeg_{name}_cut", write(t, [data[:len(data) // 2]])
    yield "ojpeg_grey", write(base(1, (8,), (), 32, 24, OJPEG), [jpeg(photo("L"))])
    yield "ojpeg_cut_header", write(base(6, (8,) * 3, (), 32, 24, OJPEG), [whole[:100]])


def ycc_blocks(w, h, sh, sv):
    """Uncompressed YCbCr: blocks of sh x sv luma samples and one of each chroma."""
    out = b""
    for y in range((h + sv - 1) // sv):
        for x in range((w + sh - 1) // sh):
            out += bytes((x * 31 + y * 17 + k * 9) % 256 for k in range(sh * sv)) + bytes(((x * 40) % 256, (255 - y * 30) % 256))
    return out


def video():
    for c in (RAW, LZW, ADOBE, PACKBITS):
        for sh, sv in ((1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4), (1, 2), (3, 1)):
            t = base(6, (8,) * 3, (), 13, 9, c, t530=(SHORT, [sh, sv]))
            yield f"ycc_{sh}{sv}_c{c}", write(t, [squeeze(ycc_blocks(13, 9, sh, sv), c)])
        t = base(6, (8,) * 3, (), 13, 9, c, t530=(SHORT, [1, 1]), t532=(RATIONAL, [(15, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)]))
        yield f"ycc_levels_c{c}", write(t, [squeeze(ycc_blocks(13, 9, 1, 1), c)])
        t[529] = (RATIONAL, [(2125, 10000), (7154, 10000), (721, 10000)])
        yield f"ycc_coefficients_c{c}", write(t, [squeeze(ycc_blocks(13, 9, 1, 1), c)])
        t = base(6, (8,) * 3, (), 13, 9, c, t530=(SHORT, [1, 1]), t284=(SHORT, [2]))
        yield f"ycc_planes_c{c}", write(t, [squeeze(noise(117, k), c) for k in range(3)])
        t = base(6, (8,) * 3, (), 13, 9, c)
        yield f"ycc_untold_c{c}", write(t, [squeeze(ycc_blocks(13, 9, 2, 2), c)])
        yield f"ycc_grey_c{c}", write(base(6, (8,), (), 13, 9, c), [squeeze(noise(117), c)])
        t = base(6, (8,) * 3, (), 37, 21, c, t322=(SHORT, [16]), t323=(SHORT, [16]), t530=(SHORT, [2, 2]))
        yield f"ycc_tiles_c{c}", write(t, [squeeze(ycc_blocks(16, 16, 2, 2), c)] * 6, tiled=True)
    for w in (32, 33):  # libtiff 4.5 reads the second wrongly
        t = base(6, (8,) * 3, (), w, 20, LZW, t322=(SHORT, [16]), t323=(SHORT, [16]), t530=(SHORT, [4, 4]))
        tile = write(t, [squeeze(ycc_blocks(16, 16, 4, 4), LZW)] * (6 if w > 32 else 4), tiled=True)
        yield (f"ycc_44_tiles_{w}", tile, {"refused": "unsupported"}) if w > 32 else (f"ycc_44_tiles_{w}", tile)
    for w, h, sub in ((3, 17, [4, 2]), (1, 17, [2, 2]), (2, 2, [2, 2]), (9, 1, [1, 2]), (9, 1, [2, 1])):
        t = base(6, (8,) * 3, (), w, h, LZW, t530=(SHORT, sub))
        yield f"ycc_small_{w}x{h}_{sub[0]}{sub[1]}", write(t, [squeeze(ycc_blocks(w, h, *sub), LZW)])
    yield "ycc_strips", write(base(6, (8,) * 3, (), 13, 9, LZW, rows=4, t530=(SHORT, [2, 2])),
                              [squeeze(ycc_blocks(13, n, 2, 2), LZW) for n in (4, 4, 1)])
    yield "ycc_short_strip", write(base(6, (8,) * 3, (), 13, 9, ADOBE, t530=(SHORT, [2, 2])), [squeeze(ycc_blocks(13, 5, 2, 2), ADOBE)])


def orientations():
    kinds_ = {"rgb": (2, (8,) * 3), "grey": (1, (8,)), "bilevel": (1, (1,)), "i16": (1, (16,)), "indexed": (3, (8,)), "cmyk": (5, (8,) * 4),
              "lab": (8, (8,) * 3)}
    for name, (p, bits) in kinds_.items():
        data = noise((W * sum(bits) + 7) // 8 * H, 11)
        for o in range(0, 10) if name == "rgb" else (2, 5, 6, 7, 8):
            for c in (RAW, LZW):
                yield f"turned{o}_{name}_c{c}", write(base(p, bits, compression=c, t274=(SHORT, [o])), [squeeze(data, c)])
    data = smooth()
    for kind, v in ((BYTE, b"\6"), (LONG, [6]), (SLONG, [6]), (FLOAT, [6.0]), (DOUBLE, [6.0]), (RATIONAL, [(6, 1)]), (RATIONAL, [(0, 0)]), (ASCII, b"6\0"),
                    (UNDEFINED, b"\6"), (LONG8, [6]), (SHORT, [6, 3])):
        yield f"turned_type{kind}_{len(v)}_{str(v)[1:4].strip('(,.')}", write(base(2, (8,) * 3, t274=(kind, v)), [data])
    packets = {"attribute": b'<x tiff:Orientation="6"/>', "element": b"<tiff:Orientation>8</tiff:Orientation>", "none": b"<x/>",
               "nine": b'tiff:Orientation="9"', "two": b'tiff:Orientation="3" tiff:Orientation="6"'}
    for name, x in packets.items():
        for c in (RAW, LZW):
            yield f"xmp_{name}_c{c}", write(base(2, (8,) * 3, compression=c, t700=(BYTE, x)), [squeeze(data, c)])
    yield "xmp_beside_tag", write(base(2, (8,) * 3, t700=(BYTE, packets["attribute"]), t274=(SHORT, [2])), [data])
    yield "xmp_beside_bad_tag", write(base(2, (8,) * 3, t700=(BYTE, packets["attribute"]), t274=(SHORT, [0])), [data])
    for kind in (UNDEFINED, ASCII):
        yield f"xmp_type{kind}", write(base(2, (8,) * 3, t700=(kind, packets["attribute"])), [data])
    yield "xmp_as_numbers", write(base(2, (8,) * 3, t700=(SHORT, [1, 2, 3])), [data])


def headers():
    """BigTIFF, byte orders, the directory's own oddities."""
    data = smooth()
    for c in (RAW, LZW):
        t = base(2, (8,) * 3, compression=c)
        piece = [squeeze(data, c)]
        yield f"bigtiff_c{c}", write(t, piece, big=True)
        yield f"bigtiff_be_c{c}", write(t, piece, ">", big=True)
        yield f"big_endian_c{c}", write(t, piece, ">")
        yield f"magic_other_order_be_c{c}", write(t, piece, ">", magic=b"*\0")
        yield f"magic_other_order_le_c{c}", write(t, piece, magic=b"\0*")
        yield f"unsorted_c{c}", write(dict(reversed(t.items())), piece, sort=False)
        yield f"loop_c{c}", write(t, piece, next_ifd=8)
        yield f"next_beyond_c{c}", write(t, piece, next_ifd=10**9)
        yield f"lead_c{c}", write(t, piece, lead=b"junk" * 5)
        yield f"unknown_tags_c{c}", write({**t, 60000: (LONG, [1, 2, 3]), 60001: (ASCII, b"hello\0"), 60002: (DOUBLE, [1.5])}, piece)
        yield f"unknown_type_c{c}", write({**t, 60003: (99, [7])}, piece)
        yield f"sub_ifds_c{c}", write({**t, 330: (LONG, [8, 8]), 34665: (LONG, [8])}, piece)
        yield f"tag_data_beyond_c{c}", write({**t, 60004: (LONG, [1, 2, 3])}, piece)[:-1] + b"\0"
        yield f"media_photo_c{c}", write({**t, 0xBC01: (SHORT, [1])}, piece)
        whole = write(t, piece)
        yield f"duplicate_width_c{c}", whole[:8] + struct.pack("<H", len(t) + 3) + struct.pack("<HHLL", 256, 4, 1, W) + whole[10:]
        for n in (4, 7, 8, 9, 20, 60, 130):
            yield f"cut{n}_c{c}", whole[:n]
    yield "no_directory", b"II*\0\0\0\0\0" + bytes(20)
    yield "directory_beyond", b"II*\0\xff\xff\0\0" + bytes(20)
    many = {30000 + k: (SHORT, [k]) for k in range(200)}
    yield "two_hundred_tags", write({**base(2, (8,) * 3, compression=LZW), **many}, [squeeze(data, LZW)])
    heavy = {**base(2, (8,) * 3), 270: (ASCII, b"x" * 300), 60000: (BYTE, b"y" * 10)}
    yield "values_beyond_file", write(heavy, [data])[:-len(data)] + data[:40]
    frames = [photo(w=12, h=9), photo("L", 9, 12)]
    yield "two_pages", saved(frames[0], save_all=True, append_images=frames[1:])
    yield "two_pages_lzw", saved(frames[0], save_all=True, append_images=frames[1:], compression="tiff_lzw")


def incomplete():
    """One tag missing or strange."""
    data = smooth()
    for c in (RAW, LZW):
        full = base(2, (8,) * 3, compression=c)
        piece = [squeeze(data, c)]
        for i in (256, 257, 258, 259, 262, 277, 278):
            yield f"without{i}_c{c}", write({k: v for k, v in full.items() if k != i}, piece)
        yield f"without_counts_c{c}", write(full, piece, counts=False)
        for name, tag in {"bits_single": (258, (SHORT, [8])), "bits_excess": (258, (SHORT, [8] * 5)), "bits_two": (258, (SHORT, [8, 8])),
                          "bits_byte": (258, (BYTE, b"\x08\x08\x08")), "bits_long": (258, (LONG, [8, 8, 8])), "bits_mixed": (258, (SHORT, [8, 8, 5])),
                          "photometric_two_values": (262, (SHORT, [2, 2])), "compression_99": (259, (SHORT, [99])),
                          "compression_byte": (259, (BYTE, b"\x01")), "samples_7": (277, (SHORT, [7])), "samples_0": (277, (SHORT, [0])),
                          "samples_2": (277, (SHORT, [2])), "width_0": (256, (LONG, [0])), "width_minus": (256, (SLONG, [-W])),
                          "width_float": (256, (FLOAT, [W])), "width_short": (256, (SHORT, [W])), "width_byte": (256, (BYTE, bytes([W]))),
                          "width_two": (256, (LONG, [W, 99])), "rows_max": (278, (LONG, [2**32 - 1])), "rows_huge": (278, (LONG, [2**31 + 5])),
                          "rows_more": (278, (LONG, [100])), "rows_0": (278, (LONG, [0])), "rows_short": (278, (SHORT, [H])),
                          "rows_float": (278, (FLOAT, [H])), "rows_byte": (278, (BYTE, bytes([H]))), "planar_0": (284, (SHORT, [0])),
                          "planar_3": (284, (SHORT, [3])), "format_mixed": (339, (SHORT, [1, 1, 2])), "format_bytes": (339, (BYTE, b"\1\1\1")),
                          "format_4": (339, (SHORT, [4, 4, 4])), "format_void": (339, (SHORT, [4])), "fill_0": (266, (SHORT, [0])),
                          "fill_3": (266, (SHORT, [3])), "extra_none": (338, (SHORT, [])), "extra_beside": (338, (SHORT, [0])),
                          "depth_2": (32997, (LONG, [2])), "resolution_0": (282, (RATIONAL, [(0, 0)]))}.items():
            yield f"{name}_c{c}", write({**full, tag[0]: tag[1]}, piece)
        short = [squeeze(data[:W * 3 * 3], c), squeeze(data[W * 3 * 3:W * 3 * 6], c), squeeze(data[W * 3 * 6:], c)]
        rows = base(2, (8,) * 3, rows=3, compression=c)
        yield f"strips_missing_c{c}", write(rows, short[:2])
        yield f"strips_too_many_c{c}", write(rows, short + short[:2])
        yield f"strips_reversed_c{c}", write({**rows, 273: (LONG, backwards(rows, short))}, short[::-1])
        places = [len(write(rows, [])) + 24] * 3
        yield f"strips_same_c{c}", write({**rows, 273: (LONG, places)}, short)
        for name, counts_ in {"zero": [0, 0, 0], "small": [5, 5, 5], "large": [10**6] * 3, "few": [len(short[0])], "byte": None}.items():
            tag = (BYTE, bytes(min(len(s), 255) for s in short)) if counts_ is None else (LONG, counts_)
            yield f"counts_{name}_c{c}", write({**rows, 279: tag}, short)
        yield f"offsets_short_c{c}", write({**full, 273: (SHORT, [0])}, piece)
        yield f"offsets_long8_c{c}", write({**full, 273: (LONG8, [0])}, piece)
        yield f"offsets_beyond_c{c}", write({**full, 273: (LONG, [10**6])}, piece)
        yield f"offsets_minus_c{c}", write({**full, 273: (SLONG, [-5])}, piece)
        yield f"offsets_float_c{c}", write({**full, 273: (FLOAT, [200.0])}, piece)
        yield f"offsets_bytes_c{c}", write({**full, 273: (BYTE, b"\xf0")}, piece)


def backwards(tags, pieces):
    """Offsets of pieces that lie in the file in reverse order."""
    at = len(write(tags, pieces)) - sum(map(len, pieces))
    out = []
    for p in pieces[::-1]:
        out.append(at)
        at += len(p)
    return out[::-1]


def palettes():
    for name, v in {"short": [v * 257 for v in noise(30, 3)], "long": [0] * 900, "uneven": [v * 257 for v in noise(770, 3)], "two": [1, 2],
                    "bytes_high": [65535] * 768}.items():
        for c in (RAW, LZW):
            yield f"map_{name}_c{c}", write(base(3, (8,), compression=c, t320=(SHORT, v)), [squeeze(noise(W * H), c)])
    yield "map_missing", write({k: v for k, v in base(3, (8,)).items() if k != 320}, [noise(W * H)])
    yield "map_of_bytes", write(base(3, (8,), t320=(BYTE, noise(768))), [noise(W * H)])
    yield "map_of_longs", write(base(3, (8,), t320=(LONG, [70000] * 768)), [noise(W * H)])
    yield "map_of_longs_in_range", write(base(3, (8,), t320=(LONG, [v * 257 for v in noise(768)])), [noise(W * H)])
    for mode in ("1", "L", "P", "PA", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "F", "I;16", "I;16B"):
        bits = {"1": 1, "L": 8, "P": 8, "I;16": 16, "I;16B": 16, "LA": 16, "PA": 16, "RGB": 24, "YCbCr": 24, "LAB": 24}.get(mode, 32)
        raw = noise((W * bits + 7) // 8 * H, 4)
        im = Image.frombytes(mode, (W, H), raw) if mode != "F" else Image.frombytes("L", (W, H), noise(W * H)).convert("F")
        if mode in ("P", "PA"):
            im.putpalette(noise(768, 2))
        for c in (None, "tiff_lzw", "tiff_adobe_deflate"):
            yield f"pillow_{mode.replace(';', '')}_{c}", saved(im, compression=c)


def damaged():
    """Streams that end early or hold nonsense."""
    data = smooth(19, 13)
    for c in (LZW, ADOBE, PACKBITS, LZMA, ZSTD):
        stream = squeeze(data, c)
        t = base(2, (8,) * 3, (), 19, 13, c)
        for part in (0.0, 0.1, 0.5, 0.9):
            yield f"stream_cut{int(part * 10)}_c{c}", write(t, [stream[:int(len(stream) * part)] or b"\0"])
        yield f"stream_noise_c{c}", write(t, [noise(len(stream), 6)])
        yield f"stream_damaged_c{c}", write(t, [stream[:40] + noise(20, 5) + stream[60:]])
        yield f"stream_long_c{c}", write(t, [squeeze(data + data, c)])
        yield f"file_cut_c{c}", write(t, [stream])[:-20]
    yield "raw_cut", write(base(2, (8,) * 3), [smooth()])[:-1]
    yield "raw_longer", write(base(2, (8,) * 3), [smooth()]) + b"rest"
    yield "deflate_checksum", write(base(2, (8,) * 3, compression=ADOBE), [zlib.compress(smooth())[:-4] + b"\0\0\0\0"])
    yield "lzw_no_end", write(base(2, (8,) * 3, compression=LZW), [squeeze(smooth(), LZW)[:-1]])


def others():
    """Kinds that are refused, and limits."""
    data = smooth()
    for code, name in ((WEBP, "webp"), (34661, "jbig"), (34887, "lerc"), (34712, "jpeg2000"), (34676, "sgilog"), (34677, "sgilog24"),
                       (32766, "next"), (33003, "aperio"), (50002, "jxl"), (32908, "pixarfilm"), (32909, "pixarlog")):
        yield f"compression_{name}", write(base(2, (8,) * 3, compression=code), [data])
    for name, p, bits, fmt in (("cfa", 32803, (16,), 1), ("linear_raw", 34892, (16,) * 3, 1), ("mask", 4, (1,), 1), ("icclab", 9, (8,) * 3, 1),
                               ("itulab", 10, (8,) * 3, 1), ("logl", 32844, (16,), 1), ("rgb12", 2, (12,) * 3, 1), ("rgb32", 2, (32,) * 3, 1),
                               ("half", 1, (16,), 3), ("double", 1, (64,), 3), ("rgbf", 2, (32,) * 3, 3), ("grey64", 1, (64,), 1),
                               ("complex", 1, (64,), 6), ("grey6", 1, (6,), 1), ("two_bands", 1, (16, 16), 1), ("lab16", 8, (16,) * 3, 1)):
        t = base(p, bits, t339=(SHORT, [fmt] * len(bits)))
        yield f"kind_{name}", write(t, [noise((W * sum(bits) + 7) // 8 * H)])
    for w, h in ((30000, 30000), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1)):
        for c in (RAW, LZW):
            yield f"size_{w}x{h}_c{c}", write(base(2, (8,) * 3, (), w, h, c), [squeeze(data, c)])
    for c in (RAW, LZW):
        for tw, th in ((16, 16), (0, 16), (2**31, 2**31), (24, 24), (8, 8), (1, 1)):
            t = base(1, (8,), (), 16, 16, c, t322=(LONG, [tw]), t323=(LONG, [th]))
            yield f"tile_{tw}x{th}_c{c}", write(t, [squeeze(smooth(16, 16, 1), c)], tiled=True)
        yield f"tile_in_strips_c{c}", write(base(1, (8,), (), 16, 16, c, t322=(LONG, [16]), t323=(LONG, [16])), [squeeze(smooth(16, 16, 1), c)])
    yield "fax_of_grey", write(base(1, (8,), compression=G4), [noise(50)])
    yield "jpeg_of_16_bits", write(base(1, (16,), (), 32, 24, JPEG), [jpeg(photo("L"))])


# Why a file is refused that Pillow refuses, by the beginning of its name.
REASONS = {"compression_": "unsupported", "kind_": "unsupported", "cut": "truncated", "raw_cut": "truncated", "file_cut": "truncated",
           "stream_noise": "corrupt", "stream_damaged": "corrupt", "stream_cut5": "truncated", "bigtiff_be": "unsupported",
           "ycc_22_c1": "unsupported", "media_photo": "unsupported", "size_": "too-large", "samples_7": "unsupported", "bilevel_g4_cut": "truncated",
           "map_missing": "corrupt", "directory_beyond": "truncated", "predictor99": "unsupported", "jpeg_cut540": "truncated"}


def cases():
    for group in (kinds, tiled, bilevel, predicted, jpegs, old_jpegs, video, orientations, headers, incomplete, palettes, damaged, others):
        for case in group():
            reason = [r for start, r in REASONS.items() if case[0].startswith(start)]
            yield (*case[:2], {"reason": reason[0]}) if reason and len(case) == 2 else case
