"""Pictures of eight bits per channel, as they come from a file: conversions, channels, neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.workload import Array, Workload, normal, workload


def luma(picture: Any) -> Any:
    """Brightness by the weights of ITU-R BT.601; picture: u8[h, w, 3] -> f32[h, w]"""
    x = picture.astype("float32")
    return 0.299 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2]


def sobel(picture: Any) -> Any:
    """The length of the gradient by Sobel's masks; picture: u8[h, w] -> f32[h - 2, w - 2]"""
    x = picture.astype("float32")
    across = x[:-2, 2:] + 2 * x[1:-1, 2:] + x[2:, 2:] - x[:-2, :-2] - 2 * x[1:-1, :-2] - x[2:, :-2]
    down = x[2:, :-2] + 2 * x[2:, 1:-1] + x[2:, 2:] - x[:-2, :-2] - 2 * x[:-2, 1:-1] - x[:-2, 2:]
    return np.sqrt(across * across + down * down)


def channels_first(pictures: Any, mean: Any, deviation: Any) -> Any:
    """What a network is fed with; pictures: u8[n, h, w, 3] -> f32[n, 3, h, w]"""
    return np.transpose((pictures.astype("float32") / 255 - mean) / deviation, (0, 3, 1, 2))


def bytes_of(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 256, shape).astype("uint8")


WORKLOADS: list[Workload] = [
    workload("luma_u8", "brightness of 1024x1024 colours", lambda rng: (bytes_of(rng, 1024, 1024, 3),), luma),
    workload("sobel_u8", "edges of 1024x1024 grey levels", lambda rng: (bytes_of(rng, 1024, 1024),), sobel),
    workload(
        "channels_first_u8",
        "8 pictures of 224x224, normalised, channels in front",
        lambda rng: (bytes_of(rng, 8, 224, 224, 3), normal(rng, 3), rng.uniform(0.5, 1.5, 3).astype("float32")),
        channels_first,
    ),
]
