"""Conversions of eager tensors: element types, new tensors, NumPy, DLPack, copies, pickles, pictures of the tape."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Tensor, from_dlpack, from_numpy, tensor, to_dot
from graphc.errors import DTypeError, GradientError, UnsupportedError


@pytest.mark.parametrize(
    ("name", "expected"),
    [("half", "f2"), ("float", "f4"), ("double", "f8"), ("short", "i2"), ("int", "i4"), ("long", "i8"), ("bool", "?")],
)
def test_casts(name, expected):
    x = tensor([0.0, 1.75], "f32")
    y = getattr(x, name)()
    assert y.dtype == np.dtype(expected)
    np.testing.assert_array_equal(y.numpy(), x.numpy().astype(expected))
    assert getattr(y, name)() is y


def test_to():
    x = tensor([1.5], requires_grad=True)
    assert x.to("cpu") is x and x.to(np.float64) is x
    y = x.to("cpu", "f32")
    assert y.dtype == np.float32 and x.to(y).dtype == np.float32 and x.type_as(y).dtype == np.float32
    y.backward(np.ones(1))
    assert x.grad.dtype == np.float64
    with pytest.raises(UnsupportedError, match="cuda"):
        x.to("cuda:0")
    with pytest.raises(DTypeError):
        x.to("text")


def test_new_tensors():
    x = tensor([1.0], "f32")
    assert x.new_zeros(2, 3).shape == x.new_ones((2, 3)).shape == x.new_empty(2, 3).shape == (2, 3)
    assert x.new_full((2,), 7).tolist() == [7.0, 7.0] and x.new_full((2,), 7).dtype == np.float32
    assert x.new_tensor([1, 2]).dtype == np.float32 and x.new_zeros(1, dtype="i64").dtype == np.int64
    assert x.new_ones(1, requires_grad=True).requires_grad and x.new_zeros(()).shape == ()


def test_dlpack_shares_both_ways():
    a = np.arange(3.0)
    x = from_dlpack(a)
    assert np.shares_memory(x.array, a) and x.__dlpack_device__() == (1, 0)
    b = np.from_dlpack(x)
    a[0] = 9.0
    assert b[0] == 9.0 and x.tolist() == [9.0, 1.0, 2.0]
    with pytest.raises(GradientError, match="detach"):
        np.from_dlpack(tensor([1.0], requires_grad=True))


def test_numpy_shares_both_ways():
    a = np.zeros(2)
    x = from_numpy(a)
    x += 1.0
    x.numpy()[0] = 5.0
    assert a.tolist() == x.tolist() == [5.0, 1.0]


def test_deep_copies():
    x = tensor([1.0, 2.0], "f32", requires_grad=True)
    (x * x).sum().backward()
    pair = copy.deepcopy([x, x])
    y = pair[0]
    assert y is pair[1] and y.is_leaf and y.requires_grad and y.dtype == np.float32
    x.detach().zero_()
    x.grad.zero_()
    assert y.tolist() == [1.0, 2.0] and y.grad.tolist() == [2.0, 4.0]
    with pytest.raises(GradientError, match="tape"):
        copy.deepcopy(x * 2.0)


def test_pickles():
    x = tensor([[1.0, 2.0]], requires_grad=True)
    for t, needs in ((x, True), (x * 2.0, True), (x.detach()[0], False)):
        again = pickle.loads(pickle.dumps(t))
        assert type(again) is Tensor and again.is_leaf and again.requires_grad is needs
        assert again.tolist() == t.tolist()


@pytest.mark.parametrize("g", [3.0, np.ones(2), tensor([1.0]), tensor([1.0, 2.0], "f32")])
def test_a_gradient_has_the_type_of_its_tensor(g):
    x = tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="type of its tensor"):
        x.grad = g
    x.grad = tensor([1.0, 1.0])
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_batched_cotangents():
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    (jacobian,) = eager.grad(x * x, x, np.eye(3), is_grads_batched=True)
    assert jacobian.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]
    y = tensor(1.0, requires_grad=True)
    (g, none) = eager.grad(x * x, [x, y], [np.ones((2, 3))], None, True, allow_unused=True, is_grads_batched=True)
    assert g.shape == (2, 3) and g.requires_grad and none is None
    for wrong in (np.ones((0, 3)), np.ones(()), None):
        with pytest.raises(GradientError, match="batched"):
            eager.grad(x * x, x, wrong, is_grads_batched=True)


def test_a_picture_of_the_tape():
    x = tensor(np.ones((2, 3)), "f32", requires_grad=True)
    y = np.tanh(x) * x
    text = to_dot(y, x)
    assert text.startswith("digraph tape {") and text.endswith("}")
    assert text.count("TanhBackward") == text.count("MulBackward") == 1
    assert text.count("->") == 5 and text.count("invhouse") == 1 and text.count("f32[2,3]") == 3
    assert "->" not in to_dot(tensor(1.0))
