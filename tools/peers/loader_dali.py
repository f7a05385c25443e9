#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SwAV's multi-crop with NVIDIA DALI's CPU operators on one thread, uint8 out.

    pip install nvidia-dali-cuda120==2.4.0
    taskset -c 0 python3 tools/peers/loader_dali.py --images DIR --seconds 10
"""
import peer
from nvidia.dali import fn, pipeline_def, types


def choose(p, yes, no):
    """yes with probability p, else no."""
    b = fn.cast(fn.random.coin_flip(probability=p), dtype=types.FLOAT)
    return b * yes + (1 - b) * no


@pipeline_def
def swav(names, crops):
    data, _ = fn.readers.file(files=names, random_shuffle=True, name="files")
    image = fn.decoders.image(data, device="cpu", output_type=types.RGB)
    out = []
    for count, size, scale in crops:
        for _ in range(count):
            x = fn.random_resized_crop(image, size=(size, size), random_area=scale,
                                       random_aspect_ratio=(3 / 4, 4 / 3), antialias=True)
            x = fn.flip(x, horizontal=fn.random.coin_flip(probability=0.5))
            jitter = fn.random.coin_flip(probability=0.8)
            b = fn.cast(jitter, dtype=types.FLOAT)
            uniform = fn.random.uniform
            saturation = b * uniform(range=(0.2, 1.8)) + (1 - b)
            x = fn.color_twist(x, brightness=b * uniform(range=(0.2, 1.8)) + (1 - b),
                               contrast=b * uniform(range=(0.2, 1.8)) + (1 - b),
                               saturation=choose(0.2, 0.0, saturation), hue=b * uniform(range=(-72, 72)))
            # A deviation near 0 is no blur: DALI has no conditional that costs nothing.
            x = fn.gaussian_blur(x, sigma=choose(0.5, uniform(range=(0.1, 2)), 0.01))
            out.append(x)
    return tuple(out)


def main():
    a = peer.arguments(__doc__.splitlines()[0])
    batch = 16
    pipe = swav(peer.files(a.images), a.crops, batch_size=batch, num_threads=1, device_id=None, seed=0,
                prefetch_queue_depth=1)
    pipe.build()
    peer.measure("DALI CPU", pipe.run, batch, a.seconds)


if __name__ == "__main__":
    main()
