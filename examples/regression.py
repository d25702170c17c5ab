"""Logistic regression with two lines of graphc: `jit` and `value_and_grad` over a function of NumPy.

python examples/regression.py
"""

from __future__ import annotations

import numpy as np

import graphc as gx


def negative_log_likelihood(parameters, x, y):
    """x: f64[n,d], y: f64[n] of 0 and 1 -> f64[]; parameters: a dict, as everywhere nests are fine"""
    z = x @ parameters["slope"] + parameters["intercept"]
    return np.mean(np.logaddexp(0, z) - y * z) + 1e-3 * np.sum(parameters["slope"] ** 2)


step = gx.jit(gx.value_and_grad(negative_log_likelihood))


def sample(rng, n=2000):
    """Points whose label is drawn from a known model."""
    truth = np.array([2.0, -1.0, 0.5])
    x = rng.normal(size=(n, 3))
    return x, (rng.random(n) < 1 / (1 + np.exp(-(x @ truth + 0.3)))).astype("float64"), truth


def main():
    x, y, truth = sample(np.random.default_rng(1))
    parameters = {"slope": np.zeros(3), "intercept": np.zeros(())}
    for k in range(400):
        loss, gradient = step(parameters, x, y)
        parameters = {name: p - 1.0 * gradient[name] for name, p in parameters.items()}
        if k % 100 == 0:
            print(f"step {k:3d}  loss {float(loss):.6f}")
    print("fitted", parameters["slope"].round(2), "truth", truth)
    assert np.abs(parameters["slope"] - truth).max() < 0.3


if __name__ == "__main__":
    main()
