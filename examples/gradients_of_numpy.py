"""Gradients of NumPy code, checked: special functions, `where` without NaN, second derivatives.

The ufuncs of `scipy.special` are recognised by their names; graphc has its own code for them and never imports SciPy.

python examples/gradients_of_numpy.py
"""

from __future__ import annotations

import numpy as np

import graphc as gx
import graphc.numpy as gnp


def gelu(x):
    """x * P(normal <= x), Hendrycks and Gimpel 2016"""
    return 0.5 * x * (1 + gnp.erf(x / np.sqrt(2)))


def entropy(p):
    """-sum p log p, with 0 log 0 = 0: `where` keeps the branch not taken out of the gradient."""
    return -np.where(p > 0, p * np.log(p), 0).sum()


def free_energy(x):
    return gnp.xlogy(gnp.expit(x), gnp.expit(x)).sum() + np.log1p(x**2).sum()


def main():
    x = np.linspace(-3, 3, 7)
    total = gx.jit(gx.grad(lambda x: gelu(x).sum()))
    print("gelu'        ", total(x).round(4))
    second = gx.jit(gx.grad(lambda x: gx.grad(lambda t: gelu(t).sum())(x).sum()))
    print("gelu''       ", second(x).round(4))
    p = np.array([0.0, 0.25, 0.75])
    print("entropy'     ", gx.jit(gx.grad(entropy))(p).round(4), "(no NaN at 0)")
    for f in (lambda x: gelu(x).sum(), free_energy):
        gx.check_grads(f, (x,), order=2)
    print("first and second derivatives agree with differences along random directions")


if __name__ == "__main__":
    main()
