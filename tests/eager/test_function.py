"""Operations with a derivative of the user's.  Expected values are PyTorch 2.13's."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from graphc import eager
from graphc.eager import Function, Tensor, no_grad, tensor
from graphc.errors import GradientError, UnsupportedError


def leaf(*values: float) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Exp(Function):
    """Saves its result."""

    @staticmethod
    def forward(ctx, x):
        y = np.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Scaled(Function):
    """Several results, one without gradient, and an argument that is no tensor."""

    seen: list[object] = []  # noqa: RUF012

    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x)
        ctx.k = k
        positive = x > 0
        ctx.mark_non_differentiable(positive)
        return x * k, x * x, positive

    @staticmethod
    def backward(ctx, g, h, unused):
        (x,) = ctx.saved_tensors
        Scaled.seen.append((ctx.needs_input_grad, h.tolist(), unused.dtype))
        return g * ctx.k + 2 * x * h, None


class Double(Function):
    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.inputs = len(inputs)

    @staticmethod
    def backward(ctx, g):
        return g * 2 * ctx.inputs, None


class Returned(Function):
    """Returns from backward what forward was given."""

    @staticmethod
    def forward(ctx, x, result):
        ctx.result = result
        return x * 2.0

    @staticmethod
    def backward(ctx, g):
        return ctx.result


def test_value_gradient_and_second_gradient():
    for function, slopes in ((Cube, (12.0, 12.0)), (Exp, (np.e**2, np.e**2))):
        x = leaf(2.0)
        y = function.apply(x)
        (g,) = eager.grad(y, x, create_graph=True)
        (h,) = eager.grad(g, x)
        np.testing.assert_allclose([g.item(), h.item()], slopes)
        assert y.grad_fn.name() == f"{function.__name__}Backward" and y.grad_fn.next_functions[0][0].variable is x


def test_third_derivative_through_a_saved_result():
    x = tensor(1.0, requires_grad=True)
    y = Exp.apply(x * 2.0)
    for n in range(1, 4):
        (y,) = eager.grad(y, x, create_graph=True)
        np.testing.assert_allclose(y.item(), 2**n * np.e**2)


def test_several_results():
    x = leaf(1.0, 2.0)
    a, b, positive = Scaled.apply(x, 3.0)
    assert not positive.requires_grad and positive.tolist() == [True, True]
    assert a.grad_fn.name() == "ScaledBackward" and len(a.grad_fn.next_functions) == 2
    Scaled.seen.clear()
    (a * 1.0).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [3.0, 3.0]
    assert Scaled.seen == [((True, False), [0.0, 0.0], np.dtype(bool))]
    (g,) = eager.grad((a + b).sum(), x, create_graph=True)
    assert g.tolist() == [5.0, 7.0] and eager.grad(g.sum(), x)[0].tolist() == [2.0, 2.0]
    assert len(Scaled.seen) == 2


def test_gradients_that_are_not_materialized():
    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx, g, h):
            assert g is None
            return h * 3.0

    x = leaf(1.0)
    Pair.apply(x)[1].backward()
    assert x.grad.tolist() == [3.0]


def test_setup_context():
    x = leaf(1.0)
    Double.apply(x).backward()
    assert x.grad.tolist() == [2.0]


def test_hooks_and_inner_nodes():
    x, seen = leaf(1.0), []
    y = Cube.apply(Cube.apply(x * 2.0))
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.backward()
    assert seen == [[1.0]] and x.grad.tolist() == [9 * 2.0**9]


def test_nothing_is_recorded_without_need():
    x = leaf(2.0)
    with no_grad():
        assert not Cube.apply(x).requires_grad
    assert Cube.apply(tensor([2.0])).is_leaf
    assert Cube.apply(np.array(2.0)) == 8.0


def test_returning_an_argument():
    class Seven(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7.0

    x = leaf(1.0)
    y = Seven.apply(x)
    y.backward()
    assert y is not x and not y.is_leaf and x.grad.tolist() == [7.0]


def test_saved_tensors_are_released_and_watched():
    x = leaf(1.0, 2.0)
    y = Cube.apply(x).sum()
    y.backward()
    with pytest.raises(GradientError, match="released"):
        y.backward()
    c = x.clone()
    z = Cube.apply(c).sum()
    c += 1.0
    with pytest.raises(GradientError, match="`Cube` reads was changed"):
        z.backward()


def test_broadcast_gradients_are_summed_and_numbers_of_another_width_converted():
    x = leaf(1.0, 2.0)
    Returned.apply(x, (np.ones((3, 2), "f4"), None)).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.grad.dtype == np.float64


@pytest.mark.parametrize("result", [(), (1.0, 2.0, 3.0), (np.ones((3, 5)), None), (np.ones(()), None)])
def test_gradients_that_do_not_fit(result):
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match=r"Returned\.backward"):
        Returned.apply(x, result).sum().backward()


def test_forward_mode():
    """By transposing backward, or by a rule of its own."""

    class Own(Cube):
        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * 3 * x**2

    for function in (Cube, Own):
        x, t = leaf(2.0), np.array([10.0])
        (slope,) = eager.jvp(function.apply(x), x, t, create_graph=True)
        assert slope.tolist() == [120.0] and eager.grad(slope, x)[0].tolist() == [120.0]
        assert eager.jvp(function.apply(x), x, t)[0].tolist() == [120.0]


def test_forward_mode_of_several_results():
    x = leaf(1.0, 2.0)
    a, b, _ = Scaled.apply(x, 3.0)
    slopes = eager.jvp([a, b], x, np.array([1.0, 10.0]))
    assert [s.tolist() for s in slopes] == [[3.0, 30.0], [2.0, 40.0]]


def test_what_forward_mode_saves_is_its_own():
    class Seen(Cube):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_forward(x)
            return x * k

        @staticmethod
        def jvp(ctx, t, of_k):
            assert of_k is None and ctx.needs_input_grad == (True, False)
            (x,) = ctx.saved_tensors
            return t * x

    x = leaf(5.0)
    assert eager.jvp(Seen.apply(x, 2.0), x, np.ones(1))[0].tolist() == [5.0]


def test_a_call_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = Exp.apply(x) + Scaled.apply(x, 2.0)[0]
        saved = weakref.ref(Exp.apply(x).array)
        last = weakref.ref(y)
        del y
        assert last() is None and saved() is None
    finally:
        gc.enable()


def test_a_class_without_its_methods_is_told_which_one_to_write():
    class Empty(Function):
        pass

    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    x = eager.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(UnsupportedError, match=r"forward\(ctx, \*args\)"):
        Empty.apply(x)
    with pytest.raises(UnsupportedError, match=r"backward\(ctx, \*gradients\)"):
        Forward.apply(x).sum().backward()
