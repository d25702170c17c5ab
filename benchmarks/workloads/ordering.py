"""Sorting, selecting, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc.numpy as gnp
from benchmarks.workloads.workload import Array, Workload, normal, workload

K = 50


def row(count: int) -> Callable[[np.random.Generator], tuple[Array]]:
    return lambda rng: (normal(rng, count),)


def matrix(rng: np.random.Generator) -> tuple[Array]:
    return (normal(rng, 4096, 1024),)


def distinct(rng: np.random.Generator) -> tuple[Array]:
    """Numbers whose order is the same in any precision."""
    return (rng.permutation(1_000_000).astype("float32"),)


def top_k(x: Any) -> Any:
    return gnp.top_k(x, K)


def partitioned(x: Array) -> tuple[Array, Array]:
    """NumPy has no such function: the last items of a partition, in order."""
    places = np.argpartition(x, -K, axis=1)[:, -K:]
    values = np.take_along_axis(x, places, 1)
    order = np.argsort(-values, axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(places, order, 1)


def stable_order(x: Any) -> Any:
    return np.argsort(x, kind="stable")


def running(axis: int) -> Callable[[Any], Any]:
    return lambda x: np.cumsum(x, axis=axis)


WORKLOADS: list[Workload] = [
    workload("sort_1e6", "a row of a million", row(1_000_000), np.sort, program="sort"),
    workload("sort_rows", "rows of 4096x1024", matrix, np.sort, program="sort"),
    workload("argsort_1e6", "stable positions of a million", distinct, stable_order, program="argsort"),
    workload("topk50", "the 50 largest of 1024 and their positions, 4096 rows", matrix, top_k, partitioned),
    workload("cumsum_row", "running sum of 65536", row(65536), running(0), program="cumsum_ax0"),
    workload("cumsum_ax0", "over axis 0, 4096x1024", matrix, running(0)),
    workload("cumsum_ax1", "over axis 1", matrix, running(1)),
]
