"""gammaln and psi under the names of scipy.special, and their derivatives, as many as one asks for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from worlds import symbolic, traced

import graphc.numpy as gnp
from graphc import check_grads
from graphc.ir.graph import Graph
from graphc.ir.ops.gamma import digamma, trigamma
from graphc.numpy.dispatch import apply_ufunc

X = np.array([-7.3, -2.6, -0.4, 0.2, 0.9, 1.7, 2.5, 6.0, 30.0])


class Ufunc:
    """What the protocol knows of a ufunc of SciPy."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


@pytest.mark.parametrize("name", ["gammaln", "psi", "digamma"])
def test_ufuncs_of_scipy_are_known_by_name(name: str) -> None:
    x = symbolic(Graph(), X)
    assert apply_ufunc(Ufunc(name), "__call__", (x,), {}).value == getattr(gnp, name)(x).value


def test_gammaln_is_that_of_python() -> None:
    want = [math.lgamma(x) for x in X]
    for found in (gnp.gammaln(X), traced(gnp.gammaln, X)):
        np.testing.assert_allclose(found, want, rtol=1e-13)
    assert gnp.gammaln(np.arange(3)).tolist() == [math.inf, 0.0, 0.0]


def test_psi_follows_its_recurrence() -> None:
    np.testing.assert_allclose(gnp.psi(X + 1), gnp.psi(X) + 1 / X, rtol=1e-12)
    np.testing.assert_allclose(trigamma(X + 1), trigamma(X) - 1 / X**2, rtol=1e-12)


@pytest.mark.parametrize("f", [gnp.gammaln, gnp.digamma, digamma, trigamma])
def test_gradients_to_second_order(f) -> None:
    """The fourth derivative of gammaln is among them."""
    check_grads(f, (np.array([-2.6, -0.4, 0.7, 1.7, 2.5, 6.0, 14.0]),))
