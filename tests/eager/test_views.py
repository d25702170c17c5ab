"""Views: shared memory, their place on the tape after in-place changes, strides.  Values are PyTorch 2.13's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.eager import Tensor, from_numpy, no_grad, tensor
from graphc.errors import AxisError, GradientError, IndexingError, ShapeError


def leaf(*values: float) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


# ----------------------------------------------------------------------------------------- gradients and changes


def test_changing_a_view_is_seen_in_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2.0
    y[1:].mul_(10.0)
    assert y.tolist() == [2.0, 40.0, 60.0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 1600.0, 2400.0]


def test_changing_the_base_is_seen_in_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2.0
    view = y[1:]
    y *= 10.0
    assert view.tolist() == [40.0, 60.0]
    view.sum().backward()
    assert x.grad.tolist() == [0.0, 20.0, 20.0]


def test_views_of_views():
    x = leaf(1.0, 2.0, 3.0)
    a = x * 1.0
    b = a.view(3, 1)
    c = b[1:]
    b.mul_(2.0)
    c.add_(5.0)
    assert a.tolist() == [2.0, 9.0, 11.0] and c._base is a and b._base is a and a._base is None
    a.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_view_of_a_buffer_makes_the_buffer_require_grad():
    x = leaf(1.0, 2.0)
    buffer = tensor(np.zeros(2))
    first, second = buffer[0], buffer[1]
    first += x[1] * 3.0
    assert buffer.requires_grad and first.requires_grad and second.requires_grad
    (buffer.sum() + second).backward()
    assert buffer.tolist() == [6.0, 0.0] and x.grad.tolist() == [0.0, 3.0]


@pytest.mark.parametrize(
    "view",
    [lambda t: t.T, lambda t: t.reshape(3, 2), lambda t: t[::-1], lambda t: t[:, ::2], lambda t: t.ravel()[1:5],
     lambda t: t.unsqueeze(0), lambda t: t.swapaxes(0, 1).unsqueeze(1), lambda t: t.permute(1, 0)[1]],
)  # fmt: skip
def test_any_kind_of_view(view):
    """The gradient of a change through a view is that of the same change without one."""
    values, factor = np.arange(1.0, 7.0).reshape(2, 3), np.linspace(1, 2, 6).reshape(2, 3)
    x = tensor(values, requires_grad=True)
    y = x * 1.0
    v = view(y)
    v *= v.detach().clone()
    (y * factor).sum().backward()
    mask = np.zeros((2, 3))
    view(from_numpy(mask))[...] = 1.0
    assert y.tolist() == np.where(mask, values**2, values).tolist()
    np.testing.assert_allclose(x.grad.numpy(), np.where(mask, values, 1.0) * factor)


def test_a_view_in_another_order_of_memory():
    """reshape is a view here, because the base is stored by columns."""
    base = from_numpy(np.zeros((2, 3)).T) * tensor(np.ones(()), requires_grad=True)
    x = tensor(np.ones(6), requires_grad=True)
    columns = from_numpy(np.asfortranarray(np.zeros((3, 2))))
    columns.T.reshape(6).copy_(x * np.arange(6.0))
    assert columns.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    (columns + base).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_reshape_that_copies_is_no_view():
    y = tensor(np.arange(6.0).reshape(2, 3))
    z = y.T.reshape(6)
    z.zero_()
    assert z._base is None and y.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_an_item_picked_by_a_tensor_is_a_copy():
    y = tensor(np.zeros((2, 3)))
    y[tensor(0)].add_(1.0)
    assert y.tolist() == [[0.0] * 3] * 2


def test_a_detached_tensor_changes_the_values_only():
    x = leaf(1.0, 2.0)
    y = x + 1.0
    y.detach().mul_(10.0)
    assert y.tolist() == [20.0, 30.0] and not y.detach().requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_views_made_inside_no_grad():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2.0
    with no_grad():
        view = y[1:]
        view.mul_(2.0)
    y.sum().backward(retain_graph=True)
    assert y.tolist() == [2.0, 8.0, 12.0] and x.grad.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(GradientError, match="no_grad"):
        view.mul_(2.0)
    assert view.tolist() == [8.0, 12.0]


def test_a_view_may_be_a_leaf():
    base = tensor(np.zeros(3))
    view = base[1:].requires_grad_()
    assert view.is_leaf and view.requires_grad and not base.requires_grad
    (view * 3.0).sum().backward()
    assert view.grad.tolist() == [3.0, 3.0]
    with pytest.raises(GradientError, match="leaf"):
        view.zero_()


def test_leaving_the_tape():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    with pytest.raises(GradientError, match="view"):
        y[0].detach_()
    assert y.detach_() is y and y.is_leaf and not y.requires_grad


def test_indexing_is_the_same_as_an_array_s():
    a = np.arange(24.0).reshape(2, 3, 4)
    x = from_numpy(a)
    for key in (1, -1, (0, 2), slice(1), (slice(None), 1), (0, slice(None, None, 2), slice(3, 0, -1)), (1, 2, 3), ()):
        for _ in range(2):
            got = x[key]
            assert got.shape == a[key].shape and got.tolist() == a[key].tolist()
            assert np.shares_memory(got.array, a)
    for key in (2, (0, 3), (0, 0, 0, 0)):
        for _ in range(2):
            with pytest.raises(IndexingError):
                x[key]


# -------------------------------------------------------------------------------------------------------- layout


def test_size_is_a_number_and_a_function():
    x = tensor(np.zeros((2, 3)))
    assert x.size == 6 and x.size() == (2, 3) and x.size(0) == 2 and x.size(-1) == 3
    assert x.numel() == 6 and x.dim() == 2 and x.device == "cpu" and x.layout == "strided"
    with pytest.raises(AxisError):
        x.size(2)


def test_strides_count_elements():
    x = tensor(np.zeros((2, 3, 4), "f4"))
    assert x.stride() == (12, 4, 1) and x.stride(0) == 12 and x.T.stride() == (1, 4, 12)
    assert x[:, ::2].stride() == (12, 8, 1) and x[:, :1].expand(2, 5, 4).stride() == (12, 0, 1)
    assert x.data_ptr() == x.view(-1).data_ptr()


def test_contiguous():
    x = tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert x.is_contiguous() and x.contiguous() is x
    y = x.t().contiguous()
    assert not x.t().is_contiguous() and y.is_contiguous() and y.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    (y * np.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


def test_view_against_reshape():
    x = tensor(np.arange(6.0).reshape(2, 3))
    assert x.view(3, 2).tolist() == x.view((3, -1)).tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert x.t().view(3, 1, 2).stride() == (1, 6, 3) or x.t().view(3, 1, 2).shape == (3, 1, 2)
    assert x.t().reshape(6).tolist() == [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    with pytest.raises(ShapeError, match="reshape"):
        x.t().view(6)
    with pytest.raises(ShapeError):
        x.view(4, 2)
    assert x.view_as(tensor(np.zeros(6))).shape == (6,) and tensor(np.zeros((0, 2))).view(2, 0).shape == (2, 0)


def test_expand():
    x = tensor([[1.0], [2.0]], requires_grad=True)
    y = x.expand(4, -1, 3)
    assert y.shape == (4, 2, 3) and np.shares_memory(y.array, x.array)
    y.sum().backward()
    assert x.grad.tolist() == [[12.0], [12.0]]
    assert x.expand_as(tensor(np.zeros((2, 5)))).shape == (2, 5)
    with pytest.raises(ShapeError):
        x.expand(3, 3)
    with pytest.raises(ShapeError, match="matrix"):
        y.t()
