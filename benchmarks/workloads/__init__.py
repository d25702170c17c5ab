"""All workloads, in the order of the tables."""

from __future__ import annotations

from benchmarks.workloads import (
    elementwise,
    embedding,
    geometry,
    images,
    ordering,
    products,
    recurrent,
    rows,
    simulation,
    small,
    statistics,
    training,
    transformer,
)
from benchmarks.workloads.workload import Workload as Workload

_MODULES = (
    small,
    elementwise,
    rows,
    training,
    transformer,
    recurrent,
    simulation,
    embedding,
    products,
    ordering,
    images,
    geometry,
    statistics,
)

WORKLOADS: dict[str, Workload] = {w.name: w for module in _MODULES for w in module.WORKLOADS}

NOT_EXPRESSIBLE = {
    "lenet_train, resnet18_b1, resnet18_b8, resnet18_grad_b8": "convolution",
    "ode_rk4": "loops in the graph",
}
"""Workloads that wait for functions graphc does not have."""
