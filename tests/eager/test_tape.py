"""Backward passes: values, accumulation, release, selection of inputs, higher orders, depth, memory."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Tensor, tensor
from graphc.errors import GradientError
from graphc.ir.ops.arithmetic import add, div, floor, mul, stop_gradient
from graphc.ir.ops.index import gather
from graphc.ir.ops.linalg import matmul
from graphc.ir.ops.logic import gt, maximum, select
from graphc.ir.ops.maths import exp, log, power, tanh
from graphc.ir.ops.reduce import amax, prod, sum_
from graphc.ir.ops.shape import expand, permute, reshape, slice_
from graphc.numpy import elementwise as ew


def total(x: Tensor) -> Tensor:
    return sum_(x, axes=tuple(range(x.ndim)))


def leaf(*values: float) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


def check(t: Tensor | None, *expected: float) -> None:
    assert t is not None
    np.testing.assert_allclose(t.detach().numpy(), expected[0] if t.ndim == 0 else expected, rtol=1e-12)


# --------------------------------------------------------------------------------------------------------- values


def test_product_rule():
    x, y = leaf(1.0, 2.0), leaf(3.0, 5.0)
    total(x * y + x).backward()
    check(x.grad, 4.0, 6.0)
    check(y.grad, 1.0, 2.0)


def test_one_tensor_as_both_operands():
    x = leaf(3.0, -1.0)
    total(x * x).backward()
    check(x.grad, 6.0, -2.0)


def test_a_vector_takes_a_cotangent():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2.0
    y.backward(tensor([0.1, 1.0, 10.0]), retain_graph=True)
    check(x.grad, 0.2, 2.0, 20.0)
    y.backward(np.ones(3, "f4"))  # of another float type: converted
    check(x.grad, 2.2, 4.0, 22.0)


def test_one_element_of_any_rank_needs_no_cotangent():
    x = tensor([[2.0]], requires_grad=True)
    (x * x).backward()
    assert x.grad is not None and x.grad.tolist() == [[4.0]]


def test_a_leaf_is_its_own_gradient():
    x = tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad is not None and x.grad.item() == 1.0


def test_several_tensors_go_back_together():
    x = leaf(1.0, 2.0)
    eager.backward([total(x * x), x * 3.0], [None, np.array([1.0, 10.0])])
    check(x.grad, 5.0, 34.0)


def test_broadcast_operands_get_sums():
    x, row, one = tensor(np.ones((3, 2)), requires_grad=True), leaf(1.0, 2.0), tensor(2.0, requires_grad=True)
    total(x * row + one).backward()
    check(row.grad, 3.0, 3.0)
    assert one.grad is not None and one.grad.item() == 6.0
    assert x.grad is not None and x.grad.tolist() == [[1.0, 2.0]] * 3


def test_matrix_product_with_a_batch():
    a, b = tensor(np.ones((2, 3, 4)), requires_grad=True), tensor(np.arange(8.0).reshape(4, 2), requires_grad=True)
    total(matmul(a, b)).backward()
    assert a.grad is not None and b.grad is not None
    np.testing.assert_array_equal(a.grad.numpy(), np.broadcast_to([1.0, 5.0, 9.0, 13.0], (2, 3, 4)))
    np.testing.assert_array_equal(b.grad.numpy(), np.full((4, 2), 6.0))


def test_views_pass_gradients_back_to_their_base():
    x = tensor(np.arange(6.0), requires_grad=True)
    y = permute(reshape(x, shape=(2, 3)), axes=(1, 0))
    z = slice_(y, starts=(1, 0), sizes=(2, 2), steps=(1, 1))
    total(z * z).backward()
    check(x.grad, 0.0, 2.0, 4.0, 0.0, 8.0, 10.0)


def test_expand_adds_up():
    x = leaf(1.0, 2.0)
    total(expand(x, shape=(3, 2))).backward()
    check(x.grad, 3.0, 3.0)


def test_gather_with_repeats_adds_up():
    x = leaf(1.0, 2.0, 3.0)
    y = gather(x, np.array([0, 2, 2, -1]), axis=0)
    (y * tensor([1.0, 10.0, 100.0, 1000.0])).backward(np.ones(4))
    check(x.grad, 1.0, 0.0, 1110.0)


def test_where_takes_the_branch_taken_only():
    x = leaf(-1.0, 0.0, 4.0)
    y = select(gt(x, 0.0), log(select(gt(x, 0.0), x, 1.0)), x * 2.0)
    total(y).backward()
    check(x.grad, 2.0, 2.0, 0.25)


def test_equals_share():
    x, y = leaf(1.0, 2.0), leaf(1.0, 5.0)
    total(maximum(x, y)).backward()
    check(x.grad, 0.5, 0.0)
    z = leaf(3.0, 1.0, 3.0)
    amax(z, axes=(0,)).backward()
    check(z.grad, 0.5, 0.0, 0.5)


def test_products_and_powers_at_zero():
    x = leaf(0.0, 2.0, 3.0)
    prod(x, axes=(0,)).backward()
    check(x.grad, 6.0, 0.0, 0.0)
    b, e = leaf(0.0, 0.0), leaf(2.0, 0.0)
    total(power(b, e)).backward()
    check(b.grad, 0.0, 0.0)
    check(e.grad, 0.0, 0.0)


def test_steps_have_a_gradient_of_zero():
    x = leaf(1.5, 2.5)
    total(floor(x)).backward()
    check(x.grad, 0.0, 0.0)
    assert eager.grad(total(floor(x) * x), x)[0].tolist() == [1.0, 2.0]


def test_stop_gradient_is_detach():
    x = leaf(2.0)
    y = stop_gradient(x)
    assert not y.requires_grad
    total(x * y).backward()
    check(x.grad, 2.0)


def test_python_control_flow_makes_another_tape_each_time():
    def f(x: Tensor) -> Tensor:
        while x < 100.0:
            x = x * x if x > 3.0 else x * 2.0
        return x

    x = tensor(2.0, requires_grad=True)
    (g,) = eager.grad(f(x), x)  # 2 -> 4 -> 16 -> 256: (2 x)^4
    check(g, 4 * 16 * 2.0**3)


# --------------------------------------------------------------------------------------------------- accumulation


def test_gradients_add_up_until_zeroed():
    x = leaf(1.0, 2.0)
    for expected in (2.0, 4.0):
        total(x * 2.0).backward()
        check(x.grad, expected, expected)
    x.zero_grad()
    assert x.grad is None


def test_accumulation_is_in_place_and_each_leaf_owns_its_gradient():
    x, y = leaf(1.0), leaf(1.0)
    total(x + y).backward()
    first = x.grad
    total(x * 5.0).backward()
    assert x.grad is first
    check(x.grad, 6.0)
    check(y.grad, 1.0)


def test_only_leaves_keep_gradients_unless_asked():
    x = leaf(3.0)
    y, z = x * 2.0, x * 3.0
    z.retain_grad()
    assert z.retains_grad and not y.retains_grad and not x.retains_grad
    total(y * z).backward()
    assert y.grad is None
    check(z.grad, 6.0)


def test_what_does_not_require_grad_is_left_alone():
    x, y = leaf(2.0), tensor([3.0])
    total(x * y).backward()
    assert y.grad is None


def test_inputs_choose_who_gets_a_gradient():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    total(z * z).backward(inputs=[x, z])
    check(x.grad, 36.0)
    check(z.grad, 12.0)
    assert y.grad is None


# ------------------------------------------------------------------------------------------------------- released


def test_a_second_pass_needs_a_retained_tape():
    x = leaf(2.0)
    y = total(exp(x))
    y.backward(retain_graph=True)
    y.backward()
    check(x.grad, 2 * np.exp(2.0))
    with pytest.raises(GradientError, match="retain_graph=True") as e:
        y.backward()
    assert "test_tape.py" in str(e.value) and "`exp`" in str(e.value)
    check(x.grad, 2 * np.exp(2.0))


def test_a_part_shared_with_a_released_tape_is_released():
    x = leaf(2.0)
    shared = tanh(x)
    total(shared * 2.0).backward()
    with pytest.raises(GradientError, match="released"):
        total(shared * 3.0).backward()


def test_what_saves_no_values_can_be_passed_again():
    """As in PyTorch, a sum of leaves has nothing to release."""
    x = leaf(2.0)
    y = total(x + x)
    y.backward()
    y.backward()
    check(x.grad, 4.0)


def test_a_failing_pass_changes_no_gradient():
    x = leaf(2.0)
    used = total(exp(x))
    used.backward()
    before = x.grad.tolist()
    with pytest.raises(GradientError):
        eager.backward([total(x * 7.0), used])
    assert x.grad.tolist() == before


def test_passing_through_parts_that_are_not_asked_for_does_not_release_them():
    x, w = leaf(2.0), leaf(3.0)
    h = exp(w)
    y = total(x * h)
    assert eager.grad(y, x, retain_graph=True)[0].tolist() == h.tolist()
    assert eager.grad(total(x * h), x)[0].tolist() == h.tolist()
    assert eager.grad(total(h), w)[0].tolist() == h.tolist()


# ----------------------------------------------------------------------------------------------------------- grad


def test_grad_returns_and_stores_nothing():
    x, y = leaf(2.0), leaf(5.0)
    gx, gy = eager.grad(total(x * y), [x, y])
    check(gx, 5.0)
    check(gy, 2.0)
    assert x.grad is None and y.grad is None
    assert not gx.requires_grad


def test_grad_of_a_computed_tensor():
    x = leaf(2.0)
    y = x * x
    gy, gx = eager.grad(total(y * y), [y, x])
    check(gy, 8.0)
    check(gx, 32.0)


def test_grad_with_several_outputs_and_cotangents():
    x = leaf(1.0, 2.0)
    (g,) = eager.grad([x * x, x], [x], [np.array([1.0, 1.0]), np.array([0.0, 5.0])])
    check(g, 2.0, 9.0)


def test_an_unused_input():
    x, y = leaf(1.0), leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="input 1 was not used"):
        eager.grad(total(x * x), [x, y])
    assert eager.grad(total(x * x), [x, y], allow_unused=True)[1] is None
    zeros = eager.grad(total(x * x), [x, y], materialize_grads=True)[1]
    assert zeros is not None and zeros.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("call", [lambda y, x: y.backward(), eager.grad], ids=["backward", "grad"])
def test_nothing_to_differentiate(call):
    x = tensor([1.0])
    with pytest.raises(GradientError, match="does not require grad"):
        call(total(x * x), x)


def test_cotangents_that_do_not_fit():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="needs a cotangent"):
        (x * 2.0).backward()
    with pytest.raises(GradientError, match="shape of its tensor"):
        (x * 2.0).backward(np.ones(3))
    with pytest.raises(GradientError, match="one cotangent per tensor"):
        eager.grad([x * 2.0, x * 3.0], x, [np.ones(2)])
    assert x.grad is None


# -------------------------------------------------------------------------------------------------- higher orders


def test_derivatives_of_every_order():
    x = tensor(2.0, requires_grad=True)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = eager.grad(y, x, create_graph=True)
        check(y, expected)


def test_backward_with_create_graph_records_the_gradient():
    x = leaf(3.0)
    total(x * x * x).backward(create_graph=True)
    g, x.grad = x.grad, None
    assert g is not None and g.requires_grad
    total(g).backward()
    check(x.grad, 18.0)


def test_a_gradient_penalty():
    w, x = leaf(0.5, -1.0), tensor([2.0, 3.0])
    (g,) = eager.grad(total(tanh(w * x)), w, create_graph=True)
    (h,) = eager.grad(total(g * g), w)
    t = np.tanh(w.tolist() * np.array([2.0, 3.0]))
    expected = 2 * (1 - t**2) * x.numpy() * (-2 * t * (1 - t**2)) * x.numpy() ** 2
    check(h, *expected)


def test_a_recorded_cotangent_is_differentiated_too():
    x, v = leaf(2.0), leaf(5.0)
    (g,) = eager.grad(x * x, x, v, create_graph=True)
    (dv,) = eager.grad(total(g), v)
    check(dv, 4.0)


# --------------------------------------------------------------------------------------------------- forward mode


def test_jvp_over_the_tape():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = x * y
    first, second = eager.jvp([z, exp(x)], [x, y], [np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    check(first, 3.0, 2.0)
    check(second, np.e, 0.0)
    total(z).backward()  # the tape is kept


def test_jvp_of_jvp():
    x = tensor(2.0, requires_grad=True)
    (t,) = eager.jvp(x**3, x, np.array(1.0), create_graph=True)
    (u,) = eager.jvp(t, x, np.array(1.0))
    check(u, 12.0)


def test_jvp_refuses_what_does_not_fit():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="one tangent per input"):
        eager.jvp(x * 2.0, x, [])
    with pytest.raises(GradientError, match="shape"):
        eager.jvp(x * 2.0, x, np.ones(3))


# ----------------------------------------------------------------------------------------------- depth and memory


def test_a_hundred_thousand_operations_do_not_recurse():
    x = tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = add(y, x)
    y.backward()
    assert x.grad is not None and x.grad.item() == 100_001.0
    last = weakref.ref(y)
    del y
    assert last() is None


def test_a_backward_pass_frees_what_it_has_used():
    x = tensor(np.ones(1000), requires_grad=True)
    y = x
    watched = []
    for _ in range(5):
        y = tanh(y)
        watched.append(weakref.ref(y))
    node = y.grad_fn
    total(y).backward()
    while node is not None:
        assert node.saved is None
        node = node.next_functions[0][0] if hasattr(node.next_functions[0][0], "saved") else None
    assert sum(w() is not None for w in watched) == 1  # the tape holds no tensors but leaves


def test_a_tape_without_users_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = tanh(x) * x
        node = weakref.ref(y)
        del y
        assert node() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("op", "kept"),
    [(add, [False, False, False]), (mul, [False, True, True]), (div, [True, False, True]),
     (matmul, [False, True, True]), (exp, [True, False]), (tanh, [True, False]), (log, [False, True])],
    ids=str,
)  # fmt: skip
def test_the_tape_keeps_what_the_rule_reads(op, kept):
    """Result, then operands."""
    operands = [tensor(np.ones((2, 2)), requires_grad=True) for _ in kept[1:]]
    assert [isinstance(s, np.ndarray) for s in op(*operands).grad_fn.saved] == kept


def test_arrays_that_no_rule_reads_are_freed_at_once():
    x = tensor(np.ones(1000), requires_grad=True)
    h = x * 2.0
    array = weakref.ref(h.array)
    y = h + x
    del h
    assert array() is None
    total(y).backward()
    assert x.grad is not None and x.grad.tolist()[0] == 3.0


def test_grad_fn_shows_the_tape():
    x = leaf(1.0)
    y = ew.tanh(x) * 2.0
    assert y.grad_fn is not None and y.grad_fn.name() == "MulBackward"
    (inner, position), (none, _) = y.grad_fn.next_functions
    assert inner.name() == "TanhBackward" and position == 0 and none is None
    assert inner.next_functions[0][0].variable is x
    assert mul(x, x).grad_fn.sequence > inner.sequence
