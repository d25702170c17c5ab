"""`eager.Function` in graphs: the values of the tape, in every mode and order, alone and inside transformations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc import eager
from graphc.errors import ConcretizationError, GradientError

X = np.array([-1.5, 0.25, 2.0])
WORLDS = {"arrays": lambda f: f, "jit": gx.jit, "O0": gx.jit(level="O0")}


@pytest.fixture(params=WORLDS.values(), ids=WORLDS)
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


def same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-300, strict=True)


class Cube(eager.Function):
    """Saves its argument."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Steps(eager.Function):
    """Saves its result, whose own derivative is not that of its operations: floor(x), as if it were x**2."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = np.floor(x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, y = ctx.saved_tensors
        return g * (2 * x + y)


class Inside(eager.Function):
    """Keeps something between: it counts as constant."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = {"at": np.cos(x), "factor": 2.0}
        return np.sin(x) * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.slope["at"] * ctx.slope["factor"]


class Pair(eager.Function):
    """Several arguments and results, of them one without gradient; arguments that are no tensors."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: float, y: Any, name: str) -> Any:
        assert name == "pair"
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        rank = np.floor(x)
        ctx.mark_non_differentiable(rank)
        return x * scale + y, x * y, rank

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any, rank: Any) -> Any:
        x, y = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False, True, False)
        return g * ctx.scale + h * y + rank, None, g + h * x, None


class Late(eager.Function):
    """The form with `setup_context`, and a rule of its own for forward mode."""

    @staticmethod
    def forward(x: Any, k: float) -> Any:
        return np.tanh(x) * k

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.k = inputs
        ctx.save_for_backward(output)
        ctx.save_for_forward(x, output)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_tensors
        return g * (ctx.k - y * y / ctx.k), None

    @staticmethod
    def jvp(ctx: Any, t: Any, of_k: Any) -> Any:
        assert of_k is None
        _, y = ctx.saved_tensors
        return t * (ctx.k - y * y / ctx.k)


def pair(x: Any) -> Any:
    a, b, rank = Pair.apply(x, 3.0, x * 2.0, "pair")
    return (a * a).sum() + (b * rank).sum()


FUNCTIONS = {
    "cube": lambda x: (Cube.apply(x) * x).sum(),
    "steps": lambda x: (Steps.apply(x * 1.5) * x).sum(),
    "inside": lambda x: (Inside.apply(x) * x).sum(),
    "pair": pair,
    "late": lambda x: (Late.apply(x, 2.0) ** 2).sum(),
    "twice": lambda x: Cube.apply(Late.apply(x, 2.0)).sum(),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_value_and_two_derivatives_are_those_of_the_tape(f: Any) -> None:
    x = eager.tensor(X, requires_grad=True)
    y = f(x)
    (g,) = eager.grad(y, x, create_graph=True)
    (h,) = eager.grad((g * g).sum(), x)
    for level in ("O0", "O3"):
        value, slope = gx.jit(gx.value_and_grad(f), level=level)(X)
        same(value, y.detach().numpy())
        same(slope, g.detach().numpy())
        second = gx.jit(gx.grad(lambda x: (gx.grad(f)(x) ** 2).sum()), level=level)(X)
        same(second, h.numpy())


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_forward_mode_is_the_transpose_of_reverse_mode(f: Any, world: Any) -> None:
    t = np.array([0.5, -1.0, 2.0])
    value, slope = world(lambda x, t: gx.jvp(f, (x,), (t,)))(X, t)
    same(value, np.asarray(gx.jit(f)(X)))
    np.testing.assert_allclose(slope, gx.grad(f)(X) @ t, rtol=1e-12)


@pytest.mark.parametrize("f", [FUNCTIONS[k] for k in ("cube", "late", "twice")], ids=["cube", "late", "twice"])
def test_mixed_modes_of_second_order(f: Any, world: Any) -> None:
    matrix = world(gx.hessian(f))(X)
    np.testing.assert_allclose(matrix, world(gx.jacobian(gx.grad(f), mode="reverse"))(X), rtol=1e-10, atol=1e-12)
    (product,) = world(lambda x: gx.hvp(f, (x,), (x,)))(X)
    np.testing.assert_allclose(product, matrix @ X, rtol=1e-10)


def test_batches(world: Any) -> None:
    rows = np.stack([X, X + 1, X * 2])
    for f in FUNCTIONS.values():
        want = np.stack([gx.grad(f)(row) for row in rows])
        same(world(gx.vmap(gx.grad(f)))(rows), want)
        same(world(gx.grad(lambda x, f=f: gx.vmap(f)(x).sum()))(rows), want)
        _, along = world(lambda x, f=f: gx.jvp(gx.vmap(f), (x,), (x,)))(rows)
        np.testing.assert_allclose(along, (want * rows).sum(axis=1), rtol=1e-10)


def test_a_batch_with_a_common_argument(world: Any) -> None:
    class Product(eager.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, w = ctx.saved_tensors
            return g * w, 7 * g * x

    by_w = world(gx.grad(lambda w, x: gx.vmap(Product.apply, (0, None))(x, w).sum()))(2.0, X)
    same(by_w, np.array(7 * X.sum()))


def test_checkpoint_and_jit_inside(world: Any) -> None:
    for f in FUNCTIONS.values():
        same(world(gx.grad(gx.checkpoint(f)))(X), gx.grad(f)(X))
        same(world(gx.grad(gx.jit(f)))(X), gx.grad(f)(X))


def test_in_a_session() -> None:
    graph = gx.Graph()
    with graph:
        x = gx.placeholder("float64", ("n",), name="x")
        w = gx.variable(np.array(2.0), name="w")
        y = Cube.apply(x * w).sum()
        by_x, by_w = gx.gradients(y, [x, w])
    with gx.Session(graph) as session:
        got = session.run([y, by_x, by_w], {x: X})
    for a, b in zip(got, [(8 * X**3).sum(), 24 * X**2, (12 * X**3).sum()], strict=True):
        np.testing.assert_allclose(a, b)


def test_gradients_that_are_not_materialized(world: Any) -> None:
    class Halves(eager.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            assert g is None
            return h * 3.0

    same(world(gx.grad(lambda x: Halves.apply(x)[1].sum()))(X), np.full(3, 3.0))


def test_a_broadcast_gradient_is_summed(world: Any) -> None:
    class Tall(eager.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return np.broadcast_to(g, (4, 3)), None, None

    same(world(gx.grad(lambda x: Tall.apply(x).sum()))(X), np.full(3, 4.0))


def test_no_operation_is_left_over_in_compiled_code() -> None:
    names = {n.op.name for n in gx.jit(gx.grad(FUNCTIONS["pair"])).optimize(X).nodes}
    assert names.isdisjoint({"custom", "stop_gradient"})


# ------------------------------------------------------------------------------------------------------ mistakes


def returning(make: Any) -> type[eager.Function]:
    class Wrong(eager.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, k: float) -> Any:
            return x * k

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return make(g)

    return Wrong


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda g: g, r"Wrong\.backward returns one derivative per argument.*\n?.*got"),
        (lambda g: (g, g, g), r"expected.*2, None for those without one"),
        (lambda g: (g.sum(), None), r"Wrong\.backward returns a derivative of the shape"),
    ],
)
def test_gradients_that_do_not_fit_name_the_rule(world: Any, make: Any, match: str) -> None:
    with pytest.raises(GradientError, match=f"(?s){match}") as caught:
        world(gx.grad(lambda x: returning(make).apply(x, 2.0).sum()))(X)
    assert "test_function.py" in str(caught.value) and "in backward" in str(caught.value)


def test_a_tangent_of_another_shape(world: Any) -> None:
    class Wrong(Late):
        @staticmethod
        def jvp(ctx: Any, t: Any, of_k: Any) -> Any:
            return t.sum()

    with pytest.raises(GradientError, match=r"Wrong\.jvp"):
        world(lambda x: gx.jvp(lambda x: Wrong.apply(x, 2.0), (x,), (x,)))(X)


def test_python_control_flow_in_a_traced_backward() -> None:
    wrong = returning(lambda g: (g if g.sum() > 0 else -g, None))
    assert gx.grad(lambda x: wrong.apply(x, 2.0).sum())(X).shape == (3,)
    with pytest.raises(ConcretizationError, match=r"test_function\.py:\d+ in <lambda>"):
        gx.jit(gx.grad(lambda x: wrong.apply(x, 2.0).sum()))(X)


def test_a_backward_that_is_not_linear_has_no_forward_mode_on_the_tape() -> None:
    wrong = returning(lambda g: (np.ones(3), None))
    with pytest.raises(GradientError, match="no forward mode"):
        gx.jvp(lambda x: wrong.apply(x, 2.0), (X,), (X,))
