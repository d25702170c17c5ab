"""Reductions, and what is built on them: softmax, normalisation, statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.workload import Array, Workload, normal, workload


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------------------------------------- layer normalisation


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    d = x - x.mean(axis=1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5) * gain + bias


def layer_norm_loss(arguments: Any, weight: Any) -> Any:
    return (layer_norm(*arguments) * weight).sum()


def layer_norm_gradient(arguments: Any, weight: Array) -> Any:
    x, gain, bias = arguments
    d = x - x.mean(axis=1, keepdims=True)
    r = 1 / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5)
    n, g = d * r, weight * gain
    gx_ = r * (g - g.mean(axis=1, keepdims=True) - n * (g * n).mean(axis=1, keepdims=True))
    return ((n * gain + bias) * weight).sum(), (gx_, (weight * n).sum(axis=0), weight.sum(axis=0))


# ------------------------------------------------------------------------------------------------- plain reductions


def lse_argmax(axis: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        top = x.max(axis=axis)
        return top + np.log(np.exp(x - np.expand_dims(top, axis)).sum(axis=axis)), x.argmax(axis=axis)

    return f


def total(axis: int | None) -> Callable[[Any], Any]:
    return lambda x: x.sum(axis=axis)


def mean_var(x: Any) -> Any:
    return x.mean(axis=0), x.var(axis=0)


def matrix(rng: np.random.Generator) -> tuple[Array]:
    return (normal(rng, 4096, 1024),)


def large(rng: np.random.Generator) -> tuple[Array]:
    return (rng.random((4096, 4096), dtype=np.float32),)


def normalised(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    return normal(rng, 4096, 1024), normal(rng, 1024), normal(rng, 1024)


WORKLOADS: list[Workload] = [
    workload("softmax", "rows of 4096x1024", matrix, softmax),
    workload("layernorm_fwd", "rows of 4096x1024, gain and bias", normalised, layer_norm),
    workload(
        "layernorm_grad",
        "weighted sum, gradients of x, gain and bias",
        lambda rng: (normalised(rng), normal(rng, 4096, 1024)),
        gx.value_and_grad(layer_norm_loss),
        layer_norm_gradient,
        tolerance=1e-3,
    ),
    workload("lse_argmax_ax0", "logsumexp and argmax over axis 0, 4096x1024", matrix, lse_argmax(0)),
    workload("lse_argmax_ax1", "over axis 1", matrix, lse_argmax(1)),
    workload("sum_ax0", "4096x4096 over axis 0", large, total(0)),
    workload("sum_ax1", "over axis 1", large, total(1)),
    workload("sum_all", "over both", large, total(None)),
    workload("meanvar_ax0", "mean and variance over axis 0, 4096x4096", large, mean_var),
]
