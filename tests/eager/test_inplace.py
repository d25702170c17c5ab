"""In-place changes: values, gradients, versions, and what is refused.  Expected values are PyTorch 2.13's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Tensor, from_numpy, jvp, no_grad, tensor, versions
from graphc.errors import DTypeError, GradientError, IndexingError, ShapeError, UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.types import Type
from graphc.numpy.elementwise import exp, multiply
from graphc.numpy.tensor import Tensor as Symbolic


def leaf(*values: float) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


# -------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("change", "expected"),
    [(lambda x: x.add_(1.0), [0.0, 2.0, 3.5]), (lambda x: x.add_(x.detach(), alpha=2), [-3.0, 3.0, 7.5]),
     (lambda x: x.sub_(1, alpha=0.5), [-1.5, 0.5, 2.0]), (lambda x: x.mul_(2.0), [-2.0, 2.0, 5.0]),
     (lambda x: x.div_(2.0), [-0.5, 0.5, 1.25]), (lambda x: x.pow_(2), [1.0, 1.0, 6.25]),
     (lambda x: x.clamp_(-0.5, 2.0), [-0.5, 1.0, 2.0]), (lambda x: x.relu_(), [0.0, 1.0, 2.5]),
     (lambda x: x.neg_().abs_(), [1.0, 1.0, 2.5]), (lambda x: x.floor_(), [-1.0, 1.0, 2.0]),
     (lambda x: x.ceil_(), [-1.0, 1.0, 3.0]), (lambda x: x.round_(), [-1.0, 1.0, 2.0]),
     (lambda x: x.zero_(), [0.0, 0.0, 0.0]), (lambda x: x.fill_(7), [7.0, 7.0, 7.0]),
     (lambda x: x.copy_(tensor([1, 2, 3])), [1.0, 2.0, 3.0]),
     (lambda x: x.masked_fill_(x > 0, 9.0), [-1.0, 9.0, 9.0])],
)  # fmt: skip
@pytest.mark.parametrize("tracked", [False, True])
def test_values_and_identity(change, expected, tracked):
    x = tensor([-1.0, 1.0, 2.5], "f32", requires_grad=tracked)
    x = x * 1.0
    array = x.array
    assert change(x) is x and x.array is array
    assert x.tolist() == expected and x.dtype == np.float32


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "tanh"])
def test_functions(name):
    values = np.array([0.5, 1.5])
    x = tensor(values)
    getattr(x, f"{name}_")()
    np.testing.assert_allclose(x.numpy(), getattr(np, name)(values), rtol=1e-14)


def test_sigmoid():
    np.testing.assert_allclose(tensor([0.0, 2.0]).sigmoid_().numpy(), [0.5, 0.8807970779778823])


def test_operators():
    x = tensor([7, 8])
    y = x
    x += 1
    x -= tensor([1, 0])
    x *= 2
    x //= 3
    x %= 4
    x **= 2
    x |= 8
    x &= 12
    x ^= 1
    assert x is y and x.tolist() == [9, 13]
    z = tensor([1.0, 2.0])
    z /= 4
    assert z.tolist() == [0.25, 0.5]


def test_shared_memory_sees_the_change():
    a = np.zeros(3)
    x = from_numpy(a)
    x[1:] += 5.0
    x.detach()[0] = 1.0
    assert a.tolist() == [1.0, 5.0, 5.0]


def test_a_float_of_another_width_is_converted():
    x = tensor([1.0, 2.0], "f32")
    x += tensor([0.5, 0.25])
    assert x.dtype == np.float32 and x.tolist() == [1.5, 2.25]


# ----------------------------------------------------------------------------------------------------- gradients


def test_a_product_in_place():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a = x.clone()
    a *= w
    a.backward(np.ones(2))
    assert x.grad.tolist() == [3.0, 4.0] and w.grad.tolist() == [1.0, 2.0]


def test_a_chain_in_place():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y.clamp_(1.5, 2.5).mul_(y.detach().clone()).neg_().add_(1.0)
    y.backward(np.ones(3))
    assert y.tolist() == [-1.25, -3.0, -5.25] and x.grad.tolist() == [0.0, -2.0, 0.0]


def test_overwriting_sends_zeros_back():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.zero_()
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_item_assignment():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[0] = 5.0
    y[[1, 1]] = 7.0
    y[y > 6] = 1.0
    (y * y).sum().backward()
    assert y.tolist() == [5.0, 1.0, 3.0] and x.grad.tolist() == [0.0, 0.0, 6.0]


def test_values_assigned_get_their_gradient():
    w, v = leaf(2.0, 3.0), tensor(4.0, requires_grad=True)
    y = tensor(np.zeros((3, 2)))
    y[0] = w
    y[1, 1:] = v * v
    y[[2, 2], [0, 1]] = w[::-1]
    (y * np.arange(6.0).reshape(3, 2)).sum().backward()
    assert y.tolist() == [[2.0, 3.0], [0.0, 16.0], [3.0, 2.0]]
    assert w.grad.tolist() == [5.0, 5.0] and v.grad.item() == 24.0


def test_a_loop_that_fills_a_buffer():
    x = tensor(0.5, requires_grad=True)
    states = tensor(np.zeros(4))
    h = x
    for k in range(4):
        h = h * x
        states[k] = h
    states.sum().backward()
    np.testing.assert_allclose(x.grad.item(), sum(n * 0.5 ** (n - 1) for n in range(2, 6)))


def test_second_derivatives_through_an_assignment():
    x = leaf(2.0, 3.0)
    y = x * 1.0
    y[0] = x[1] ** 3
    (g,) = eager.grad((y * y).sum(), x, create_graph=True)
    assert g.tolist() == [0.0, 2 * 3.0 + 6 * 3.0**5]
    g.sum().backward()
    assert x.grad.tolist() == [0.0, 2 + 30 * 3.0**4]


def test_forward_mode_through_an_assignment():
    x = leaf(2.0, 3.0)
    y = x * 1.0
    y[0] = x[1] ** 2
    (t,) = jvp(y, x, np.array([1.0, 10.0]))
    assert t.tolist() == [60.0, 10.0]


# ------------------------------------------------------------------------------------------------------ versions


def test_the_version_counts_changes():
    x = tensor([1.0, 2.0])
    assert x._version == 0
    x += 1.0
    x[0] = 3.0
    assert x._version == 2 and x.detach()._version == 2 and x[1:]._version == 2
    assert x.clone()._version == 0


@pytest.mark.parametrize(
    "change",
    [lambda y, x: y.add_(1.0), lambda y, x: y[0].zero_(), lambda y, x: y.detach().zero_(),
     lambda y, x: y.reshape(1, 2).mul_(2.0), lambda y, x: y.__setitem__(0, 1.0)],
    ids=["add_", "item", "detach", "view", "setitem"],
)  # fmt: skip
def test_a_saved_value_that_was_changed(change):
    x = leaf(1.0, 2.0)
    y = exp(x)
    z = y * 1.0
    change(y, x)
    with pytest.raises(GradientError, match="changed in place") as e:
        z.sum().backward()
    assert "test_inplace.py" in str(e.value) and "`exp`" in str(e.value) and x.grad is None


def test_a_saved_operand_that_was_changed():
    x, w = leaf(1.0, 2.0), tensor([3.0, 4.0])
    y = x * w
    w += 1.0
    with pytest.raises(GradientError, match="`mul`"):
        y.sum().backward()


def test_the_result_of_an_in_place_operation_is_saved_too():
    x = leaf(1.0, 2.0)
    a = x.clone().exp_()
    a.add_(1.0)
    with pytest.raises(GradientError, match="`exp`"):
        a.sum().backward()


def test_a_tensor_with_itself():
    """PyTorch refuses the gradient; here the operand is copied first."""
    x = leaf(2.0, 3.0)
    b = x.clone()
    b *= b
    b -= b[::-1]
    (b * tensor([1.0, 10.0])).sum().backward()
    assert b.tolist() == [-5.0, 5.0] and x.grad.tolist() == [-36.0, 54.0]
    low = leaf(1.0, 2.5)
    c = (x * 1.0).clamp_(low, 2.75)
    c.sum().backward()
    assert c.tolist() == [2.0, 2.75] and low.grad.tolist() == [0.0, 0.0]


def test_what_is_not_read_may_change():
    x = leaf(1.0, 2.0)
    y = x + 1.0
    z = y * 2.0
    y += 5.0
    (y * 3.0 + z).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_data_is_not_watched():
    x = leaf(1.0, 2.0)
    y = exp(x)
    y.data.zero_()
    y.sum().backward()
    assert y._version == 0 and x.grad.tolist() == [0.0, 0.0]


def test_training_steps_in_place():
    w = leaf(1.0, 2.0)
    for _ in range(3):
        (w * w).sum().backward()
        with no_grad():
            w -= 0.25 * w.grad
            w.grad.zero_()
    assert w.is_leaf and w.tolist() == [0.125, 0.25] and w.grad.tolist() == [0.0, 0.0]


def test_changes_of_freed_memory_are_forgotten():
    before = len(versions._changes)
    x = tensor([1.0])
    x += 1.0
    assert len(versions._changes) == before + 1
    del x
    assert len(versions._changes) == before


# ------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "change",
    [lambda x: x.add_(1.0), lambda x: x.zero_(), lambda x: x.__setitem__(0, 9.0), lambda x: x[0].add_(1.0),
     lambda x: x.__iadd__(1.0), lambda x: x.reshape(1, 2).copy_(3.0)],
    ids=["add_", "zero_", "setitem", "item", "+=", "view"],
)  # fmt: skip
def test_leaves_that_require_grad(change):
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="leaf that requires grad") as e:
        change(x)
    assert "test_inplace.py" in str(e.value) and x.tolist() == [1.0, 2.0]
    with no_grad():
        change(x)
    assert x.is_leaf and x.requires_grad and x.tolist() != [1.0, 2.0]


def test_results_of_another_kind_or_shape():
    x = tensor([1, 2])
    for change in (lambda: x.div_(2), lambda: x.add_(2.5)):
        with pytest.raises(DTypeError, match="keeps the element type"):
            change()
    y = tensor([1.0, 2.0])
    for tracked in (False, True):
        with pytest.raises(ShapeError, match="keeps the shape"):
            y += tensor(np.ones((3, 2)), requires_grad=tracked)
    with pytest.raises(ShapeError):
        y.copy_(np.ones((3, 2)))
    with pytest.raises(ShapeError):
        y[:1] = [1.0, 2.0]
    assert x.tolist() == [1, 2] and y.tolist() == [1.0, 2.0]


def test_assignment_converts_and_drops_leading_ones():
    x = tensor([1, 2, 3])
    x[1:] = np.array([[1.5, 2.5]])
    x[0] = tensor([7.9])
    assert x.tolist() == [7, 1, 2]


def test_indices_that_do_not_fit():
    x = tensor([1.0, 2.0])
    for key in (5, (0, 0), 0.5, "a"):
        with pytest.raises(IndexingError, match="does not fit"):
            x[key] = 1.0
    with pytest.raises(DTypeError):
        x[0] = "text"
    assert x.tolist() == [1.0, 2.0]


def test_an_index_is_remembered_as_it_was():
    x, where = leaf(1.0, 2.0), np.array([0])
    y = x * 1.0
    y[where] = 0.0
    where[0] = 1
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_repeated_memory_is_not_written_to():
    x = tensor([[1.0, 2.0]]).expand(3, 2)
    for change in (lambda: x.add_(1.0), x.zero_, lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(UnsupportedError, match="repeated"):
            change()


def test_beside_traced_tensors():
    with Graph("g") as g:
        s = Symbolic(g, g.placeholder(Type("f64", (2,))))
        x = y = tensor([1.0, 2.0])
        x += s
        assert isinstance(x, Symbolic) and y.tolist() == [1.0, 2.0]
        with pytest.raises(UnsupportedError, match="traced"):
            y[0] = s[0]
    assert isinstance(multiply(y, 2.0), Tensor)
