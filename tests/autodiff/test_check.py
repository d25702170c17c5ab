"""`check_grads` accepts right derivatives and names wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff.check import check_grads
from graphc.errors import OptionError
from graphc.ir.ops.arithmetic import cast, mul, stop_gradient
from graphc.ir.ops.index import gather
from graphc.ir.ops.maths import exp, sin
from graphc.ir.ops.reduce import amax


def test_accepts_several_operands_results_and_orders():
    check_grads(lambda x, y: (mul(sin(x), y), exp(y)), [np.ones((2, 3)), np.array([0.1, 0.2, 0.3])], order=3)


def test_integers_are_held_and_their_results_left_out():
    check_grads(lambda x, i: (gather(x, i, axis=0), cast(x, dtype="i64")), [np.arange(4.0) / 3, np.array([1, 1, 3])])


def test_a_function_without_slope_is_right_with_zeros():
    check_grads(lambda x: mul(stop_gradient(x), 0.0), [np.ones(3)])


@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_a_wrong_derivative_is_shown_with_its_direction(mode):
    with pytest.raises(AssertionError, match=f"`{mode}`(?s:.*)direction(?s:.*)expected(?s:.*)got"):
        check_grads(lambda x: mul(stop_gradient(x), x), [np.ones(3)], modes=[mode])


def test_a_wrong_second_derivative_is_found():
    def f(x):
        return mul(x, mul(x, stop_gradient(x)))  # slope 2 x^2 in place of 3 x^2

    def first_order_right(x):
        return mul(f(x), 1.5) - mul(stop_gradient(mul(x, mul(x, x))), 0.5)

    check_grads(first_order_right, [np.array([1.0, 2.0])], order=1, modes=["rev"])
    with pytest.raises(AssertionError, match="rev of rev"):
        check_grads(first_order_right, [np.array([1.0, 2.0])], order=2, modes=["rev"])


def test_float32_is_checked_in_float64():
    check_grads(lambda x: amax(mul(x, x), axes=(0,)), [np.array([0.1, 0.7, 0.3], "f4")])


def test_unknown_mode():
    with pytest.raises(OptionError, match="backward"):
        check_grads(sin, [np.ones(2)], modes=["backward"])
