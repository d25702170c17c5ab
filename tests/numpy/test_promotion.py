"""Element types of results against NumPy 2's, for every pair of types and for Python numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy_cases import words
from worlds import symbolic, traced

import graphc.numpy as gnp
from graphc.errors import DTypeError
from graphc.ir.graph import Graph
from graphc.ir.types import DTYPES, Type, numpy_dtype
from graphc.numpy.tensor import Scalar, Tensor

OPERATIONS = words(
    "add subtract multiply divide floor_divide remainder power maximum less equal arctan2 logaddexp hypot bitwise_and "
    "left_shift logical_and float_power fmod copysign"
)
NUMBERS = (True, 3, 2.5)


def numpys(name: str, *args: Any) -> Any:
    """The element type of NumPy's result, or TypeError."""
    try:
        with np.errstate(all="ignore"):
            return getattr(np, name)(*args).dtype
    except TypeError:
        return TypeError


def ours(name: str, *args: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            found = [np.asarray(getattr(gnp, name)(*args)).dtype, traced(getattr(gnp, name), *args).dtype]
    except DTypeError:
        return TypeError
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_pair_of_types(name: str) -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        args = np.ones(2, numpy_dtype(a)), np.ones(2, numpy_dtype(b))
        assert ours(name, *args) == numpys(name, *args), (a, b)


@pytest.mark.parametrize("name", OPERATIONS)
def test_python_numbers_are_weak(name: str) -> None:
    for dtype, number in itertools.product(DTYPES, NUMBERS):
        array = np.ones(2, numpy_dtype(dtype))
        for args in ((array, number), (number, array)):
            assert ours(name, *args) == numpys(name, *args), (dtype, number)


@pytest.mark.parametrize(
    "name", words("negative exp sqrt floor isnan sign square reciprocal absolute rint invert sum mean var prod max")
)
def test_one_operand(name: str) -> None:
    for dtype in DTYPES:
        array = np.ones(3, numpy_dtype(dtype))
        assert ours(name, array) == numpys(name, array), dtype


def test_numpy_scalars_are_strong() -> None:
    x = np.ones(2, np.float32)
    assert ours("add", x, np.float64(1)) == numpys("add", x, np.float64(1)) == np.float64


@pytest.mark.parametrize("a, b", list(itertools.combinations(DTYPES, 2)))
def test_joining_promotes(a: str, b: str) -> None:
    pair = [np.ones(2, numpy_dtype(a)), np.ones(3, numpy_dtype(b))]
    assert gnp.concatenate(pair).dtype == np.concatenate(pair).dtype
    assert gnp.where([True, False, True], pair[0][:1], pair[1]).dtype == np.result_type(*pair)


def test_a_number_that_does_not_fit_is_refused() -> None:
    graph = Graph()
    x = symbolic(graph, np.ones(2, np.uint8))
    for wrong in (lambda: x + 300, lambda: -1 * x, lambda: gnp.maximum(np.ones(2, np.int8), 128)):
        with pytest.raises(DTypeError, match="does not hold"):
            wrong()


def test_a_traced_python_float_is_as_weak_as_the_number() -> None:
    graph = Graph()
    lr = Scalar(graph, graph.placeholder(Type("f64"), "lr"))
    x = symbolic(graph, np.ones(2, np.float32))
    assert (x * lr).dtype == (lr * x).dtype == np.float32
    assert (x * (2 * lr / 3 - 1)).dtype == np.float32
    assert (x * (lr + lr**2)).dtype == np.float32
    assert (symbolic(graph, np.ones(2, np.int32)) * lr).dtype == np.float64
    assert (x * np.exp(lr)).dtype == np.float64
    assert (x * (lr * np.float64(2))).dtype == np.float64
    assert type(lr * x) is Tensor
