"""A recurrent network whose steps Python unrolls: 128 steps of 32 sequences, 128 units."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.workload import Array, normal, workload

TIME, BATCH, UNITS = 128, 32, 128


def parameters(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    return normal(rng, UNITS, 4 * UNITS, scale=0.05), normal(rng, UNITS, 4 * UNITS, scale=0.05), normal(rng, 4 * UNITS)


def sequences(rng: np.random.Generator) -> tuple[Any, ...]:
    return parameters(rng), normal(rng, TIME, BATCH, UNITS)


def weighted(rng: np.random.Generator) -> tuple[Any, ...]:
    return (*sequences(rng), normal(rng, BATCH, UNITS))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gates(z: Any) -> tuple[Any, Any, Any, Any]:
    """Input, forget, cell, output."""
    i, f, g, o = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
    return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)


def last_state(p: Any, x: Any) -> Any:
    wx, wh, b = p
    h = c = np.zeros((BATCH, UNITS), x.dtype)
    for z in x @ wx + b:
        i, f, g, o = gates(z + h @ wh)
        c = f * c + i * g
        h = o * np.tanh(c)
    return h


def loss(p: Any, x: Any, weight: Any) -> Any:
    return (last_state(p, x) * weight).sum()


def loss_and_gradients(p: Any, x: Array, weight: Array) -> Any:
    """Backpropagation through time, by hand."""
    wx, wh, b = p
    h = c = np.zeros((BATCH, UNITS), x.dtype)
    steps = []
    for z in x @ wx + b:
        made = gates(z + h @ wh)
        i, f, g, o = made
        after = f * c + i * g
        steps.append((h, c, made, np.tanh(after)))
        c, h = after, o * steps[-1][3]
    value, dh, dc = (h * weight).sum(), weight, np.zeros_like(c)
    dz, dwh = np.zeros((TIME, BATCH, 4 * UNITS), x.dtype), np.zeros_like(wh)
    for t in reversed(range(TIME)):
        h, c, (i, f, g, o), squashed = steps[t]
        dc = dc + dh * o * (1 - squashed**2)
        slopes = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * squashed * o * (1 - o)
        dz[t] = np.concatenate(slopes, axis=1)
        dwh += h.T @ dz[t]
        dh, dc = dz[t] @ wh.T, dc * f
    return value, (np.einsum("tbi,tbj->ij", x, dz), dwh, dz.sum(axis=(0, 1)))


WORKLOADS = (
    workload("lstm_fwd", "hidden 128, batch 32, 128 steps, unrolled: the last state", sequences, last_state),
    workload("lstm_grad", "its weighted sum and 3 gradients", weighted, gx.value_and_grad(loss), loss_and_gradients),
)
