"""The eager tensor: construction, memory, attributes, conversion, mistakes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Tensor, from_numpy, tensor
from graphc.errors import DTypeError, GradientError, OutOfRangeError, ShapeError
from graphc.ir.graph import Graph
from graphc.ir.ops.arithmetic import add, cast
from graphc.ir.ops.index import gather
from graphc.ir.ops.linalg import matmul
from graphc.ir.ops.logic import gt
from graphc.ir.ops.reduce import argmax
from graphc.ir.ops.shape import expand, permute, reshape, slice_, zeros
from graphc.ir.primitive import type_of
from graphc.ir.types import Type
from graphc.numpy.tensor import Tensor as Symbolic

# --------------------------------------------------------------------------------------------------------- making


def test_tensor_copies_and_from_numpy_shares():
    a = np.zeros(3)
    copied, shared = tensor(a), from_numpy(a)
    a[0] = 1.0
    assert copied.tolist() == [0.0, 0.0, 0.0]
    assert shared.tolist() == [1.0, 0.0, 0.0]
    assert shared.numpy() is a


@pytest.mark.parametrize(
    ("data", "dtype", "expected"),
    [(1.5, None, "float64"), ([1, 2], None, "int64"), ([[True]], None, "bool"), ([1, 2], "f32", "float32"),
     ([1.5], np.int32, "int32"), (np.ones(2, "f2"), None, "float16")],
)  # fmt: skip
def test_element_types(data, dtype, expected):
    t = tensor(data, dtype)
    assert t.dtype == np.dtype(expected)
    assert type_of(t) == Type(t.type.dtype, np.shape(data))


def test_a_tensor_of_a_tensor_is_another_leaf():
    x = tensor([1.0], requires_grad=True)
    y = tensor(x * 2.0)
    assert y.is_leaf and not y.requires_grad and y.tolist() == [2.0]


def test_element_types_that_do_not_exist():
    with pytest.raises(DTypeError):
        tensor([1j])
    with pytest.raises(DTypeError):
        tensor(["text"])


# --------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    "view",
    [lambda x: reshape(x, shape=(3, 2)), lambda x: permute(x, axes=(1, 0)), lambda x: expand(x, shape=(4, 2, 3)),
     lambda x: slice_(x, starts=(0, 1), sizes=(2, 1), steps=(1, 2)), lambda x: x.detach(), lambda x: x.data],
    ids=["reshape", "permute", "expand", "slice", "detach", "data"],
)  # fmt: skip
def test_views_share_memory(view):
    x = tensor(np.zeros((2, 3)))
    y = view(x)
    x.numpy()[:] = 7.0
    assert set(np.ravel(y.tolist())) == {7.0}


@pytest.mark.parametrize("copy", [Tensor.clone, Tensor.copy], ids=["clone", "copy"])
def test_copies_pass_gradients(copy):
    x = tensor([1.0, 2.0], requires_grad=True)
    y = copy(x)
    assert not np.shares_memory(x.array, y.array)
    (y * y).backward(np.ones(2))
    assert x.grad is not None and x.grad.tolist() == [2.0, 4.0]
    assert x.detach().clone().is_leaf


def test_assigning_data_keeps_the_leaf():
    w = tensor([1.0, 2.0], requires_grad=True)
    w.data = w.data - 0.5
    assert w.is_leaf and w.requires_grad and w.tolist() == [0.5, 1.5]


# ----------------------------------------------------------------------------------------------------- attributes


def test_requiring_grad_spreads_to_float_results():
    x, y = tensor([1.0, 2.0], requires_grad=True), tensor([3.0, 4.0])
    assert (x + y).requires_grad and not (y + y).requires_grad
    assert not (x > 1.0).requires_grad
    assert not argmax(x, axes=(0,)).requires_grad
    assert not cast(x, dtype="i64").requires_grad
    assert cast(x, dtype="f32").requires_grad


def test_leaves():
    x = tensor([1.0], requires_grad=True)
    y = x * 2.0
    assert x.is_leaf and x.grad_fn is None
    assert not y.is_leaf and y.grad_fn is not None
    assert y.detach().is_leaf and not y.detach().requires_grad
    assert tensor([1.0]).requires_grad_().requires_grad


def test_requires_grad_is_for_floats_and_for_leaves():
    with pytest.raises(GradientError, match="only floats"):
        tensor([1, 2], requires_grad=True)
    y = tensor([1.0], requires_grad=True) * 2.0
    with pytest.raises(GradientError, match="detach"):
        y.requires_grad = False
    with pytest.raises(GradientError):
        tensor([1.0]).retain_grad()


def test_conversion_to_python():
    x = tensor([[1.5]])
    assert x.item() == 1.5 and float(x) == 1.5 and int(x) == 1 and bool(x)
    assert [10, 20, 30][tensor(1)] == 20
    assert tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    for convert in (Tensor.item, float, int, bool):
        with pytest.raises(ShapeError, match="2 elements"):
            convert(tensor([1.0, 2.0]))


def test_an_array_would_lose_the_gradient():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match="detach"):
        x.numpy()
    with pytest.raises(GradientError, match="detach"):
        np.asarray(x)
    assert np.asarray(x.detach()).tolist() == [1.0]
    assert np.asarray(tensor([1.0, 2.0]), dtype="i4").dtype == np.int32


@pytest.mark.parametrize(
    ("make", "expected"),
    [(lambda: tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
     (lambda: tensor([1, 2], "i32"), "tensor([1, 2], dtype=int32)"),
     (lambda: tensor(1.0, requires_grad=True), "tensor(1., requires_grad=True)"),
     (lambda: tensor([1.0], "f32", requires_grad=True) * 2.0, "tensor([2.], dtype=float32, grad_fn=<MulBackward>)"),
     (lambda: tensor(np.zeros((0, 3))), "tensor([], shape=(0, 3))")],
)  # fmt: skip
def test_repr(make, expected):
    assert repr(make()) == expected


def test_tensors_are_hashed_by_identity():
    x, y = tensor([1.0]), tensor([1.0])
    assert len({x, y, x}) == 2


# ---------------------------------------------------------------------------------------------------------- modes


def test_no_grad_as_context_and_decorator():
    x = tensor([1.0], requires_grad=True)

    @eager.no_grad()
    def called():
        return x * 2.0

    @eager.no_grad
    def bare():
        return x * 2.0

    with eager.no_grad():
        inside = x * 2.0
        with eager.enable_grad():
            recorded = x * 2.0
        assert not eager.is_grad_enabled()
    assert not inside.requires_grad and inside.is_leaf
    assert recorded.requires_grad
    assert not called().requires_grad and not bare().requires_grad
    assert (x * 2.0).requires_grad


def test_modes_end_with_an_exception_and_may_be_nested_in_themselves():
    mode = eager.no_grad()
    with pytest.raises(ZeroDivisionError), mode, mode:
        assert not eager.is_grad_enabled()
        1 / 0  # noqa: B018
    assert eager.is_grad_enabled()


def test_set_grad_enabled_holds_at_once():
    try:
        eager.set_grad_enabled(False)
        assert not eager.is_grad_enabled()
        with eager.set_grad_enabled(True):
            assert eager.is_grad_enabled()
        assert not eager.is_grad_enabled()
    finally:
        eager.set_grad_enabled(True)

    @eager.set_grad_enabled(False)
    def inside():
        return eager.is_grad_enabled()

    assert eager.is_grad_enabled() and not inside()


def test_modes_belong_to_a_thread():
    seen = []
    with eager.no_grad():
        thread = threading.Thread(target=lambda: seen.append(eager.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# --------------------------------------------------------------------------------------------------------- mistakes


def test_shapes_that_do_not_fit_name_the_line():
    with pytest.raises(ShapeError, match=r"test_tensor\.py"):
        add(tensor(np.ones((3, 4))), tensor(np.ones(5)))
    with pytest.raises(ShapeError, match="inner extents"):
        matmul(tensor(np.ones((3, 4))), tensor(np.ones((5, 2))))
    with pytest.raises(ShapeError, match="number of elements"):
        reshape(tensor(np.ones(4)), shape=(3,))


def test_an_index_outside_is_an_error():
    with pytest.raises(OutOfRangeError, match="gather"):
        gather(tensor([1.0, 2.0]), tensor([5]), axis=0)


def test_a_number_that_does_not_fit_is_an_error():
    with pytest.raises(DTypeError, match="uint8"):
        add(tensor([1], "u8"), 300)


def test_numbers_are_weak():
    x = tensor([1.0], "f32", requires_grad=True)
    y = 1.0 - x * 2.0
    assert y.dtype == np.float32
    y.backward()
    assert x.grad is not None and x.grad.dtype == np.float32 and x.grad.tolist() == [-2.0]
    assert not gt(1, x).requires_grad


def test_a_traced_tensor_takes_over():
    with Graph("g") as g:
        x = Symbolic(g, g.placeholder(Type("f64", (2,))))
        for y in (add(tensor([1.0, 2.0]), x), add(x, tensor([1.0, 2.0]))):
            assert isinstance(y, Symbolic)


def test_constants_stay_eager():
    assert isinstance(zeros((2, 3), tensor([1.0], "f32")), Tensor)
