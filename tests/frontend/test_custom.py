"""custom_vjp and custom_jvp: the rule counts, in every mode, order and world; batches of it too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.errors import GradientError, GraphMismatchError, SignatureError

WORLDS = {"arrays": lambda f: f, "jit": gx.jit, "O0": gx.jit(level="O0")}
X = np.array([-1.0, 0.1, 2.0, 500.0])


@pytest.fixture(params=WORLDS.values(), ids=WORLDS)
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


def same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-300, strict=True)


@gx.custom_vjp
def clipped(x: Any, limit: float = 0.5) -> Any:
    """x, with a gradient of at most `limit`."""
    return x * 1


clipped.defvjp(lambda x, limit=0.5: (x * 1, limit), lambda limit, g: (np.clip(g, -limit, limit), None))


@gx.custom_jvp
def softplus(x: Any) -> Any:
    return np.log1p(np.exp(np.minimum(x, 30))) + np.maximum(x - 30, 0)


@softplus.defjvp
def softplus_rule(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return softplus(x), t / (1 + np.exp(-x))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_the_function_is_what_it_was(world: Any) -> None:
    same(world(clipped)(X), X)
    same(world(softplus)(X), np.logaddexp(0, X))
    assert clipped.__name__ == "clipped" and "at most" in clipped.__doc__


def test_the_rule_counts(world: Any) -> None:
    same(world(gx.grad(lambda x: (clipped(x) ** 2).sum()))(X), np.clip(2 * X, -0.5, 0.5))
    same(world(gx.grad(lambda x: (clipped(x, limit=3.0) ** 2).sum()))(X), np.clip(2 * X, -3, 3))
    same(world(gx.grad(lambda x: softplus(x).sum()))(X), sigmoid(X))


def test_forward_mode(world: Any) -> None:
    value, slope = world(lambda x: gx.jvp(softplus, (x,), (x,)))(X)
    same(value, np.logaddexp(0, X))
    same(slope, sigmoid(X) * X)


def test_a_rule_without_forward_mode() -> None:
    for f in (lambda x: gx.jvp(clipped, (x,), (x,)), gx.jacobian(clipped, mode="forward")):
        for world in WORLDS.values():
            with pytest.raises(GradientError, match="no derivative in forward mode"):
                world(f)(X)


def test_second_order(world: Any) -> None:
    curve = sigmoid(X) * sigmoid(-X)
    same(world(gx.grad(lambda x: gx.grad(lambda y: softplus(y).sum())(x).sum()))(X[:3]), curve[:3])
    same(world(gx.hessian(lambda x: softplus(x).sum()))(X[:3]), np.diag(curve[:3]))


def test_second_order_through_residuals(world: Any) -> None:
    """d(x^3) by rule is 3 r^2 with the residual r = x."""
    cube = gx.custom_vjp(lambda x: x**3)
    cube.defvjp(lambda x: (x**3, {"x": x, "factor": 3}), lambda r, g: (r["factor"] * r["x"] ** 2 * g,))
    same(world(gx.grad(gx.grad(cube)))(2.0), np.array(12.0))


def test_second_order_through_the_function_itself(world: Any) -> None:
    """The residual of a root is the root; its slope at 0 is by rule too: 1 / (2 * 10) in place of infinity."""

    @gx.custom_vjp
    def root(x: Any) -> Any:
        return np.sqrt(x)

    def forward(x: Any) -> Any:
        y = root(x)
        return y, y

    root.defvjp(forward, lambda y, g: (g / (2 * np.where(y > 0, y, 10)),))
    same(world(gx.grad(root))(4.0), np.array(0.25))
    same(world(gx.grad(root))(0.0), np.array(0.05))
    same(world(gx.grad(gx.grad(root)))(4.0), np.array(-1 / 32))
    same(world(gx.grad(gx.grad(root)))(0.0), np.array(0.0))


def test_several_arguments_and_results(world: Any) -> None:
    @gx.custom_vjp
    def f(p: Any, n: Any, x: Any) -> Any:
        return {"sum": p["a"] + x, "product": p["a"] * x * n}

    def backward(saved: Any, g: Any) -> Any:
        return {"a": g["sum"] * 10 + g["product"]}, None, g["sum"] * saved

    f.defvjp(lambda p, n, x: (f(p, n, x), x), backward)

    def loss(p: Any, n: Any, x: Any) -> Any:
        out = f(p, n, x)
        return (out["sum"] * 2 + out["product"] * 3).sum()

    by_p, by_x = world(gx.grad(loss, (0, 2)))({"a": X}, np.arange(4), X)
    same(by_p["a"], np.full(4, 23.0))
    same(by_x, 2 * X)


def test_vmap_of_the_gradient_and_gradient_of_vmap(world: Any) -> None:
    same(world(gx.vmap(gx.grad(softplus)))(X), sigmoid(X))
    same(world(gx.grad(lambda x: gx.vmap(softplus)(x).sum()))(X), sigmoid(X))
    _, slope = world(lambda x: gx.jvp(gx.vmap(softplus), (x,), (x,)))(X)
    same(slope, sigmoid(X) * X)


def test_the_rule_sees_one_item(world: Any) -> None:
    """The gradient is clipped by its norm: for every item by its own."""
    short = gx.custom_vjp(lambda x: x * 1)
    short.defvjp(lambda x: (x * 1, None), lambda _, g: (g / np.sqrt((g * g).sum()),))
    rows = np.arange(1.0, 7.0).reshape(2, 3)
    got = world(gx.grad(lambda x: (gx.vmap(short)(x) ** 2).sum()))(rows)
    same(got, rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_arguments_that_are_no_floats(world: Any) -> None:
    """They reach the rules, of each item its own, and have neither tangent nor cotangent."""
    item = gx.custom_vjp(lambda x, i: x[i])
    item.defvjp(lambda x, i: (x[i], (x, i)), lambda r, g: (np.where(np.arange(4) == r[1], 5 * g, 0), None))
    power = gx.custom_jvp(lambda x, n: x ** n.astype("float64"))
    power.defjvp(lambda p, t: (power(*p), (p[1] * p[0] ** (p[1].astype("float64") - 1)) * t[0]))
    index = np.array([2, 0, 2])
    same(world(gx.grad(lambda x, i: gx.vmap(item, (None, 0))(x, i).sum()))(X, index), np.array([5.0, 0, 10, 0]))
    both = world(gx.grad(lambda x, n: gx.vmap(power)(x, n).sum()))(X[:3], np.array([1, 2, 3]))
    same(both, np.array([1.0, 2 * X[1], 3 * X[2] ** 2]))
    _, slope = world(lambda x, n: gx.jvp(lambda x: gx.vmap(power)(x, n), (x,), (x,)))(X[:3], np.array([1, 2, 3]))
    same(slope, both * X[:3])


def test_what_items_have_in_common_gets_the_sum(world: Any) -> None:
    scaled = gx.custom_vjp(lambda x, w: x * w)
    scaled.defvjp(lambda x, w: (x * w, (x, w)), lambda r, g: (g * r[1], 7 * g * r[0]))
    by_w = world(gx.grad(lambda w, x: gx.vmap(scaled, (0, None))(x, w).sum()))(2.0, X)
    same(by_w, np.array(7 * X.sum()))


def test_nothing_is_left_in_compiled_code() -> None:
    graph = gx.jit(lambda x: clipped(softplus(x))).optimize(X)
    assert "custom" not in {n.op.name for n in graph.nodes}


# ------------------------------------------------------------------------------------------------------ mistakes


def test_arguments_that_have_a_name_only() -> None:
    f = gx.custom_vjp(lambda x, *, scale: x * scale)
    with pytest.raises(SignatureError, match="by position"):
        f(X, scale=2.0)


@pytest.mark.parametrize("kind", [gx.custom_vjp, gx.custom_jvp])
def test_no_rule(kind: Any) -> None:
    f = kind(lambda x: x * 2)
    same(f(X), X * 2)
    with pytest.raises(GradientError, match="without its rule"):
        gx.grad(lambda x: f(x).sum())(X)


@pytest.mark.parametrize(
    ("forward", "backward", "error", "match"),
    [
        (lambda x: x * 1, lambda r, g: (g,), SignatureError, "forward returns"),
        (lambda x: (x * 1, None), lambda r, g: g, GradientError, "one cotangent per argument"),
        (lambda x: (x * 1, None), lambda r, g: (g, g), GradientError, "one cotangent per argument"),
        (lambda x: (x * 1, None), lambda r, g: (g.sum(),), GradientError, "another shape"),
        (lambda x: (x * 1, None), lambda r, g: ({"x": g},), SignatureError, "nests differ"),
    ],
)
def test_rules_that_do_not_fit(world: Any, forward: Any, backward: Any, error: Any, match: str) -> None:
    f = gx.custom_vjp(lambda x: x * 1)
    f.defvjp(forward, backward)
    with pytest.raises(error, match=match):
        world(gx.grad(lambda x: f(x).sum()))(X)


def test_a_rule_that_closes_over_an_item() -> None:
    def scaled(x: Any, s: Any) -> Any:
        f = gx.custom_jvp(lambda x: x * s)
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * s))
        return f(x)

    loss = gx.grad(lambda x: gx.vmap(scaled)(x, X).sum())
    with pytest.raises(GraphMismatchError, match="one item of a batch"):
        gx.jit(loss)(X)


def test_a_tangent_of_another_shape() -> None:
    f = gx.custom_jvp(lambda x: x * 1)
    f.defjvp(lambda primals, tangents: (primals[0], tangents[0].sum()))
    with pytest.raises(GradientError, match="another shape"):
        gx.jvp(f, (X,), (X,))
