"""Many small vectors and matrices, put together from coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload, normal, workload


def rotations(v: Any) -> Any:
    """Matrices that turn about v by its length (Rodrigues 1840); v: f64[n, 3] -> f64[n, 3, 3]"""
    angle = np.sqrt((v * v).sum(axis=1))
    x, y, z = (v[:, k] / angle for k in range(3))
    c, s = np.cos(angle), np.sin(angle)
    rest = 1 - c
    rows = [
        [c + x * x * rest, x * y * rest - z * s, x * z * rest + y * s],
        [y * x * rest + z * s, c + y * y * rest, y * z * rest - x * s],
        [z * x * rest - y * s, z * y * rest + x * s, c + z * z * rest],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def cross(a: Any, b: Any) -> Any:
    parts = [a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, axis=1)


def turned(q: Any, v: Any) -> Any:
    """v turned by the unit quaternions q, real part first; q: f32[n, 4], v: f32[n, 3] -> f32[n, 3]"""
    w, u = q[:, :1], q[:, 1:]
    t = 2 * cross(u, v)
    return v + w * t + cross(u, t)


def inverses(m: Any) -> Any:
    """m: f64[n, 2, 2] -> f64[n, 2, 2]"""
    a, b, c, d = m[:, 0, 0], m[:, 0, 1], m[:, 1, 0], m[:, 1, 1]
    adjugate = np.stack([np.stack([d, -b], axis=1), np.stack([-c, a], axis=1)], axis=1)
    return adjugate / (a * d - b * c)[:, None, None]


WORKLOADS: list[Workload] = [
    workload(
        "rotations",
        "20000 rotation matrices from vectors, f64",
        lambda rng: (rng.normal(size=(20_000, 3)),),
        rotations,
        tolerance=1e-10,
    ),
    workload(
        "quaternions",
        "100000 vectors turned by quaternions",
        lambda rng: (normal(rng, 100_000, 4, scale=0.5), normal(rng, 100_000, 3)),
        turned,
    ),
    workload(
        "inverse_2x2",
        "100000 inverses by the formula, f64",
        lambda rng: (rng.normal(size=(100_000, 2, 2)) + 4 * np.eye(2),),
        inverses,
        tolerance=1e-10,
    ),
]
