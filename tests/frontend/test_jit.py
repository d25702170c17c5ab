"""jit: values, caching, signatures, stages, inlining, errors."""

from __future__ import annotations

import gc
import weakref
from threading import Thread
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ConcretizationError, FeedError, ParseError, SignatureError
from graphc.frontend.jit import Jit

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
LEVELS = ("O0", "O3")


def layer(x: Any, w: Any) -> Any:
    return np.tanh(x @ w)


@pytest.mark.parametrize("level", LEVELS)
def test_numpy_code_compiles_as_it_is(level: str) -> None:
    def f(x: Any, w: Any) -> Any:
        h = np.where(x @ w > 0, np.exp(-(x @ w)), 1.0)
        h = np.concatenate([h, h[:, ::-1]], axis=1) / len(x)
        return h.mean(axis=0), h[1:, 0].max(), np.einsum("ij,ij->i", h, h), h.astype(np.float64).sum()

    for found, wanted in zip(gx.jit(f, level=level)(X, W), f(X, W), strict=True):
        assert type(found) is np.ndarray and found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=2e-6)


def test_one_compilation_for_one_kind_of_arguments() -> None:
    f = gx.jit(layer)
    for _ in range(3):
        np.testing.assert_allclose(f(X, W), layer(X, W), rtol=1e-5, atol=1e-7)
    assert f.cache_size == 1
    f(X[:2], W)
    f(X.astype(np.float64), W)
    assert f.cache_size == 3


def test_python_floats_do_not_recompile_and_are_weak() -> None:
    f = gx.jit(lambda x, rate: x * rate)
    for rate in (0.5, 2.0, -1e300):
        with np.errstate(over="ignore"):
            found = f(X, rate)
            np.testing.assert_array_equal(found, X * rate)
        assert found.dtype == np.float32
    assert f.cache_size == 1
    assert f(X, np.float64(2)).dtype == np.float64


def test_ints_strings_and_none_are_static() -> None:
    f = gx.jit(lambda x, n, mode=None: x * n if mode is None else x + n)
    np.testing.assert_array_equal(f(X, 2), X * 2)
    np.testing.assert_array_equal(f(X, 3), X * 3)
    np.testing.assert_array_equal(f(X, 3, mode="add"), X + 3)
    f(X, 3, "add")
    assert f.cache_size == 4  # by keyword and by position are two nests
    f(X, True)
    assert f.cache_size == 5  # True is not 1


def test_static_argnums() -> None:
    f = gx.jit(lambda x, shape: x.reshape(shape), static_argnums=1)
    assert f(X, (2, 10)).shape == (2, 10)
    g = gx.jit(lambda x, rate: x * rate, static_argnums=-1)
    g(X, 0.5), g(X, 0.25)
    assert g.cache_size == 2
    with pytest.raises(SignatureError, match="static_argnums"):
        gx.jit(layer, static_argnums=2)(X, W)


def test_nests_in_and_out() -> None:
    @gx.jit
    def f(p: Any, x: Any) -> Any:
        return {"y": x @ p["w"] + p["b"], "shapes": (x.shape, "text", None)}

    found = f({"w": W, "b": np.ones(3)}, X)
    np.testing.assert_allclose(found["y"], X @ W + 1, rtol=1e-6, atol=1e-7)
    assert found["shapes"] == ((5, 4), "text", None)
    f({"b": np.ones(3), "w": W}, X)
    assert f.cache_size == 2


def test_results_are_new_arrays() -> None:
    x = X.copy()
    same, view = gx.jit(lambda x: (x, x[1:]))(x)
    assert not np.shares_memory(same, x) and not np.shares_memory(view, x)
    constant = gx.jit(lambda x: np.ones(3))
    first = constant(x)
    first[:] = 7
    np.testing.assert_array_equal(constant(x), np.ones(3))


def test_scalars_are_arrays_without_axes() -> None:
    total = gx.jit(lambda x: x.sum())(X)
    assert type(total) is np.ndarray and total.shape == ()


def test_nothing_to_compute() -> None:
    assert gx.jit(lambda x: None)(X) is None
    assert gx.jit(lambda x: x.shape)(X) == (5, 4)


STRANGE = {
    "transposed": np.asfortranarray(X),
    "strided": np.repeat(X, 2, 0)[::2],
    "reversed": X[::-1, ::-1],
    "swapped": X.astype(">f4"),
    "broadcast": np.broadcast_to(X[0], (5, 4)),
    "list": [[1.0, 2.0]],
}


@pytest.mark.parametrize("kind", STRANGE)
def test_arrays_of_any_layout(kind: str) -> None:
    f = gx.jit(lambda x: np.tanh(x[0][0] if kind == "list" else x) * 2)
    wanted = np.tanh(STRANGE[kind][0][0] if kind == "list" else STRANGE[kind]) * 2
    for _ in range(2):
        np.testing.assert_allclose(f(STRANGE[kind]), wanted, rtol=1e-6, atol=1e-7)


