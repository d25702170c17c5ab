"""Logistic regression and a classifier of three layers: losses, gradients, steps of optimisers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.workload import Array, Workload, normal, workload

RATE, MOMENTUM, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.9, 0.999, 1e-8
LAYERS = (784, 512, 256, 10)

# ---------------------------------------------------------------------------------------------- logistic regression


def logistic_loss(parameters: Any, x: Any, y: Any) -> Any:
    w, b = parameters
    z = x @ w + b
    return (np.logaddexp(0, z) - y * z).mean()


def logistic_gradient(parameters: Any, x: Array, y: Array) -> Any:
    w, b = parameters
    z = x @ w + b
    g = (1 / (1 + np.exp(-z)) - y) / len(y)
    return (np.logaddexp(0, z) - y * z).mean(), (g @ x, g.sum())


def labelled(rng: np.random.Generator) -> tuple[Any, ...]:
    y = (rng.random(100_000) < 0.5).astype("float32")
    return (normal(rng, 100, scale=0.1), np.array(0.1, "float32")), normal(rng, 100_000, 100), y


# ------------------------------------------------------------------------------------------------------- classifier


def scores(parameters: Any, x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    h = np.maximum(x @ w1 + b1, 0)
    return np.maximum(h @ w2 + b2, 0) @ w3 + b3


def cross_entropy(parameters: Any, x: Any, labels: Any) -> Any:
    z = scores(parameters, x)
    d = z - z.max(axis=1, keepdims=True)
    log_p = d - np.log(np.exp(d).sum(axis=1, keepdims=True))
    return -np.take_along_axis(log_p, labels[:, None], 1).mean()


def cross_entropy_gradient(parameters: Any, x: Array, labels: Array) -> Any:
    w1, b1, w2, b2, w3, b3 = parameters
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    z = h2 @ w3 + b3
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    g3 = p / len(x)
    g2 = (g3 @ w3.T) * (h2 > 0)
    g1 = (g2 @ w2.T) * (h1 > 0)
    return loss, (x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ g3, g3.sum(0))


gradient = gx.value_and_grad(cross_entropy)


def momentum(slopes: Any, parameters: Any, velocities: Any) -> Any:
    velocities = tuple(MOMENTUM * v + g for v, g in zip(velocities, slopes, strict=True))
    return tuple(p - RATE * v for p, v in zip(parameters, velocities, strict=True)), velocities


def sgd_step(parameters: Any, velocities: Any, x: Any, labels: Any) -> Any:
    loss, slopes = gradient(parameters, x, labels)
    return loss, *momentum(slopes, parameters, velocities)


def sgd_step_numpy(parameters: Any, velocities: Any, x: Array, labels: Array) -> Any:
    loss, slopes = cross_entropy_gradient(parameters, x, labels)
    return loss, *momentum(slopes, parameters, velocities)


def adam(slopes: Any, parameters: Any, state: Any) -> Any:
    """Kingma and Ba 2015, algorithm 1; state: running means of gradients and of their squares, number of the step"""
    means, squares, step = state
    means = tuple(BETA1 * m + (1 - BETA1) * g for m, g in zip(means, slopes, strict=True))
    squares = tuple(BETA2 * s + (1 - BETA2) * g * g for s, g in zip(squares, slopes, strict=True))
    c1, c2 = 1 - BETA1**step, 1 - BETA2**step
    each = zip(parameters, means, squares, strict=True)
    moved = tuple(p - 1e-3 * (m / c1) / (np.sqrt(s / c2) + EPSILON) for p, m, s in each)
    return moved, (means, squares)


def adam_step(parameters: Any, state: Any, x: Any, labels: Any) -> Any:
    loss, slopes = gradient(parameters, x, labels)
    return loss, *adam(slopes, parameters, state)


def adam_step_numpy(parameters: Any, state: Any, x: Array, labels: Array) -> Any:
    loss, slopes = cross_entropy_gradient(parameters, x, labels)
    return loss, *adam(slopes, parameters, state)


def weights(rng: np.random.Generator) -> tuple[Array, ...]:
    pairs = pairwise(LAYERS)
    return tuple(p for n, m in pairs for p in (normal(rng, n, m, scale=(2 / n) ** 0.5), np.zeros(m, "float32")))


def batch(rng: np.random.Generator) -> tuple[Array, Array]:
    return normal(rng, 128, LAYERS[0]), rng.integers(0, LAYERS[-1], 128)


def small(rng: np.random.Generator) -> tuple[Array, ...]:
    """State of an optimiser after some steps."""
    return tuple(np.abs(normal(rng, *p.shape, scale=1e-3)) for p in weights(rng))


WORKLOADS: list[Workload] = [
    workload(
        "logreg_grad",
        "logistic regression, 100000x100, loss and gradients",
        labelled,
        gx.value_and_grad(logistic_loss),
        logistic_gradient,
    ),
    workload(
        "mlp_fwd_loss",
        "784-512-256-10, batch 128, cross entropy",
        lambda rng: (weights(rng), *batch(rng)),
        cross_entropy,
    ),
    workload(
        "mlp_train_sgdm",
        "with gradients and a step with momentum",
        lambda rng: (weights(rng), small(rng), *batch(rng)),
        sgd_step,
        sgd_step_numpy,
    ),
    workload(
        "mlp_train_adam",
        "with gradients and a step of Adam",
        lambda rng: (weights(rng), (small(rng), small(rng), np.array(10.0, "float32")), *batch(rng)),
        adam_step,
        adam_step_numpy,
    ),
]
