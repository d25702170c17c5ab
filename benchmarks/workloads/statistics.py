"""Moments of columns, densities, and similarities of all pairs of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload, normal, workload


def standard(x: Any) -> Any:
    """Columns of mean 0 and deviation 1; x: f32[n, d] -> f32[n, d]"""
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)


def covariance(x: Any) -> Any:
    """x: f32[n, d] -> f32[d, d]"""
    centred = x - x.mean(axis=0)
    return centred.T @ centred / (x.shape[0] - 1)


def kernel_matrix(x: Any, y: Any) -> Any:
    """exp(-|x - y|^2 / 2) for all pairs of rows; x: f32[n, d], y: f32[m, d] -> f32[n, m]"""
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * x @ y.T
    return np.exp(-0.5 * squares)


def log_density(x: Any, mean: Any, log_deviation: Any) -> Any:
    """Of independent normal variables; x, mean: f32[n, d], log_deviation: f32[d] -> f32[n]"""
    z = (x - mean) * np.exp(-log_deviation)
    return (-0.5 * z * z - log_deviation - 0.9189385).sum(axis=1)


def powers(x: Any) -> Any:
    """A polynomial as it is written down; x: f32[n] -> f32[n]"""
    return 1 + 2 * x + 3 * x**2 + 4 * x**3 + 5 * x**4 + 6 * x**5


WORKLOADS: list[Workload] = [
    workload("standardise", "columns of 20000x256", lambda rng: (normal(rng, 20_000, 256),), standard),
    workload("covariance", "of 2000x512", lambda rng: (normal(rng, 2000, 512),), covariance),
    workload(
        "kernel_matrix",
        "2000 by 2000 points of 8 coordinates",
        lambda rng: (normal(rng, 2000, 8), normal(rng, 2000, 8)),
        kernel_matrix,
    ),
    workload(
        "normal_logp",
        "20000 times 64 normal variables",
        lambda rng: (normal(rng, 20_000, 64), normal(rng, 20_000, 64), normal(rng, 64, scale=0.1)),
        log_density,
    ),
    workload("powers", "a polynomial of 1000000 numbers", lambda rng: (normal(rng, 1_000_000),), powers),
]
