"""Bodies, clusters, heat: scientific code."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.workload import Array, Workload, workload

CLUSTERS = 256
STEPS = 50


def forces(position: Any, mass: Any) -> Any:
    """Accelerations under softened gravity; position: f64[n, 3], mass: f64[n] -> f64[n, 3]"""
    d = position[None, :, :] - position[:, None, :]
    inverse = ((d * d).sum(axis=-1) + 1e-3) ** -1.5
    return (d * (inverse * mass)[:, :, None]).sum(axis=1)


def bodies(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.normal(size=(2048, 3)), rng.uniform(0.5, 1.5, 2048)


def lloyd(x: Any, centroids: Any) -> Any:
    """One step of Lloyd 1982: labels and the means of the points that have them."""
    distance = (centroids * centroids).sum(axis=1) - 2 * (x @ centroids.T)
    labels = distance.argmin(axis=1)
    is_member = (labels[:, None] == np.arange(CLUSTERS)).astype(x.dtype)
    counts = is_member.sum(axis=0)
    return labels, (is_member.T @ x) / np.maximum(counts, 1)[:, None]


def clustered(rng: np.random.Generator) -> tuple[Array, Array]:
    """Points so near to their centres that rounding changes no label."""
    centres = 3 * rng.normal(size=(CLUSTERS, 64))
    x = centres[rng.integers(0, CLUSTERS, 20_000)] + 0.3 * rng.normal(size=(20_000, 64))
    return x.astype("float32"), (centres + 0.1 * rng.normal(size=centres.shape)).astype("float32")


def heat(u: Any) -> Any:
    """Explicit steps of the heat equation between cold walls."""
    for _ in range(STEPS):
        p = np.pad(u, 1)
        u = u + 0.2 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)
    return u


WORKLOADS: list[Workload] = [
    workload("nbody", "forces between 2048 bodies, f64", bodies, forces, tolerance=1e-9),
    workload("kmeans", "20000x64 to 256 centroids: labels and new centroids", clustered, lloyd),
    workload(
        "heat2d", f"{STEPS} stencil steps, 1024x1024", lambda rng: (rng.random((1024, 1024), dtype=np.float32),), heat
    ),
]
