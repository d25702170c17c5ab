"""The symbolic tensor: attributes, methods, protocols, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from worlds import assert_same, symbolic, traced

import graphc.numpy as gnp
from graphc import eager
from graphc.errors import (
    AxisError,
    ConcretizationError,
    DimensionError,
    DTypeError,
    GraphMismatchError,
    ShapeError,
    UnsupportedError,
)
from graphc.ir.graph import Graph
from graphc.ir.types import Dim, Type
from graphc.numpy.tensor import Tensor
from graphc.numpy.variable import Variable

X = np.arange(12.0).reshape(3, 4) - 5


def tensor(array: np.ndarray = X) -> Tensor:
    return symbolic(Graph(), array)


def test_attributes() -> None:
    t = tensor(X.astype(np.float32))
    assert (t.shape, t.ndim, t.size, t.itemsize, t.nbytes, len(t)) == ((3, 4), 2, 12, 4, 48, 3)
    assert t.dtype == np.float32
    assert t.T.shape == t.mT.shape == (4, 3)
    assert "f32[3,4] from placeholder at worlds.py" in repr(t)


def test_symbolic_extents() -> None:
    t = symbolic(Graph(), X, (Dim("n"), 4))
    assert str(t.size) == "4*n"
    assert t.reshape(2, -1).shape == (2, Dim("n") * 2)
    assert t.reshape(-1).shape == (Dim("n") * 4,)
    assert t.reshape(t.shape[0], 2, -1).shape == (Dim("n"), 2, 2)
    with pytest.raises(DimensionError, match="symbolic"):
        len(t)
    with pytest.raises(ShapeError):
        t.reshape(3, -1)


METHODS = [
    lambda x: x.sum(),
    lambda x: x.sum(axis=0),
    lambda x: x.sum(1, keepdims=True),
    lambda x: x.mean((0, 1)),
    lambda x: x.var(axis=1, ddof=1),
    lambda x: x.std(),
    lambda x: x.max(0),
    lambda x: x.min(axis=-1),
    lambda x: x.argmax(),
    lambda x: x.argmin(axis=0),
    lambda x: x.prod(),
    lambda x: (x > 0).any(0),
    lambda x: (x > 0).all(),
    lambda x: x.clip(-1, 1),
    lambda x: x.round(1),
    lambda x: x.dot(x.T),
    lambda x: x.reshape(4, 3),
    lambda x: x.reshape((2, -1)),
    lambda x: x.ravel(),
    lambda x: x.flatten(),
    lambda x: x.transpose(),
    lambda x: x.transpose(1, 0),
    lambda x: x.transpose((1, 0)),
    lambda x: x.swapaxes(0, 1),
    lambda x: x[None].squeeze(0),
    lambda x: x.take([0, 1], 1),
    lambda x: x.repeat(2, 0),
    lambda x: x.cumsum(0),
    lambda x: x.cumprod(1),
    lambda x: x.argsort(),
    lambda x: x.argsort(0, "stable"),
    lambda x: np.maximum.accumulate(x, axis=1),
    np.minimum.accumulate,
    lambda x: np.logaddexp.accumulate(x, axis=1),
    lambda x: x[:, 0].cumsum().searchsorted(x, "right"),
    lambda x: x.copy(),
    lambda x: x.astype(int),
    lambda x: x.trace(),
    lambda x: x.diagonal(1),
    lambda x: x.conj(),
    lambda x: x.astype("float32").sum(dtype=np.float64),
    lambda x: x.min(),
    lambda x: x.mT,
]


@pytest.mark.parametrize("method", METHODS)
def test_methods_like_numpys(method: Any) -> None:
    assert_same(traced(method, X), method(X))


OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a // b,
    lambda a, b: a % b,
    lambda a, b: abs(a) ** b,
    lambda a, b: a @ b.T,
    lambda a, b: -a,
    lambda a, b: +a,
    lambda a, b: abs(a),
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: (a > 0) & (b > 2),
    lambda a, b: (a > 0) | (b > 2),
    lambda a, b: (a > 0) ^ (b > 2),
    lambda a, b: ~(a > 0),
    lambda a, b: 2 + a,
    lambda a, b: 2 - a,
    lambda a, b: 2 * a,
    lambda a, b: 2 / b,
    lambda a, b: 9 // b,
    lambda a, b: 9 % b,
    lambda a, b: 2**a,
    divmod,
    lambda a, b: divmod(9, b),
    lambda a, b: np.ones(4) @ b.T,
    lambda a, b: np.ones(4) + a,
    lambda a, b: np.float32(2) * a,
    lambda a, b: a**2,
    lambda a, b: b**0.5,
    lambda a, b: b**-1,
    lambda a, b: a**3,
    lambda a, b: True & (a > 0),
    lambda a, b: np.float64(2) / b,
    lambda a, b: 1 | a.astype(int),
    lambda a, b: 6 ^ a.astype(int),
    lambda a, b: a.astype(int) << 1,
    lambda a, b: a.astype(int) >> 1,
    lambda a, b: 1 << b.astype(int),
    lambda a, b: 256 >> b.astype(int),
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_like_numpys(operator: Any) -> None:
    b = np.abs(X) + 1
    assert_same(traced(operator, X, b), operator(X, b))


PROTOCOLS = [
    np.add.reduce,
    lambda x: np.add.reduce(x, axis=1, keepdims=True),
    lambda x: np.multiply.reduce(x, axis=None),
    np.maximum.reduce,
    lambda x: np.minimum.reduce(x, 1),
    lambda x: np.logical_and.reduce(x > 0),
    lambda x: np.logical_or.reduce(x > 0, axis=(0, 1)),
    np.add.accumulate,
    lambda x: np.multiply.accumulate(x, axis=1),
    lambda x: np.subtract.outer(x, np.arange(2.0)),
    lambda x: np.add(x, 1, dtype=np.float32),
    lambda x: np.sum(x, 0, None, None, True),
    lambda x: np.sum(x, axis=0, out=None),
    lambda x: np.add(x, 1, out=None, where=True),
    lambda x: np.sum(a=x, axis=1),
    lambda x: np.concatenate((x, X)),
    lambda x: np.einsum("ij,ij", x, X),
    lambda x: np.linalg.norm(x, axis=0),
    lambda x: np.transpose(x, axes=(1, 0)),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.stack([x, x], axis=1),
    lambda x: np.clip(x, -1.0, 1.0),
    lambda x: np.std(x, axis=0, ddof=1),
    lambda x: np.full_like(x, 3),
]


@pytest.mark.parametrize("call", PROTOCOLS)
def test_numpys_protocols(call: Any) -> None:
    assert_same(traced(call, X), call(X))


def test_the_array_namespace() -> None:
    assert tensor().__array_namespace__() is gnp


UNSUPPORTED = [
    (np.lexsort, "numpy.lexsort"),
    (np.linalg.inv, "linalg.inv"),
    (lambda x: np.sum(x, where=x > 0), "'where'"),
    (lambda x: np.add(x, 1, out=np.ones(3)), "'out'"),
    (lambda x: np.add.reduceat(x, [0]), "reduceat"),
    (lambda x: np.gcd(x, x), "np.gcd"),
    (lambda x: np.where(x > 0), "condition alone"),
    (lambda x: np.pad(x, 1, mode="mean"), "padding mode"),
    (lambda x: np.reshape(x, (4, 3), order="F"), "row-major"),
    (lambda x: np.linalg.norm(x, 2), "singular"),
    (np.subtract.accumulate, "accumulate"),
    (np.unique, "depends on data"),
    (lambda x: np.sum(x, initial=3), "'initial'"),
]


@pytest.mark.parametrize("call, text", UNSUPPORTED)
def test_what_is_not_there_is_said(call: Any, text: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        call(tensor())
    assert text in str(caught.value) and "test_tensor.py" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 12


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UnsupportedError, match="nanmin"):
        np.nanargmin(tensor())


NUMBERS = [
    bool,
    float,
    int,
    complex,
    np.asarray,
    lambda x: [1, 2, 3][x],
    lambda x: x.item(),
    lambda x: x.tolist(),
    lambda x: x > 0 and x,
    range,
    lambda x: 2 in x,
]


@pytest.mark.parametrize("use", NUMBERS)
def test_where_python_needs_a_number(use: Any) -> None:
    with pytest.raises(ConcretizationError) as caught:
        use(tensor(np.array(1)))
    assert "test_tensor.py" in str(caught.value)


AXES = [
    lambda x: x.sum(axis=2),
    lambda x: x.max(-3),
    lambda x: np.concatenate([x, x], 2),
    lambda x: x.transpose(0, 0),
    lambda x: x.sum((0, 0)),
    lambda x: x.sum(axis=0.5),
    lambda x: np.expand_dims(x, 5),
    lambda x: x.T[0].mT,
    lambda x: x.swapaxes(0, 2),
    lambda x: np.moveaxis(x, 0, 2),
]


@pytest.mark.parametrize("call", AXES)
def test_wrong_axes(call: Any) -> None:
    with pytest.raises(AxisError, match=r"test_tensor\.py"):
        call(tensor())


SHAPES = [
    lambda x: x + np.ones(3),
    lambda x: x @ x,
    lambda x: x.reshape(5, 2),
    lambda x: x.reshape(5, -1),
    lambda x: np.broadcast_to(x, (2, 2)),
    lambda x: x.squeeze(0),
    lambda x: np.concatenate([x, x.T]),
    lambda x: np.split(x, 2),
    lambda x: np.einsum("ij,jk", x, x),
    lambda x: np.einsum("ijk", x),
    lambda x: np.tensordot(x, x, 1),
    lambda x: x[:0].max(),
    lambda x: np.pad(x[:0], 1, mode="edge"),
    lambda x: x @ 2.0,
    lambda x: np.pad(x, -1),
]


@pytest.mark.parametrize("call", SHAPES)
def test_wrong_shapes(call: Any) -> None:
    with pytest.raises(ShapeError, match=r"test_tensor\.py"):
        call(tensor())


def test_wrong_element_types() -> None:
    for call in (
        lambda x: ~x,
        lambda x: x + "a",
        lambda x: x + 1j,
        lambda x: x.astype("complex64"),
        lambda x: x & True,
        lambda x: np.subtract(x > 0, x > 0),
    ):
        with pytest.raises(DTypeError, match=r"test_tensor\.py"):
            call(tensor())


def test_tensors_of_two_graphs() -> None:
    with pytest.raises(GraphMismatchError, match="another graph"):
        tensor() + tensor()
    with Graph(), pytest.raises(GraphMismatchError, match="another graph"):
        gnp.exp(gnp.zeros(3)) + tensor()


def test_an_eager_tensor_becomes_a_constant() -> None:
    e = eager.tensor(X)
    assert_same(traced(lambda x: e + x, X), X + X)
    assert_same(traced(lambda x: x @ e.T, X), X @ X.T)


def test_comparison_is_elementwise_and_hash_is_identity() -> None:
    t = tensor()
    assert isinstance(t == t * 1, Tensor)
    assert len({t, t}) == 1


def test_common_subexpressions_are_one_node() -> None:
    t = tensor()
    assert (t + 1).value == (t + 1).value


def test_new_tensors_in_a_graph_are_nodes() -> None:
    with Graph():
        made = [gnp.zeros((2, Dim("n"))), gnp.ones(3, "float32"), gnp.full((2,), 7), gnp.arange(Dim("n")), gnp.empty(2)]
    assert [str(t.type) for t in made] == ["f64[2,n]", "f32[3]", "i64[2]", "i64[n]", "f64[2]"]


def test_new_tensors_outside_are_arrays() -> None:
    for name, args in (
        ("zeros", (3,)),
        ("ones", ((2, 2), "int32")),
        ("full", (2, 1.5)),
        ("arange", (2, 9, 3)),
        ("linspace", (0, 1, 5)),
        ("eye", (3, 4, 1)),
        ("identity", (2,)),
        ("tri", (3,)),
        ("asarray", ([1, 2],)),
        ("array", ([1.0],)),
        ("empty", (0,)),
    ):
        assert_same(getattr(gnp, name)(*args), getattr(np, name)(*args))
    with pytest.raises(GraphMismatchError):
        gnp.zeros(Dim("n"))


def test_a_symbolic_extent_is_a_number_beside_a_tensor() -> None:
    shapes = ((Dim("n"), 4),)
    assert_same(traced(lambda x: x.sum() / x.shape[0], X, shapes=shapes), X.sum() / 3)
    assert_same(traced(lambda x: x.mean(axis=0), X, shapes=shapes), X.mean(axis=0))
    assert_same(traced(lambda x: x.var(ddof=1), X, shapes=shapes), X.var(ddof=1))
    assert_same(traced(lambda x: x * x.size, X, shapes=shapes), X * 12)


def variable(initial: np.ndarray) -> Variable:
    graph = Graph()
    return Variable(graph, graph.variable(initial, "w"))


def test_assignments_are_updates() -> None:
    w = variable(np.ones((2, 3), np.float32))
    updates = [w.assign(w * 2), w.assign_add(1), w.assign_sub(w), w.assign(np.zeros((2, 3), np.float32))]
    assert w.graph.updates == updates
    assert {u.variable for u in updates} == {w.value}
    assert all(u.value.type == Type("f32", (2, 3)) for u in updates)


def test_assignments_keep_type_and_shape() -> None:
    w = variable(np.ones((2, 3), np.float32))
    for error, value in ((ShapeError, w[0]), (DTypeError, np.ones((2, 3))), (DTypeError, w.astype("float64"))):
        with pytest.raises(error, match=r"test_tensor\.py"):
            w.assign(value)
    assert w.graph.updates == []
