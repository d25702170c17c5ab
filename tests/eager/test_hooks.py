"""Hooks: what they see, when, and what they may change.  Expected values are PyTorch 2.13's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Tensor, tensor
from graphc.errors import GradientError


def leaf(*values: float) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


def test_a_hook_sees_the_sum_once():
    x, seen = leaf(1.0, 2.0), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * 3.0 + y * y).sum().backward()
    assert seen == [[7.0, 11.0]] and x.grad.tolist() == [14.0, 22.0]


def test_hooks_run_in_order_and_before_the_gradient_is_kept():
    x, seen = leaf(1.0, 2.0), []
    y = x * 2.0
    y.register_hook(lambda g: g * 10.0)
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward()
    assert seen == [[10.0, 10.0]] and y.grad.tolist() == [10.0, 10.0] and x.grad.tolist() == [20.0, 20.0]


def test_hooks_of_leaves():
    x, seen = leaf(1.0, 2.0), []
    x.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: seen.append(g.tolist()))
    assert eager.grad((x * 2.0).sum(), x)[0].tolist() == [20.0, 20.0]
    (x * 2.0 + x).sum().backward()
    assert seen == [[20.0, 20.0], [30.0, 30.0]] and x.grad.tolist() == [30.0, 30.0]


def test_after_accumulation():
    x, seen = leaf(1.0, 2.0), []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    for _ in range(2):
        (x * 2.0).sum().backward()
    handle.remove()
    (x * 2.0).sum().backward()
    assert seen == [(True, [2.0, 2.0]), (True, [4.0, 4.0])]
    with pytest.raises(GradientError, match="leaf"):
        (x * 2.0).register_post_accumulate_grad_hook(print)


def test_a_handle_removes_its_hook_only():
    x, seen = leaf(1.0), []
    first = x.register_hook(lambda g: seen.append("first"))
    with x.register_hook(lambda g: seen.append("second")):
        (x * 2.0).backward()
    first.remove()
    first.remove()
    (x * 2.0).backward()
    assert seen == ["first", "second"]


def test_a_hook_belongs_to_the_values_it_was_registered_for():
    x, seen = leaf(1.0, 2.0), []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(3.0)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    y.sum().backward()
    assert seen == [("after", [1.0, 1.0]), ("before", [3.0, 3.0])]


def test_a_retained_gradient_follows_in_place_changes():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    y.retain_grad()
    y.mul_(3.0).sum().backward()
    assert y.retains_grad and y.grad.tolist() == [1.0, 1.0]


def test_a_gradient_of_zero_is_seen():
    x, seen = leaf(1.5), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(g.tolist()))
    np.floor(y).backward()
    assert seen == [[0.0]] and x.grad.tolist() == [0.0]


def test_hooks_take_part_in_recorded_gradients():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = eager.grad(y * y, x, create_graph=True)  # 2 x^2 * x * 2 x
    assert g.tolist() == [64.0]
    assert eager.grad(g, x)[0].tolist() == [192.0]  # the hook runs again on the way through y


@pytest.mark.parametrize("result", [3.0, np.ones(2), tensor([1.0]), tensor([1.0, 2.0], "f32")])
def test_what_a_hook_must_not_return(result):
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: result)
    with pytest.raises(GradientError, match="hook"):
        (x * 2.0).sum().backward()
    assert x.grad is None


def test_nothing_to_hook():
    with pytest.raises(GradientError, match="requires_grad_"):
        tensor([1.0]).register_hook(print)


@pytest.mark.parametrize("register", ["register_hook", "register_prehook"])
def test_hooks_of_nodes_return_as_many_gradients(register):
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    handle = getattr(y.grad_fn, register)(lambda *gradients: (gradients[0][0],) * 5)
    with pytest.raises(GradientError, match="as many gradients"):
        y.sum().backward(retain_graph=True)
    assert x.grad is None
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_hooks_of_a_function_node():
    class Product(eager.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g * b, g * a

    a, b = tensor(2.0, requires_grad=True), tensor(3.0, requires_grad=True)
    y = Product.apply(a, b)
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10.0,))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0], inputs[1] + outputs[0]))
    y.backward()
    assert (a.grad.item(), b.grad.item()) == (30.0, 30.0)
