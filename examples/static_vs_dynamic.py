"""One function, two execution models: compiled once from a graph, and run at once on a tape.

python examples/static_vs_dynamic.py
"""

from __future__ import annotations

import numpy as np

import graphc as gx


def energy(x, w):
    """Plain NumPy; knows nothing of graphs. x: f64[n,8], w: f64[8,4] -> f64[]"""
    hidden = np.tanh(x @ w)
    return np.mean(hidden**2) + 0.1 * np.abs(w).sum()


def static(x, w):
    """The gradient is part of one compiled function: this traces, differentiates and compiles, and runs."""
    return gx.jit(gx.value_and_grad(energy, argnums=1))(x, w)


def dynamic(x, w):
    """The gradient is recorded by every call, so Python's `if`, `while` and `print` just work."""
    w = gx.eager.tensor(w, requires_grad=True)
    value = energy(gx.eager.tensor(x), w)
    (slope,) = gx.eager.grad(value, [w])
    return value, slope


def main():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(64, 8)), rng.normal(size=(8, 4))
    np.testing.assert_allclose(static(x, w)[1], dynamic(x, w)[1].numpy(), rtol=1e-12)
    print(gx.compare(energy, x, w, argnums=1))


if __name__ == "__main__":
    main()
