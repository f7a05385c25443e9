#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SwAV's multi-crop with OpenCV on uint8 arrays: the fastest script one would
write by hand. INTER_AREA is its antialiased resize; hue by way of its 8-bit HSV;
a true Gaussian blur.

    pip install opencv-python-headless==5.0.0.93 numpy==2.4.6
    taskset -c 0 python3 tools/peers/loader_opencv.py --images DIR --seconds 10
"""
import math
import random

import cv2
import numpy as np
import peer


def box(w, h, scale):
    for _ in range(10):
        area = w * h * random.uniform(*scale)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        cw, ch = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < cw <= w and 0 < ch <= h:
            return random.randint(0, w - cw), random.randint(0, h - ch), cw, ch
    side = min(w, h)
    return (w - side) // 2, (h - side) // 2, side, side


def brightness(im, f):
    return cv2.convertScaleAbs(im, alpha=f)


def contrast(im, f):
    mean = round(cv2.mean(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY))[0])
    return cv2.addWeighted(im, f, im, 0, (1 - f) * mean)


def saturation(im, f):
    gray = cv2.cvtColor(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(im, f, gray, 1 - f, 0)


def hue(im, f):
    hsv = cv2.cvtColor(im, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(int(f * 255) % 256)  # wraps, as it should
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)


def jitter(im):
    ops = [(brightness, 0.2, 1.8), (contrast, 0.2, 1.8), (saturation, 0.2, 1.8), (hue, -0.2, 0.2)]
    random.shuffle(ops)
    for op, lo, hi in ops:
        im = op(im, random.uniform(lo, hi))
    return im


def crop(im, size, scale):
    x, y, w, h = box(im.shape[1], im.shape[0], scale)
    im = cv2.resize(im[y:y + h, x:x + w], (size, size), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        im = cv2.flip(im, 1)
    if random.random() < 0.8:
        im = jitter(im)
    if random.random() < 0.2:
        im = cv2.cvtColor(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if random.random() < 0.5:
        im = cv2.GaussianBlur(im, (0, 0), random.uniform(0.1, 2))
    return im


def main():
    a = peer.arguments(__doc__.splitlines()[0])
    cv2.setNumThreads(1)
    random.seed(0)
    names = peer.files(a.images)
    at = [0]

    def step():
        data = np.fromfile(names[at[0] % len(names)], dtype=np.uint8)
        at[0] += 1
        im = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return [crop(im, s, scale) for n, s, scale in a.crops for _ in range(n)]

    peer.measure("OpenCV INTER_AREA", step, 1, a.seconds)


if __name__ == "__main__":
    main()
