"""Large arrays, element by element: vector maths and memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload, erf, normal, workload


def black_scholes(spot: Any, strike: Any, years: Any) -> Any:
    """Prices of a call and a put at 2 % interest and 30 % volatility (Black and Scholes 1973)."""
    rate, volatility = 0.02, 0.3
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    n1, n2 = (0.5 * (1 + erf(d * 0.5**0.5)) for d in (d1, d1 - spread))
    discounted = strike * np.exp(-rate * years)
    call = spot * n1 - discounted * n2
    return call, call - spot + discounted


def options(dtype: str) -> Any:
    """A million contracts."""
    return lambda rng: tuple(rng.uniform(lo, hi, 10**6).astype(dtype) for lo, hi in ((80, 120), (80, 120), (0.1, 2)))


def fifteen_ops(x: Any, row: Any, column: Any) -> Any:
    a = np.tanh(x * row + column)
    b = np.exp(-(a * a)) - 0.5 * x
    return np.where(b > 0, np.sqrt(np.abs(b)), b * 0.1) + a * row


def gelu_residual(residual: Any, x: Any, bias: Any) -> Any:
    """Hendrycks and Gimpel 2016, in its exact form."""
    t = x + bias
    return residual + 0.5 * t * (1 + erf(t * 0.5**0.5))


WORKLOADS: list[Workload] = [
    workload(
        "blackscholes_f32",
        "call and put, a million contracts",
        options("float32"),
        black_scholes,
        program="blackscholes",
        numpy_is_timed=False,
    ),
    workload(
        "blackscholes_f64",
        "the same in f64",
        options("float64"),
        black_scholes,
        program="blackscholes",
        numpy_is_timed=False,
        tolerance=1e-10,
    ),
    workload(
        "elementwise_chain",
        "15 operations with a row and a column vector, 4096x1024",
        lambda rng: (normal(rng, 4096, 1024), normal(rng, 1024), normal(rng, 4096, 1)),
        fifteen_ops,
    ),
    workload(
        "gelu_bias_residual",
        "residual + gelu(x + bias), 4096x1024",
        lambda rng: (normal(rng, 4096, 1024), normal(rng, 4096, 1024), normal(rng, 1024)),
        gelu_residual,
        numpy_is_timed=False,
    ),
]
