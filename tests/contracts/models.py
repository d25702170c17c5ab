"""Small programs that go through different kinds of kernels; `graph` builds them for given types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.primitive import primitive
from graphc.ir.types import numpy_dtype, parse_type


class _Ops:
    """Primitives as attributes: P.sum(x, axes=(1,))."""

    def __getattr__(self, name: str) -> Any:
        return primitive(name)


P = _Ops()


def graph(f: Callable[..., Any], *types: str) -> Graph:
    """f as a graph of placeholders of these types: graph(softmax, "f32[n,8]")."""
    g = Graph(f.__name__)
    with g:
        result = f(*(g.placeholder(parse_type(t)) for t in types))
        g.outputs = list(result) if isinstance(result, tuple) else [result]
    return g


def numbers(*types: str, seed: int = 0, **dims: int) -> list[np.ndarray]:
    """Values in [-2, 2) for arguments of these types."""
    rng = np.random.default_rng(seed)
    shapes = [[e if isinstance(e, int) else e.evaluate(dims) for e in parse_type(t).shape] for t in types]
    return [
        np.asarray(rng.uniform(-2, 2, s)).astype(numpy_dtype(parse_type(t).dtype))
        for s, t in zip(shapes, types, strict=True)
    ]


def rows(x: Value, y: Value) -> Value:
    """A value per row, to be broadcast over the columns of x."""
    return P.reshape(y, shape=(x.shape[0], 1))


def chain(x: Value, y: Value) -> Value:
    return P.tanh(P.add(P.mul(x, y), P.sin(x)))


def softmax(x: Value) -> Value:
    e = P.exp(P.sub(x, rows(x, P.max(x, axes=(1,)))))
    return P.div(e, rows(x, P.sum(e, axes=(1,))))


def statistics(x: Value) -> tuple[Value, Value, Value]:
    """Sums over all, over rows and over columns."""
    return P.sum(x, axes=(0, 1)), P.sum(P.mul(x, x), axes=(1,)), P.sum(P.exp(x), axes=(0,))


def layer(x: Value, w: Value) -> Value:
    return P.tanh(P.matmul(x, w))


def mirrored(x: Value) -> Value:
    """Three kernels, whose steps in between need storage."""
    y = P.exp(P.flip(P.sin(x), axes=(0,)))
    return P.sub(y, P.flip(y, axes=(0,)))


def pick(x: Value, i: Value) -> Value:
    return P.exp(P.gather(x, i, axis=0))


def histogram(x: Value, i: Value) -> Value:
    return P.scatter_add(x, i, axis=0, shape=(5,))


def with_table(x: Value) -> tuple[Value, ...]:
    """An argument, a constant, a view and one value twice, all as results."""
    table = P.add(P.mul(x, 0.0), 1.0)
    y = P.exp(x)
    return x, table, y, y, P.reshape(y, shape=(y.type.size,))