def test_read_only_arrays() -> None:
    x = X.copy()
    x.flags.writeable = False
    f = gx.jit(lambda x: x + 1)
    for _ in range(2):
        np.testing.assert_array_equal(f(x), x + 1)


# ----------------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("level", LEVELS)
def test_one_compilation_for_every_batch(level: str) -> None:
    f = gx.jit(signature="f32[batch,4], f32[4,3]", level=level)(lambda x, w: np.tanh(x @ w).mean(axis=0))
    for n in (5, 1, 2, 33, 5):
        x = np.resize(X, (n, 4))
        np.testing.assert_allclose(f(x, W), np.tanh(x @ W).mean(axis=0), rtol=1e-5, atol=1e-6)
    assert f.cache_size == 1
    assert str(f.trace().outputs[0].type) == "f32[3]"


def test_what_does_not_fit_the_signature() -> None:
    f = gx.jit(signature="f32[n,4], f32[4,n]")(lambda x, w: x @ w)
    for error, args in (
        (FeedError, (X, W)),
        (FeedError, (X.astype(np.float64), W)),
        (FeedError, (X[0], W)),
        (SignatureError, (X,)),
        (SignatureError, (X, W, X)),
    ):
        with pytest.raises(error) as caught:
            f(*args)
        assert len(str(caught.value).splitlines()) <= 12
    assert f(X[:3], W).shape == (3, 3)


def test_what_converts_without_loss() -> None:
    f = gx.jit(signature="f64[3], f32[]")(lambda x, y: x * y)
    for _ in range(2):
        assert f(np.arange(3, dtype=np.int32), 0.5).dtype == np.float64


def test_numbers_are_checked_every_time() -> None:
    f = gx.jit(signature="f64[3], f32[]")(lambda x, y: x * y)
    for rate in (0.5, 0.25, np.float32(2), 3.0):
        np.testing.assert_array_equal(f(np.ones(3), rate), np.full(3, rate))
    g = gx.jit(signature="f64[]")(lambda x: x * 2)
    for number in (5, 7):
        assert g(np.array(number)) == 2 * number
    with pytest.raises(FeedError):
        g(np.array(2**53 + 1))
    with pytest.raises(FeedError):
        f(np.ones(3), 1e300)


def test_signatures_that_are_none() -> None:
    with pytest.raises(ParseError):
        gx.jit(layer, signature="f32[2,3], text")


# --------------------------------------------------------------------------------------------------------- stages


def test_stages_print() -> None:
    f = gx.jit(layer)
    assert "matmul" in str(f.trace(X, W))
    assert "tanh" in str(f.optimize(X, W))
    assert f.compile(X, W) is f.compile(X, W)
    assert f.cache_size == 1


def test_explain_says_why() -> None:
    def f(x: Any, n: int) -> Any:
        return x * n

    compiled = gx.jit(f)
    assert "nothing compiled" in compiled.explain()
    compiled(X, 2), compiled(X, 3), compiled(X[:1], 3), compiled(X[:1], n=3)
    text = compiled.explain()
    assert "argument [1] is static: 3, was 2" in text
    assert "argument [0] is f32[1,4], was f32[5,4]" in text
    assert "nest in another way" in text


def test_it_looks_like_the_function() -> None:
    @gx.jit
    def documented(x: Any) -> Any:
        """text"""
        return x

    assert isinstance(documented, Jit) and documented.__doc__ == "text" and documented.__name__ == "documented"
    assert "documented" in repr(documented)


# ------------------------------------------------------------------------------------------------- where it is used


def test_inside_another_trace_it_is_inlined() -> None:
    inner = gx.jit(layer)
    outer = gx.jit(lambda x, w: inner(x, w).sum())
    np.testing.assert_allclose(outer(X, W), layer(X, W).sum(), rtol=1e-5)
    assert inner.cache_size == 0
    assert "tanh" in str(outer.trace(X, W))


def test_on_eager_tensors_it_is_recorded() -> None:
    w = gx.eager.tensor(W, requires_grad=True)
    y = gx.jit(layer)(gx.eager.tensor(X), w).sum()
    (slope,) = gx.eager.grad(y, [w])
    assert slope.shape == W.shape


def test_in_a_graph_it_adds_nodes() -> None:
    with gx.Graph():
        x = gx.placeholder("float32", ("n", 4))
        assert gx.jit(layer)(x, W).shape == (gx.Dim("n"), 3)


def test_as_a_method() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @gx.jit
        def __call__(self, x: Any) -> Any:
            return x * self.scale

    np.testing.assert_array_equal(Model(2.0)(X), X * 2)
    np.testing.assert_array_equal(Model(3.0)(X), X * 3)


# ----------------------------------------------------------------------------------------------- calls again and again


