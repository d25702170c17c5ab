"""Calls of compiled functions with nests, numbers and names: each kind of call is native from its second time on."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread
from types import BuiltinFunctionType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest

import graphc as gx
from graphc.frontend.jit import Jit
from graphc.runtime.tree import flatten

X = np.arange(6.0).reshape(2, 3)


class Layer(NamedTuple):
    w: Any
    b: Any


@dataclass(frozen=True)
class Model:
    first: Any
    second: Any


Old = namedtuple("Old", "w b")


def only_native(f: Jit, *args: Any, **named: Any) -> Any:
    """A call that must not come back to Python."""

    def refuse(*args: Any, **named: Any) -> Any:
        raise AssertionError("this call left native code")

    with patch.object(Jit, "_call_any", refuse), patch("graphc.frontend.jit._look_up", refuse):
        return f(*args, **named)


def assert_same(found: Any, wanted: Any) -> None:
    (a, s), (b, t) = flatten(found), flatten(wanted)
    assert s == t
    for x, y in zip(a, b, strict=True):
        assert x == y if isinstance(y, str) else np.array_equal(x, y)


NESTS: dict[str, Any] = {
    "dict": {"w": X, "b": X[0]},
    "dicts in a list": [{"w": X, "b": X[0]}, {"w": X + 1, "b": X[1]}],
    "tuple": (X, X[0]),
    "a tuple of one": (X,),
    "named tuple": Layer(X, X[0]),
    "the other named tuple": Old(X, X[0]),
    "dataclass": Model(Layer(X, X[0]), {"w": [X]}),
    "nothing inside": {"w": X, "none": None, "empty": (), "list": [], "dict": {}},
    "numbers": {"w": X, "rate": 0.5, "scalar": np.float32(2), "array": np.array(3)},
    "static": {"w": X, "n": 3, "mode": "text", "flag": True},
    "keys of any kind": {None: X, (1, 2): X[0], False: X[1]},
    "ordered dict": OrderedDict(w=X, b={"b": X[0]}),
    "keys that are ints": {0: X, 10**20: X[0]},
    "deep": [[[[[[[[X]]]]]]]],
    "a tuple of one in one": ((X,),),
    "wide": [X[0] + k for k in range(100)],
}


def doubled(nest: Any) -> Any:
    leaves, structure = flatten(nest)
    return structure.unflatten([v if isinstance(v, int | str) else v * 2 for v in leaves])


@pytest.mark.parametrize("name", NESTS)
def test_nests_in_and_out(name: str) -> None:
    f, nest = gx.jit(doubled), NESTS[name]
    assert_same(f(nest), doubled(nest))
    for _ in range(3):
        assert_same(only_native(f, nest), doubled(nest))
    copy = flatten(nest)[1].unflatten(flatten(nest)[0])
    assert_same(only_native(f, copy), doubled(nest))
    assert f.cache_size == 1


@pytest.mark.parametrize("name", NESTS)
def test_arguments_by_name_are_native_too(name: str) -> None:
    f, nest = gx.jit(lambda x, *, p, scale=1.0: doubled({"x": x * scale, "p": p})), NESTS[name]
    for named in ({"p": nest}, {"p": nest, "scale": 3.0}, {"scale": 2.0, "p": nest}):
        wanted = f(X, **named)
        assert_same(only_native(f, X, **named), wanted)
    assert_same(f(X, p=nest, scale=3.0), f(X, scale=3.0, p=nest))


@pytest.mark.parametrize("name", NESTS)
def test_where_the_layout_of_arrays_is_unknown_python_does_it_all(name: str) -> None:
    with (
        patch("graphc.codegen.native.entry.layout_is_known", return_value=False),
        patch("graphc.frontend.jit.layout_is_known", return_value=False),
    ):
        f, nest = gx.jit(doubled), NESTS[name]
        for _ in range(3):
            assert_same(f(nest), doubled(nest))
        scaled = gx.jit(lambda p, x, rate, *, scale: (doubled(p), x * rate * scale))
        for rate in (0.5, 2.0):
            assert_same(scaled(nest, X, rate, scale=np.float32(2)), (doubled(nest), X * rate * 2))
        assert scaled.cache_size == 1


def test_an_ordered_dict_in_another_order_is_another_nest() -> None:
    f, p = gx.jit(doubled), OrderedDict(w=X, b=X[0])
    f(p)
    p.move_to_end("w")
    for _ in range(2):
        assert list(f(p)) == ["b", "w"]
    assert f.cache_size == 2


def test_a_gradient_of_twenty_parameters() -> None:
    p = {f"w{k}": X + k for k in range(20)}
    step = gx.jit(gx.value_and_grad(lambda p: sum((v**2).sum() for v in p.values())))
    for _ in range(2):
        value, slopes = step(p)
    assert value == sum((v**2).sum() for v in p.values()) and list(slopes) == list(p)
    assert_same(only_native(step, slopes)[1], {k: 4 * v for k, v in p.items()})


def test_results_of_one_call_are_not_those_of_the_next() -> None:
    f = gx.jit(doubled)
    first = [f({"w": X}) for _ in range(3)][-1]
    second = f({"w": X})
    first["w"][:] = 0
    first["more"] = 1
    assert_same(second, {"w": 2 * X})
    assert_same(f({"w": X}), {"w": 2 * X})


# ------------------------------------------------------------------------------------------------------------ numbers


def test_python_floats_are_native_and_weak() -> None:
    f = gx.jit(lambda x, rate: x * rate)
    x = np.ones(3, "f4")
    f(x, 0.5)
    for rate in (0.25, -0.0, float("inf"), float("nan"), 1e300, 5e-324):
        with np.errstate(over="ignore"):
            found = only_native(f, x, rate)
            np.testing.assert_array_equal(found, x * rate)
        assert found.dtype == np.float32
    assert f(x, np.float64(2)).dtype == f(x, np.array(2.0)).dtype == np.float64
    assert f(x, np.float32(2)).dtype == np.float32 and f.cache_size == 3
    assert only_native(f, x, 0.5).dtype == np.float32
    assert only_native(f, x, np.float64(0.5)).dtype == np.float64
    f(x, 2), f(x, True)
    assert f.cache_size == 5


def test_declared_numbers_take_floats_that_they_hold() -> None:
    f = gx.jit(lambda x, rate: x * rate, signature="f32[3], f32[]")
    x = np.ones(3, "f4")
    f(x, np.float32(2))
    assert only_native(f, x, 0.1)[0] == np.float32(0.1)
    for _ in range(2):
        with pytest.raises(gx.errors.FeedError):
            f(x, 1e300)
    assert f.cache_size == 1


def test_a_number_of_another_type_is_another_kind() -> None:
    f = gx.jit(lambda p: p["a"] + 1)
    for value in (np.int8(1), np.int64(1), np.uint8(1), np.float16(1), np.bool_(True), np.array(1, "i8"), 1.0):
        for _ in range(2):
            found, wanted = f({"a": value}), value + 1
            assert found == wanted and found.dtype == np.asarray(wanted).dtype
    assert f.cache_size == 6


def test_donated_parameters_beside_a_rate() -> None:
    step = gx.jit(lambda p, rate: {k: v - rate * v for k, v in p.items()}, donate="p")
    p = {"w": X.copy(), "b": X[0].copy()}
    step({k: v.copy() for k, v in p.items()}, 0.5)
    new = only_native(step, p, 0.5)
    assert new["w"] is p["w"] and new["b"] is p["b"]
    np.testing.assert_array_equal(new["w"], X / 2)


# ---------------------------------------------------------------------------------------------------- kinds and statics


def test_static_values_decide_by_equality_and_class() -> None:
    f = gx.jit(lambda x, shape, mode="a": x.reshape(shape) if mode == "a" else x, static_argnums=(1,))
    f(X, (3, 2))
    assert only_native(f, X, tuple(reversed(X.shape))).shape == (3, 2)
    assert f(X, (6, 1)).shape == (6, 1) and f(X, (3, 2), "b").shape == (2, 3)
    assert only_native(f, X, (3, 2)).shape == (3, 2)
    g = gx.jit(lambda x, n: x * n)
    assert g(X, 1).dtype == g(X, True).dtype and g.cache_size == 2


def test_kinds_in_turn_and_more_than_are_tried() -> None:
    f = gx.jit(doubled)
    nests = [{"w": np.ones(n, t)} for n in range(1, 13) for t in ("f4", "f8")]
    for p in nests + nests[::-1] + nests[::5]:
        assert_same(f(p), doubled(p))
    assert f.cache_size == len(nests)


def test_symbolic_extents_in_nests() -> None:
    f = gx.jit(lambda p, rate: {"y": p["x"] * rate}, signature="f64[n], f64[]")
    for n in (3, 5, 3, 5, 0, 1):
        for rate in (0.5, 2.0):
            assert_same(f({"x": np.ones(n)}, rate), {"y": np.full(n, rate)})
    assert f.cache_size == 1


def test_methods_and_the_tape() -> None:
    class Scale:
        factor = 3.0

        @gx.jit
        def __call__(self, p: Any) -> Any:
            return {"y": p["x"] * self.factor}

    scale, other = Scale(), Scale()
    other.factor = 4.0
    for _ in range(2):
        assert_same(scale({"x": X}), {"y": X * 3})
        assert_same(other({"x": X}), {"y": X * 4})
    tensor = gx.eager.tensor(X)
    assert isinstance(scale({"x": tensor})["y"], gx.eager.Tensor)


def test_misfits_between_native_calls() -> None:
    f = gx.jit(doubled)
    good = {"w": X, "b": X[0]}
    f(good)
    with pytest.raises(gx.errors.GraphcError):
        f({"w": X, "b": np.array(["text"])})
    for odd in (
        {"b": X[0], "w": X},
        {"w": X},
        {"w": X.astype("f4"), "b": X[0]},
        {"w": np.asfortranarray(X), "b": X[0][::-1]},
        {"w": X.view(type("Sub", (np.ndarray,), {})), "b": X[0]},
        {"w": [X], "b": X[0]},
        {"w": X.astype(">f8"), "b": X[0]},
    ):
        for _ in range(2):
            assert_same(f(odd), doubled(odd))
        assert_same(only_native(f, good), doubled(good))


# ---------------------------------------------------------------------------------------------------------- ownership


def test_memory_and_references_stay_flat() -> None:
    p = {"layers": [Layer(X, 0.5), Layer(X, 0.25)], "model": Model(X, None)}
    f = gx.jit(doubled)
    f(p)

    def work(n: int) -> None:
        for _ in range(n):
            f(p)

    work(100)
    gc.collect()
    before, references = sys.getallocatedblocks(), sys.getrefcount(X)
    work(20_000)
    gc.collect()
    assert sys.getallocatedblocks() - before < 200 and abs(sys.getrefcount(X) - references) < 5


def test_it_is_freed_with_all_doors() -> None:
    f = gx.jit(doubled)
    f({"w": X}), f([X]), f({"w": X[0]}), f(X)
    gone = weakref.ref(f), weakref.ref(f.compile({"w": X}))
    del f
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_threads_with_nests_of_their_own() -> None:
    f, wrong = gx.jit(doubled), []

    def work(k: int) -> None:
        for n in range(200):
            p = {"w": np.full(k % 3 + 1, float(n)), "k": [np.float64(k), 0.5 * n]}
            found = f(p)
            if not ((found["w"] == 2 * n).all() and found["k"][0] == 2 * k and found["k"][1] == n):
                wrong.append((k, n))

    threads = [Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and f.cache_size == 3


# ----------------------------------------------------------------------------------------------------------- sessions


@pytest.fixture
def session() -> Iterator[gx.Session]:
    with gx.Graph() as graph:
        x = gx.placeholder("float32", (3,), name="x")
        rate = gx.placeholder("float32", (), name="rate")
        w = gx.variable(np.zeros(3, "float32"), name="w")
        y = x * rate
        step = w.assign(w + y)
    with gx.Session(graph) as s:
        s.handles = {"x": x, "rate": rate, "w": w, "y": y, "step": step}  # type: ignore[attr-defined]
        yield s


def only_doors(session: gx.Session, *args: Any) -> Any:
    assert isinstance(session._door, BuiltinFunctionType)
    with patch.object(session, "_calls", {}), patch.object(session, "_find_nest", side_effect=AssertionError):
        return session.run(*args)


A = np.ones(3, "float32")


def test_runs_go_through_doors(session: Any) -> None:
    h = session.handles
    feed = {h["x"]: A, h["rate"]: 0.5}
    nests = (h["y"], [h["y"]], (h["y"], "w"), {"a": h["y"], "b": [h["y"], None]}, Layer("w", h["y"]), "y_none")
    for fetches in nests[:-1]:
        first = session.run(fetches, feed)
        assert_same(only_doors(session, fetches, dict(feed)), first)
    assert len(session._doors) == 5
    assert_same(session.run(h["y"], {"rate": np.float32(2), "x": A}), A * 2)
    twice = session.run([h["y"], h["y"]], feed), session.run([h["y"], h["y"]], feed)
    assert len({id(a) for pair in twice for a in pair}) == 4 and not np.shares_memory(*twice[1])


def test_updates_through_doors(session: Any) -> None:
    h = session.handles
    for k in range(1, 6):
        _, w = session.run([h["y"], h["step"]], {h["x"]: A, h["rate"]: 2.0})
        np.testing.assert_array_equal(w, A * 2 * k)
    held = session.run(h["w"])
    session.run(h["step"], {h["x"]: A, h["rate"]: 2.0})
    np.testing.assert_array_equal(held, A * 10)
    np.testing.assert_array_equal(session.run("w", {}), A * 12)
    np.testing.assert_array_equal(session.run("w", None), A * 12)


def test_feeds_that_a_door_does_not_take(session: Any) -> None:
    h = session.handles
    session.run(h["y"], {h["x"]: A, h["rate"]: 0.5})
    for x, rate in ((A[::-1], 3), ([1, 1, 1], 0.5), (A, np.float16(0.5)), (A, np.array(2, "float32"))):
        np.testing.assert_array_equal(session.run(h["y"], {h["x"]: x, h["rate"]: rate}), A * np.float32(rate))
    for bad in (1e300, "text", A, None):
        with pytest.raises(gx.errors.FeedError):
            session.run(h["y"], {h["x"]: A, h["rate"]: bad})
    with pytest.raises(gx.errors.MissingFeedError):
        session.run(h["y"], {h["x"]: A})
    with pytest.raises(gx.errors.FeedError):
        session.run(h["y"], [h["x"]])
    np.testing.assert_array_equal(session.run(h["y"], {h["x"]: A, h["rate"]: 0.5}), A / 2)


def test_a_closed_session_has_no_doors(session: Any) -> None:
    h = session.handles
    run, feed = session.run, {h["x"]: A, h["rate"]: 0.5}
    run(h["y"], feed)
    session.close()
    with pytest.raises(gx.errors.ClosedSessionError):
        run(h["y"], feed)


def test_a_session_is_freed_without_the_collector() -> None:
    with gx.Graph() as graph:
        w = gx.variable(np.zeros(3), name="w")
        step = w.assign(w + 1)
    session = gx.Session(graph)
    session.run([w, step]), session.run({"w": w})
    gone = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert gone() is None
    finally:
        gc.enable()
