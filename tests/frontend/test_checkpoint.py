"""`checkpoint`: the same derivatives to any order, less memory on a deep chain, and a second computation to see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gx

RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 8))
WEIGHTS = RNG.standard_normal((5, 8, 8)) / 3


def same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11, strict=True)


def block(x: Any, w: Any) -> Any:
    for _ in range(3):
        x = np.tanh(x @ w)
    return x


def chain(block: Any) -> Any:
    def loss(x: Any, ws: Any) -> Any:
        for w in ws:
            x = block(x, w)
        return (x**2).sum()

    return loss


def wave(x: Any) -> Any:
    return np.sin(x) * np.exp(-x)


@pytest.mark.parametrize("level", ["O0", "O1", "O3"])
def test_gradients_are_the_same(level: str) -> None:
    plain = gx.jit(gx.grad(chain(block), (0, 1)), level=level)(X, WEIGHTS)
    again = gx.jit(gx.grad(chain(gx.checkpoint(block)), (0, 1)), level=level)(X, WEIGHTS)
    for a, b in zip(plain, again, strict=True):
        same(b, a)


def test_memory_falls_on_a_deep_chain() -> None:
    """15 layers in blocks of 3: 5 arguments and the inside of one block, in place of 15 layers."""
    plain = gx.jit(gx.grad(chain(block))).compile(X, WEIGHTS)
    again = gx.jit(gx.grad(chain(gx.checkpoint(block)))).compile(X, WEIGHTS)
    assert again.peak_bytes() < 0.7 * plain.peak_bytes()


def test_the_inside_is_computed_again() -> None:
    def tanhs(f: Any) -> int:
        return [n.op.name for n in gx.jit(gx.grad(chain(f))).optimize(X, WEIGHTS).nodes].count("tanh")

    assert (tanhs(block), tanhs(gx.checkpoint(block))) == (15, 30)


def test_results_alone_cost_nothing() -> None:
    graph = gx.jit(chain(gx.checkpoint(block))).optimize(X, WEIGHTS)
    assert not {"custom", "barrier"} & {n.op.name for n in graph.nodes}


def test_what_it_closes_over_is_differentiated() -> None:
    def loss(f: Any) -> Any:
        return lambda w, x: (f(lambda h: np.tanh(h @ w))(x) ** 2).sum()

    same(gx.jit(gx.grad(loss(gx.checkpoint)))(WEIGHTS[0], X), gx.grad(loss(lambda f: f))(WEIGHTS[0], X))


def test_nests_integers_and_several_results() -> None:
    def f(p: Any, index: Any) -> Any:
        h = np.take(p["x"], index, axis=0)
        return {"a": np.sin(h) * p["s"], "b": [np.cos(h).sum(axis=1), index]}

    def loss(f: Any) -> Any:
        def total(p: Any, index: Any) -> Any:
            out = f(p, index)
            return (out["a"].sum(axis=1) * out["b"][0]).sum() + out["b"][1].sum()

        return total

    args = {"x": X, "s": 1.5}, np.array([0, 3, 3])
    plain, again = (gx.jit(gx.grad(loss(g)))(*args) for g in (f, gx.checkpoint(f)))
    same(again["x"], plain["x"])
    same(again["s"], plain["s"])


def test_one_second_computation_serves_all_results() -> None:
    def both(x: Any) -> Any:
        h = np.tanh(x)
        return np.sin(h), np.cos(h)

    def loss(x: Any) -> Any:
        a, b = gx.checkpoint(both)(x)
        return (a * b).sum()

    names = [n.op.name for n in gx.jit(gx.grad(loss)).optimize(X).nodes]
    assert names.count("tanh") == 2


def test_of_an_argument_or_a_constant() -> None:
    f = gx.checkpoint(lambda x: (x, 2.0, np.ones(3), x.astype("int64")))
    same(gx.jit(gx.grad(lambda x: (f(x)[0] * f(x)[1]).sum()))(X), np.full_like(X, 2))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: gx.hessian(lambda x: f(x).sum()),
        lambda f: gx.jacobian(gx.grad(lambda x: f(x).sum()), mode="reverse"),
        lambda f: gx.jacobian(f, mode="forward"),
        lambda f: gx.vmap(gx.grad(f)),
        lambda f: gx.grad(lambda x: gx.vmap(f)(x).sum()),
        lambda f: gx.vmap(gx.grad(gx.grad(f))),
        lambda f: lambda x: gx.jvp(gx.vmap(f), (x,), (x,)),
    ],
)
def test_under_other_transformations(transform: Any) -> None:
    for world in (gx.jit, lambda f: f):
        for a, b in zip(world(transform(gx.checkpoint(wave)))(X[0]), transform(wave)(X[0]), strict=True):
            same(a, b)


def test_mapped_on_the_tape() -> None:
    """There a mapped function is traced, and still checkpoint is the function."""

    def loss(f: Any) -> Any:
        return lambda w: gx.vmap(lambda x: x * f(lambda h: np.sin(h) * 2.0)(w).sum() + f(wave)(x))(X[0]).sum()

    same(gx.grad(loss(gx.checkpoint))(X[1]), gx.grad(loss(lambda f: f))(X[1]))


def test_nested() -> None:
    inner = gx.checkpoint(wave)
    outer = gx.checkpoint(lambda x: inner(inner(x)) * x)
    same(gx.jit(gx.grad(lambda x: outer(x).sum()))(X[0]), gx.grad(lambda x: (wave(wave(x)) * x).sum())(X[0]))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_symbolic_extents(n: int) -> None:
    f = gx.jit(gx.grad(lambda x: gx.checkpoint(wave)(x).sum()), signature="f64[n]")
    x = np.linspace(0.1, 1, n)
    same(f(x), (np.cos(x) - np.sin(x)) * np.exp(-x))