def kinds_of(n: int) -> list[np.ndarray]:
    return [np.arange(k + 1, dtype=dtype) for k in range(n) for dtype in ("f4", "f8")]


def test_the_call_is_the_native_entry() -> None:
    f = gx.jit(lambda x: x + 1)
    assert f.__call__ == f._dispatch
    f(X)
    assert f.__call__ is f.compile(X).native


@pytest.mark.parametrize("form", [lambda y: y, lambda y: (y, y * 2), lambda y: [y, y * 2], lambda y: {"y": y}])
def test_many_kinds_in_any_order(form: Any) -> None:
    """More kinds than entries hand on to each other."""
    f, inputs = gx.jit(lambda x: form(x + 1)), kinds_of(12)
    for x in inputs + inputs[::-1] + inputs[::3]:
        found, wanted = f(x), form(x + 1)
        assert type(found) is type(wanted)
        for a, b in zip(*(y.values() if isinstance(y, dict) else y for y in (found, wanted)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert f.cache_size == len(inputs)


def test_a_call_by_name_is_as_good() -> None:
    f = gx.jit(lambda x, w: x @ w)
    for _ in range(2):
        np.testing.assert_allclose(f(X, W), X @ W, rtol=1e-5)
        np.testing.assert_allclose(f(X, w=W), X @ W, rtol=1e-5)
        np.testing.assert_allclose(f(x=X, w=W), X @ W, rtol=1e-5)
    with pytest.raises(TypeError):
        f(X, v=W)


class Sub(np.ndarray):
    pass


HOSTILE = {
    "metadata": X.astype(np.dtype("f4", metadata={"unit": "m"})),
    "subclass": X.view(Sub),
    "byte order": X.astype(">f4"),
    "unaligned": np.frombuffer(b"\0" + X.tobytes(), "u1")[1:].view("f4").reshape(X.shape),
    "backwards": X[::-1].copy()[::-1],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("signature", [None, "f32[n,4], f32[4,3]"])
def test_hostile_arrays_before_and_after_plain_ones(name: str, signature: str | None) -> None:
    for order in ((HOSTILE[name], X, HOSTILE[name]), (X, HOSTILE[name], X, HOSTILE[name])):
        f = gx.jit(lambda x, w: x @ w, signature=signature)
        for x in order:
            np.testing.assert_allclose(f(x, W), X @ W, rtol=1e-5)
        assert f.cache_size == 1


def test_nests_of_many_kinds() -> None:
    f = gx.jit(lambda p, x, rate, n=1: {"w": p["w"] * x * rate, "n": n, "l": [p["b"], (x,)]})
    for size in (1, 2, 3, 1, 2):
        for dtype in ("f4", "f8"):
            x, p = np.ones(size, dtype), {"w": np.full(size, 2, dtype), "b": np.ones((), dtype)}
            for rate in (0.5, 2.0):
                found = f(p, x, rate)
                np.testing.assert_array_equal(found["w"], p["w"] * x * rate)
                assert found["n"] == 1 and found["l"][0] == 1 and type(found["l"][1]) is tuple
    assert f.cache_size == 6
    with pytest.raises(KeyError):
        f({"w": x, "c": x}, x, 1.0)
    f({"w": 3.0, "b": 1.0}, x, 1.0)
    assert f.cache_size == 7


def test_it_is_freed() -> None:
    f = gx.jit(lambda x: x + 1)
    f(X), f(X[:2])
    gone = weakref.ref(f), weakref.ref(f.compile(X))
    del f
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_from_many_threads() -> None:
    f = gx.jit(layer)
    wrong: list[Any] = []

    def work() -> None:
        for n in range(1, 5):
            if not np.allclose(f(X[:n], W), layer(X[:n], W), rtol=1e-5):
                wrong.append(n)

    threads = [Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and f.cache_size == 4


def test_errors_leave_it_usable() -> None:
    @gx.jit
    def f(x: Any, flag: bool) -> Any:
        return x + 1 if flag or x.sum() > 0 else x

    with pytest.raises(ConcretizationError) as caught:
        f(X, False)
    assert "test_jit.py" in str(caught.value) and f.cache_size == 0
    np.testing.assert_array_equal(f(X, True), X + 1)


def test_static_arguments_are_hashable() -> None:
    with pytest.raises(SignatureError, match="hashable"):
        gx.jit(lambda x, s: x)(X, {1, 2})


@pytest.mark.parametrize("result", [lambda p, y: p["a"] * y, lambda p, y: {"b": p["a"] * y, "c": (y,)}])
def test_numpy_scalars_in_nests_are_arrays_in_every_call(result):
    """What a step of an optimiser makes of a 0-d array."""
    f, y = gx.jit(result), np.ones(3)
    for a in (np.zeros(()), np.float64(2.0), np.float64(3.0), np.zeros(()) + 4.0):
        got = f({"a": a}, y)
        np.testing.assert_array_equal(got["b"] if isinstance(got, dict) else got, a * y)
