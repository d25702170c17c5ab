"""jacobian, hessian, hvp, linearize and has_aux: against finite differences and formulas, compiled and on the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc import eager
from graphc.errors import GradientError, OptionError

WORLDS = {"arrays": lambda f: f, "jit": gx.jit, "O0": gx.jit(level="O0")}
MODES = (None, "forward", "reverse")
RNG = np.random.default_rng(0)
X, A = RNG.standard_normal(4), RNG.standard_normal((3, 4))


@pytest.fixture(params=WORLDS.values(), ids=WORLDS)
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


def same(got: Any, want: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, strict=True)


def differences(f: Callable[[np.ndarray], Any], x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """(f(x + eps e) - f(x - eps e)) / (2 eps) for every unit vector e, along the last axes."""
    steps = np.eye(x.size).reshape(x.size, *x.shape) * eps
    columns = [(np.asarray(f(x + e)) - np.asarray(f(x - e))) / (2 * eps) for e in steps]
    return np.moveaxis(np.stack(columns), 0, -1).reshape(*columns[0].shape, *x.shape)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: np.sin(x) * x,
    "matrix": lambda x: np.tanh(A @ x),
    "table": lambda x: np.exp(x[:, None] * x[None, :2]),
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
    "scalar": lambda x: (x**3).sum() * x[0],
    "indexing": lambda x: np.concatenate([x[::2], x[[0, 0, 3]]]) ** 2,
    "constant": lambda x: np.ones((2, 2)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian_is_the_matrix_of_differences(world: Any, name: str, mode: str | None) -> None:
    f = FUNCTIONS[name]
    same(world(gx.jacobian(f, mode=mode))(X), differences(f, X), 1e-7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessian_is_the_jacobian_of_the_jacobian(world: Any, name: str) -> None:
    f = FUNCTIONS[name]
    same(world(gx.hessian(f))(X), differences(gx.jacobian(f), X), 1e-6)


def test_third_derivatives(world: Any) -> None:
    got = world(gx.jacobian(gx.hessian(lambda x: (x**4).sum())))(X)
    want = np.zeros((4, 4, 4))
    want[range(4), range(4), range(4)] = 24 * X
    same(got, want)


def test_nests_and_several_arguments(world: Any) -> None:
    def f(p: Any, y: Any) -> Any:
        return {"a": p["w"] @ y, "b": (p["c"] * y, y.sum())}

    p = {"w": A, "c": 2.0}
    found = world(gx.jacobian(f, (0, 1)))(p, X)
    same(found["a"][0]["w"], np.einsum("ij,k->ijk", np.eye(3), X))
    same(found["a"][0]["c"], np.zeros(3))
    same(found["a"][1], A)
    same(found["b"][0][0]["c"], X)
    same(found["b"][0][1], 2 * np.eye(4))
    same(found["b"][1][1], np.ones(4))


def test_of_an_empty_array(world: Any) -> None:
    assert world(gx.jacobian(np.sin))(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert world(gx.jacobian(lambda x: x.sum(axis=0)))(np.zeros((0, 2))).shape == (2, 0, 2)


def test_the_mode_follows_the_shapes() -> None:
    """Unit vectors go along the shorter side: the largest array has their number times the longer side."""
    wide, tall = gx.jacobian(lambda x: A @ x), gx.jacobian(lambda x: A.T @ x)
    shapes = [{v.shape for n in gx.jit(j).optimize(x).nodes for v in n.inputs} for j, x in ((wide, X), (tall, X[:3]))]
    assert all((4, 4) not in s for s in shapes)


def test_symbolic_extents() -> None:
    f = gx.jit(gx.jacobian(lambda x: np.sin(x) * x.sum()), signature="f64[n]")
    for n in (1, 3, 5):
        x = np.linspace(0.1, 1, n)
        same(f(x), np.diag(np.cos(x) * x.sum()) + np.sin(x)[:, None])


def test_decisions_on_values_are_taken_on_the_tape() -> None:
    f = lambda x: np.sin(x) if x.sum() > 0 else np.cos(x)  # noqa: E731
    same(gx.jacobian(f)(abs(X)), np.diag(np.cos(abs(X))))
    same(gx.jacobian(f, mode="forward")(-abs(X)), np.diag(-np.sin(-abs(X))))


def test_on_eager_tensors_it_is_recorded() -> None:
    x = eager.tensor(X, requires_grad=True)
    gx.jacobian(np.sin)(x).sum().backward()
    same(x.grad.numpy(), -np.sin(X))


def test_of_vmap_and_vmap_of_it(world: Any) -> None:
    rows = RNG.standard_normal((5, 4))
    same(world(gx.vmap(gx.jacobian(np.sin)))(rows), np.stack([np.diag(np.cos(r)) for r in rows]))
    same(world(gx.jacobian(gx.vmap(np.sin)))(X), np.diag(np.cos(X)))


# ------------------------------------------------------------------------------------- products and linear maps


def test_hvp_is_the_hessian_times_a_vector(world: Any) -> None:
    f, v = FUNCTIONS["scalar"], RNG.standard_normal(4)
    (product,) = world(lambda x, v: gx.hvp(f, (x,), (v,)))(X, v)
    same(product, gx.hessian(f)(X) @ v)


def test_hvp_of_several_arguments(world: Any) -> None:
    f = lambda w, x: np.tanh(w @ x).sum()  # noqa: E731
    v = RNG.standard_normal((3, 4)), RNG.standard_normal(4)
    by_w, by_x = world(lambda w, x, *v: gx.hvp(f, (w, x), v))(A, X, *v)
    (ww, wx), (xw, xx) = gx.hessian(f, (0, 1))(A, X)
    same(by_w, np.tensordot(ww, v[0], 2) + wx @ v[1])
    same(by_x, np.tensordot(xw, v[0], 2) + xx @ v[1])


def test_linearize_runs_the_function_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sin(x) * 2

    value, linear = gx.linearize(f, X)
    same(value, np.sin(X) * 2)
    for t in np.eye(4):
        same(linear(t), 2 * np.cos(X) * t)
    assert len(calls) == 1


def test_linearize_in_a_graph(world: Any) -> None:
    def f(x: Any, t: Any) -> Any:
        value, linear = gx.linearize(lambda a, b: {"y": a * b}, x, x)
        return value, linear(t, np.zeros(4)), linear(t, t)

    value, one, both = world(f)(X, A[0])
    same(value["y"], X * X)
    same(one["y"], X * A[0])
    same(both["y"], 2 * X * A[0])


# ------------------------------------------------------------------------------------------------------- has_aux


def with_aux(x: Any) -> Any:
    return (x**2).sum(), {"root": np.sqrt(abs(x)), "n": 3}


@pytest.mark.parametrize("derivative", [gx.grad, gx.jacobian, gx.hessian])
def test_what_is_beside_the_result_is_handed_through(world: Any, derivative: Any) -> None:
    slopes, aux = world(derivative(with_aux, has_aux=True))(X)
    same(slopes, derivative(lambda x: (x**2).sum())(X))
    same(aux["root"], np.sqrt(abs(X)))
    assert aux["n"] == 3 and type(aux["root"]) is np.ndarray


def test_aux_of_products(world: Any) -> None:
    def f(x: Any) -> Any:
        value, pull, aux = gx.vjp(with_aux, x, has_aux=True)
        pushed = gx.jvp(with_aux, (x,), (x,), has_aux=True)
        again, linear, other = gx.linearize(with_aux, x, has_aux=True)
        (product,), last = gx.hvp(with_aux, (x,), (x,), has_aux=True)
        return (value, pull(1.0)[0], aux), pushed, (again, linear(x), other), (product, last)

    for result in world(f)(X):
        same(result[-1]["root"], np.sqrt(abs(X)))
    (value, slope, _), (_, along, _), (_, linear, _), (product, _) = world(f)(X)
    same(value, (X**2).sum())
    same(slope, 2 * X)
    same(along, 2 * X @ X)
    same(linear, 2 * X @ X)
    same(product, 2 * X)


# ------------------------------------------------------------------------------------------------------ mistakes


def test_unknown_mode() -> None:
    with pytest.raises(OptionError, match="jacobian"):
        gx.jacobian(np.sin, mode="backward")


def test_integers_have_no_jacobian() -> None:
    with pytest.raises(GradientError, match="argument 0 is no float"):
        gx.jacobian(np.sin)(np.arange(3))
