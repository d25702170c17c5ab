"""grad, value_and_grad, vjp, jvp: the same on arrays (eager twin), inside jit (graph) and nested in each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.errors import GradientError, SignatureError

X = np.random.default_rng(0).normal(size=(3, 4))
P = {"w": np.random.default_rng(1).normal(size=(4, 2)), "b": [np.zeros(2)]}
WORLDS: list[Callable[[Any], Any]] = [lambda f: f, lambda f: gx.jit(f, level="O0"), gx.jit]


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def loss(p: Any, x: Any) -> Any:
    return np.sum(np.tanh(x @ p["w"] + p["b"][0]) ** 2)


def slopes() -> tuple[Any, Any, Any]:
    """By hand: with respect to w, b and x."""
    y = np.tanh(X @ P["w"] + P["b"][0])
    g = 2 * y * (1 - y * y)
    return X.T @ g, g.sum(0), g @ P["w"].T


@pytest.mark.parametrize("world", WORLDS)
def test_gradients_keep_the_nest(world: Any) -> None:
    found = world(gx.grad(loss))(P, X)
    assert list(found) == ["w", "b"] and type(found["w"]) is np.ndarray
    same(found["w"], slopes()[0])
    same(found["b"][0], slopes()[1])


@pytest.mark.parametrize("world", WORLDS)
def test_argnums(world: Any) -> None:
    same(world(gx.grad(loss, argnums=1))(P, X), slopes()[2])
    same(world(gx.grad(loss, argnums=-1))(P, X), slopes()[2])
    by_p, by_x = world(gx.grad(loss, argnums=(0, 1)))(P, X)
    same(by_p["w"], slopes()[0])
    same(by_x, slopes()[2])


@pytest.mark.parametrize("world", WORLDS)
def test_value_and_aux(world: Any) -> None:
    value, slope = world(gx.value_and_grad(lambda x, k: (x**k).sum(), argnums=0))(X, 2)
    same(value, (X**2).sum())
    same(slope, 2 * X)
    (value, aux), slope = world(gx.value_and_grad(lambda x: (x.sum(), {"y": x * 2, "n": 3}), has_aux=True))(X)
    same(aux["y"], 2 * X)
    assert aux["n"] == 3
    slope, aux = world(gx.grad(lambda x: (x.sum(), x), has_aux=True))(X)
    same(slope, np.ones_like(X))
    same(aux, X)


@pytest.mark.parametrize("world", WORLDS)
def test_higher_orders(world: Any) -> None:
    f = lambda x: np.sin(x) * x**3  # noqa: E731
    d3 = gx.grad(gx.grad(gx.grad(f)))
    x = 1.3
    wanted = 6 * np.sin(x) + 18 * x * np.cos(x) - 9 * x**2 * np.sin(x) - x**3 * np.cos(x)
    same(world(d3)(x), wanted)


@pytest.mark.parametrize("world", WORLDS)
def test_no_path_but_the_argument_counts(world: Any) -> None:
    """d/dx of x * d/dy (x y^2) at y = x: x is a constant inside."""

    def outer(x: Any) -> Any:
        return x * gx.grad(lambda y: x * y**2)(x)

    same(world(gx.grad(outer))(2.0), 24.0)  # outer(x) = 2 x^3
    same(world(lambda x: gx.grad(lambda y: y * x)(x))(2.0), 2.0)


@pytest.mark.parametrize("world", WORLDS)
def test_inner_arguments_may_be_arrays(world: Any) -> None:
    def outer(x: Any) -> Any:
        return gx.grad(lambda w: ((w * x) ** 2).sum())(np.ones(3)).sum()

    same(world(gx.grad(outer))(np.arange(3.0)), 4 * np.arange(3.0))


@pytest.mark.parametrize("world", WORLDS)
def test_vjp(world: Any) -> None:
    def f(x: Any, g: Any) -> Any:
        (y, z), pullback = gx.vjp(lambda a, b: (a @ b, a.sum()), x, P["w"])
        return y, z, pullback((g, 2.0)), pullback((np.zeros((3, 2)), 1.0))

    y, z, (by_a, by_b), (again, _) = world(f)(X, np.ones((3, 2)))
    same(y, X @ P["w"])
    same(z, X.sum())
    same(by_a, np.ones((3, 2)) @ P["w"].T + 2)
    same(by_b, X.T @ np.ones((3, 2)))
    same(again, np.ones_like(X))


@pytest.mark.parametrize("world", WORLDS)
def test_jvp(world: Any) -> None:
    def f(x: Any, t: Any) -> Any:
        return gx.jvp(
            lambda p: {"y": np.sin(p["x"]) * p["c"], "z": p["c"] * 3}, ({"x": x, "c": 2.0},), ({"x": t, "c": 1.0},)
        )

    value, slope = world(f)(X, X + 1)
    same(value["y"], 2 * np.sin(X))
    same(slope["y"], 2 * np.cos(X) * (X + 1) + np.sin(X))
    same(slope["z"], 3.0)


@pytest.mark.parametrize("world", WORLDS)
def test_forward_over_reverse(world: Any) -> None:
    cube = lambda x: (x**3).sum()  # noqa: E731
    hvp = lambda x, v: gx.jvp(gx.grad(cube), (x,), (v,))[1]  # noqa: E731
    same(world(hvp)(X, np.ones_like(X)), 6 * X)
    same(world(gx.grad(lambda x: gx.jvp(cube, (x,), (np.ones_like(X),))[1]))(X), 6 * X)


@pytest.mark.parametrize("world", WORLDS)
def test_stop_gradient(world: Any) -> None:
    same(world(gx.grad(lambda x: (x * gx.stop_gradient(x)).sum()))(X), X)
    same(world(gx.grad(lambda x: (x * gx.stop_gradient({"y": x, "n": 2})["y"]).sum()))(X), X)


@pytest.mark.parametrize("world", WORLDS)
def test_what_does_not_depend_on_the_argument_is_zero(world: Any) -> None:
    same(world(gx.grad(lambda x: np.float64(3)))(X), np.zeros_like(X))
    same(world(gx.grad(lambda x: np.floor(x).sum()))(X), np.zeros_like(X))
    same(world(gx.grad(lambda p: (p[0] * 2).sum()))([X, X])[1], np.zeros_like(X))
    same(world(lambda x: gx.jvp(lambda y: np.ones(2), (x,), (x,)))(X)[1], np.zeros(2))


def test_eager_tensors_stay_eager() -> None:
    w = gx.eager.tensor(P["w"], requires_grad=True)
    slope = gx.grad(lambda v: (X @ v).sum())(w)
    assert isinstance(slope, gx.eager.Tensor)
    twice = gx.grad(lambda v: (v**3).sum())(w)
    (second,) = gx.eager.grad(twice.sum(), [w])
    same(second.numpy(), 6 * P["w"])


def test_float32_stays_float32() -> None:
    x = X.astype(np.float32)
    for world in WORLDS:
        assert world(gx.grad(lambda x: (x * 0.5).sum()))(x).dtype == np.float32


def test_it_is_named_after_the_function() -> None:
    derivative = gx.grad(loss)
    assert derivative.__name__ == "grad_loss"
    graph = gx.jit(derivative).trace(P, X)
    assert [v.node.attrs["name"] for v in graph.inputs] == ["p_w", "p_b_0", "x"]
    assert graph.inputs[0].node.loc.function == "loss"


MISTAKES = [
    (GradientError, lambda: gx.grad(lambda x: x * 2)(X)),
    (GradientError, lambda: gx.grad(lambda x: x.sum())(np.arange(3))),
    (GradientError, lambda: gx.grad(lambda x: x)(3)),
    (GradientError, lambda: gx.grad(lambda x: x["a"])({"a": "text"})),
    (GradientError, lambda: gx.grad(lambda x: x.astype(int).sum())(X)),
    (GradientError, lambda: gx.grad(lambda x: None)(X)),
    (GradientError, lambda: gx.grad(lambda x: (x.sum(), x.sum()))(X)),
    (GradientError, lambda: gx.grad(lambda x: x.sum(), has_aux=True)(X)),
    (GradientError, lambda: gx.jvp(lambda x: x > 0, (X,), (X,))),
    (SignatureError, lambda: gx.grad(lambda x: x.sum(), argnums=1)(X)),
    (SignatureError, lambda: gx.vjp(lambda x: (x, x), X)[1](X)),
    (SignatureError, lambda: gx.jvp(lambda x: x[0], ([X],), (X,))),
]


@pytest.mark.parametrize("error, mistake", MISTAKES)
@pytest.mark.parametrize("inside", [False, True])
def test_mistakes(error: type[Exception], mistake: Any, inside: bool) -> None:
    with pytest.raises(error) as caught:
        gx.jit(mistake)() if inside else mistake()
    assert "test_transforms.py" in str(caught.value) and len(str(caught.value).splitlines()) <= 12
