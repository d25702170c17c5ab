"""One function, two execution models: compiled once from a graph, and run at once on a tape.

python examples/static_vs_dynamic.py
"""

from __future__ import annotations

import time

import numpy as np

import graphc as gx
from graphc.eager.tape import ancestors


def energy(x, w):
    """Plain NumPy; knows nothing of graphs. x: f64[n,8], w: f64[8,4] -> f64[]"""
    hidden = np.tanh(x @ w)
    return np.mean(hidden**2) + 0.1 * np.abs(w).sum()


def static(x, w):
    """The gradient is part of one compiled function."""
    gradient = gx.jit(gx.value_and_grad(energy, argnums=1))
    gradient(x, w)  # traces, differentiates, compiles
    return gradient


def dynamic(x, w):
    """The gradient is recorded by every call, so Python's `if`, `while` and `print` just work."""
    w = gx.eager.tensor(w, requires_grad=True)
    value = energy(gx.eager.tensor(x), w)
    (slope,) = gx.eager.grad(value, [w], retain_graph=True)
    return value, slope


def microseconds(call, repeat=300):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return np.median(times) * 1e6


def main():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(64, 8)), rng.normal(size=(8, 4))
    compiled = static(x, w)
    value, slope = compiled(x, w)
    eager_value, eager_slope = dynamic(x, w)
    difference = np.abs(slope - np.asarray(eager_slope)).max()
    rows = [
        ("", "static", "dynamic"),
        ("value", f"{float(value):.12f}", f"{float(eager_value):.12f}"),
        ("nodes built per call", "0", str(len(ancestors([eager_value])))),
        (
            "time per call",
            f"{microseconds(lambda: compiled(x, w)):.1f} us",
            f"{microseconds(lambda: dynamic(x, w)):.1f} us",
        ),
        ("largest difference of the gradients", "", f"{difference:.1e}"),
    ]
    for name, left, right in rows:
        print(f"{name:36} {left:>16} {right:>16}")


if __name__ == "__main__":
    main()
