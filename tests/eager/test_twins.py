"""The same NumPy program on the tape and as a graph: values, gradients and gradients of gradients agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import eager
from graphc.autodiff.reverse import gradients
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.types import Type, short_dtype
from graphc.numpy.tensor import Tensor as Symbolic

RNG = np.random.default_rng(7)
X, W, V, B = (RNG.standard_normal(s) for s in ((5, 4), (4, 3), (3, 2), (3,)))
LABELS = np.array([0, 2, 1, 1, 0])


def perceptron(x: Any, w: Any, v: Any, b: Any) -> Any:
    return np.tanh(np.tanh(x @ w + b) @ v).sum()


def cross_entropy(x: Any, w: Any, b: Any) -> Any:
    scores = x @ w + b
    shifted = scores - scores.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logs[np.arange(5), LABELS].mean()


def layer_norm(x: Any, scale: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.sum((centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-5) * scale) ** 3)


def branches(x: Any) -> Any:
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), x**2).sum() + np.maximum(x, 0.5).prod(axis=1).sum()


def pieces(x: Any) -> Any:
    return (np.concatenate([x[1:], x[::-1, :] ** 3, x[::2]]) * np.arange(12.0)[:, None]).sum()


def picks(x: Any) -> Any:
    return (x[[0, 0, 3]] * x[[1, 2, 3], 1:2]).sum()


def moved(x: Any, w: Any) -> Any:
    return (x.T.reshape(2, 10).swapaxes(0, 1) @ w.reshape(2, 6)).min(axis=0).sum() * np.abs(x).max()


def weak_numbers(x: Any) -> Any:
    return (2.0 / (1.0 + np.exp(-x)) - 1 + x**3 * 0.5).sum()


PROGRAMS: list[tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = [
    (perceptron, (X, W, V, B)),
    (cross_entropy, (X, W, B)),
    (layer_norm, (X, X[0])),
    (branches, (X,)),
    (pieces, (X,)),
    (picks, (X,)),
    (moved, (X, W)),
    (weak_numbers, (X,)),
]


def on_tape(f: Callable[..., Any], args: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    xs = [eager.Tensor(a, requires_grad=True) for a in args]
    y = f(*xs)
    first = eager.grad(y, xs, create_graph=True)
    second = eager.grad(sum((g**2).sum() for g in first), xs)
    return [t.detach().numpy() for t in (y, *first, *second)]


def as_graph(f: Callable[..., Any], args: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    with Graph(f.__name__) as g:
        xs = [Symbolic(g, g.placeholder(Type(short_dtype(a.dtype), a.shape))) for a in args]
        inputs = [x.value for x in xs]
        y = f(*xs).value
        first = gradients(g, [y], inputs)
        energy = sum((Symbolic(g, v) ** 2).sum() for v in first)
        second = gradients(g, [energy.value], inputs)
    return evaluate(g, [y, *first, *second], dict(zip(inputs, args, strict=True)))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])
def test_tape_and_graph_agree(f, args, dtype):
    args = tuple(a.astype(dtype) for a in args)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == "f8" else {"rtol": 2e-4, "atol": 1e-4}
    for got, want in zip(on_tape(f, args), as_graph(f, args), strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(got, want, **close)


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])
def test_gradient_is_the_slope(f, args):
    xs = [eager.Tensor(a, requires_grad=True) for a in args]
    gs = eager.grad(f(*xs), xs)
    us = [np.random.default_rng(1).standard_normal(a.shape) for a in args]
    ahead, behind = (f(*(a + s * 1e-6 * u for a, u in zip(args, us, strict=True))) for s in (1, -1))
    slope = sum(np.vdot(g.numpy(), u) for g, u in zip(gs, us, strict=True))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6)
