"""Computations so small that the call itself is most of the cost."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gx
from benchmarks.workloads.workload import Array, Workload, normal, workload


def add(x: Any) -> Any:
    return x + 1


# ---------------------------------------------------------------------------------------------------- a tiny network


def mlp(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return np.tanh(x @ w1 + b1) @ w2 + b2


def squared_error(parameters: Any, x: Any, y: Any) -> Any:
    return ((mlp(x, *parameters) - y) ** 2).mean()


def squared_error_gradient(parameters: Any, x: Array, y: Array) -> Any:
    w1, b1, w2, b2 = parameters
    h = np.tanh(x @ w1 + b1)
    d = h @ w2 + b2 - y
    g = d * (2 / d.size)
    gh = (g @ w2.T) * (1 - h * h)
    return (d * d).mean(), (x.T @ gh, gh.sum(0), h.T @ g, g.sum(0))


def parameters(rng: np.random.Generator) -> tuple[Array, ...]:
    return normal(rng, 32, 64, scale=0.2), normal(rng, 64), normal(rng, 64, 10, scale=0.2), normal(rng, 10)


# ------------------------------------------------------------------------------------------- a hierarchical regression


def log_density(p: Any, x: Any, y: Any, group: Any) -> Any:
    """Normal observations around an intercept per group and a common slope; p: f64[8] intercepts, mu, log tau,
    slope, log sigma."""
    a, mu, log_tau, b, log_sigma = p
    z = (y - a[group] - b * x) * np.exp(-log_sigma)
    u = (a - mu) * np.exp(-log_tau)
    likelihood = -0.5 * (z * z).sum() - y.shape[0] * log_sigma
    prior = -0.5 * (u * u).sum() - a.shape[0] * log_tau - 0.5 * (mu * mu + log_tau * log_tau + b * b + log_sigma**2)
    return likelihood + prior


def log_density_gradient(p: Any, x: Array, y: Array, group: Array) -> Any:
    a, mu, log_tau, b, log_sigma = p
    z = (y - a[group] - b * x) * np.exp(-log_sigma)
    u = (a - mu) * np.exp(-log_tau)
    dz, du = z * np.exp(-log_sigma), u * np.exp(-log_tau)
    return log_density(p, x, y, group), (
        np.bincount(group, dz, minlength=len(a)) - du,
        du.sum() - mu,
        (u * u).sum() - len(a) - log_tau,
        (dz * x).sum() - b,
        (z * z).sum() - len(y) - log_sigma,
    )


def observations(rng: np.random.Generator) -> tuple[Any, ...]:
    x, group = rng.normal(size=1000), rng.integers(0, 8, 1000)
    a = rng.normal(size=8)
    y = a[group] + 0.5 * x + 0.3 * rng.normal(size=1000)
    scalars = (np.array(v) for v in (0.1, -0.2, 0.4, -1.0))
    return (a, *scalars), x, y, group


# --------------------------------------------------------------------------------------------------- chained products


def chain(x: Any, *ws: Any) -> Any:
    for w in ws:
        x = np.tanh(x @ w)
    return x


WORKLOADS: list[Workload] = [
    workload("overhead_add", "x + 1, 8 numbers", lambda rng: (normal(rng, 8),), add),
    workload(
        "mlp_tiny_fwd",
        "tanh(x @ w1 + b1) @ w2 + b2, 1x32 -> 64 -> 10",
        lambda rng: (normal(rng, 1, 32), *parameters(rng)),
        mlp,
    ),
    workload(
        "mlp_tiny_grad",
        "its mean squared error and 4 gradients",
        lambda rng: (parameters(rng), normal(rng, 1, 32), normal(rng, 1, 10)),
        gx.value_and_grad(squared_error),
        squared_error_gradient,
    ),
    workload(
        "hier_logp",
        "hierarchical regression, log density and gradients, 1000 observations in 8 groups, f64",
        observations,
        gx.value_and_grad(log_density),
        log_density_gradient,
        tolerance=1e-9,
    ),
    workload(
        "small_gemm_chain",
        "8 chained 16x16 products with tanh, f64",
        lambda rng: tuple(normal(rng, 16, 16, scale=0.3, dtype="float64") for _ in range(9)),
        chain,
        tolerance=1e-9,
    ),
]
