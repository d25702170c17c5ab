"""Rows picked from a table, and their gradient, which is added up row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.workload import Array, Workload, normal, workload


def pooled(table: Any, ids: Any) -> Any:
    """table: f32[rows, width], ids: i64[bags, items] -> f32[bags, width]"""
    return table[ids].sum(axis=1)


def loss(table: Any, ids: Any, weight: Any) -> Any:
    return (pooled(table, ids) * weight).sum()


def loss_gradient(table: Array, ids: Array, weight: Array) -> Any:
    slope = np.zeros_like(table)
    np.add.at(slope, ids, weight[:, None, :])
    return (pooled(table, ids) * weight).sum(), slope


def bags(rng: np.random.Generator) -> tuple[Array, Array]:
    return normal(rng, 32_000, 256), rng.integers(0, 32_000, (512, 8))


WORKLOADS: list[Workload] = [
    workload("embed_fwd", "512 bags of 8 rows of 32000x256, summed", bags, pooled),
    workload(
        "embed_grad",
        "the gradient of the table",
        lambda rng: (*bags(rng), normal(rng, 512, 256)),
        gx.value_and_grad(loss),
        loss_gradient,
    ),
]
