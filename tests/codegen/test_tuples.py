"""Neighbours that are moved together: which they are, and that they are the right ones, of every type and number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from codegen import nest_clusters as nk
from codegen.native import Native
from codegen.test_emit import agree, kernel, vector

import graphc as gx
from graphc.codegen.llvm.emit import emit
from graphc.codegen.lower import lower
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import host
from graphc.codegen.nest.loops import Let, Load, LoadTuple, Loop, Prefetch, Store, StoreTuple, statements
from graphc.codegen.nest.sharing import overwritable
from graphc.codegen.schedule import schedule
from graphc.codegen.schedule.rows import MOST
from graphc.codegen.schedule.tuples import tuples
from graphc.config import config
from graphc.ir.poly import Poly
from graphc.runtime.stages import Stages

I, S = Poly.of("i"), Poly.of("s")


def tuples_of(k):
    return [s for p in k.phases for s in statements(p.body) if isinstance(s, LoadTuple | StoreTuple)]


def numbers(count: int, dtype: str) -> Any:
    return np.random.default_rng(count).integers(0, 2 if dtype == "bool" else 100, count).astype(numpy_dtype(dtype))


# --------------------------------------------------------------------------------------------------------- grouping


def body_of(*statements: Load | Store) -> list[Any]:
    types = {"x": ("f32", "in"), "y": ("f32", "out")}
    k = tuples(kernel(types, (vector(64, statements, 16, masked=False),), "s"))
    (loop,) = k.phases[0].body
    return [(len(s.names if isinstance(s, LoadTuple) else s.values), s.at) for s in loop.body if not_plain(s)]


def not_plain(s: Any) -> bool:
    return isinstance(s, LoadTuple | StoreTuple)


def loads(*places: Poly) -> tuple[Load, ...]:
    return tuple(Load(f"v{n}", "x", at) for n, at in enumerate(places))


def test_neighbours_at_one_point_are_loaded_together():
    assert body_of(*loads(I * 3 + 2, I * 3, I * 3 + 1)) == [(3, I * 3)]
    assert body_of(*loads(I * 4 + 1, I * 4 + 2)) == [(2, I * 4 + 1)]
    assert body_of(*loads(I * 2, I * 2 + 1, I * 2 + 2, I * 2 + 3)) == [(2, I * 2), (2, I * 2 + 2)]
    assert body_of(*loads(I * 3, I * 3 + 2)) == []
    assert body_of(*loads(I, I + 1)) == []
    assert body_of(Load("a", "x", I * 2), Load("b", "x", I * 2 + 1), Store("y", I, "a")) == [(2, I * 2)]


def test_far_apart_they_are_taken_by_powers_of_two():
    assert [n for n, _ in body_of(*loads(*(I * S + k for k in range(13))))] == [8, 4]
    assert body_of(*loads(*(I * 100 + k for k in range(3)))) == []


def test_only_whole_rows_are_stored_together():
    made = loads(I, I + 16, I + 32)
    assert body_of(*made, *(Store("y", I * 3 + k, f"v{k}") for k in range(3))) == [(3, I * 3)]
    assert body_of(*made, *(Store("y", I * 4 + k, f"v{k}") for k in range(3))) == []


def test_loads_do_not_pass_stores():
    first, second = loads(I * 2, I * 2 + 1)
    assert body_of(first, Store("y", I, "v0"), second) == []


# --------------------------------------------------------------------------------------------------------- emission


@pytest.mark.parametrize("dtype", ["i8", "bool", "f16", "i32", "f64"])
@pytest.mark.parametrize(("width", "n"), [(8, 24), (16, 37), (4, 4), (1, 5)])
@pytest.mark.parametrize(
    ("count", "step"), [(c, c) for c in range(2, 10)] + [(2, 3), (3, 4), (4, 23), (8, 20), (16, 16)]
)
def test_tuples_of_every_number(dtype: str, width: int, n: int, count: int, step: int) -> None:
    """Items change places within each tuple: interpreted and native, whole vectors and masked ones."""
    value = "f32" if dtype == "f16" else dtype
    names = tuple(f"v{k}" for k in range(count))
    turned = tuple(Let(f"w{k}", "maximum", (v, 1), value) for k, v in enumerate(names[::-1]))
    if count < step < 10:  # not all that lies between is stored
        stores = tuple(Store("y", I * step + k, f"w{k}") for k in range(count))
    else:
        stores = (StoreTuple("y", I * step, tuple(w.name for w in turned)),)
    loop = vector(n, (LoadTuple(names, "x", I * step), *turned, *stores), width, masked=n % width > 0)
    x = numbers((n - 1) * step + count, dtype)
    got = agree(kernel({"x": (dtype, "in"), "y": (dtype, "out")}, (loop,)), {"x": x, "y": np.zeros_like(x)})["y"]
    for k in range(count):
        np.testing.assert_array_equal(got[k::step][:n], np.maximum(x[count - 1 - k :: step][:n], x.dtype.type(1)))


@pytest.mark.parametrize("step", [3, 40])
def test_they_are_whole_vectors(step: int) -> None:
    count = 3 if step == 3 else 8
    names = tuple(f"v{k}" for k in range(count))
    loop = vector(32, (LoadTuple(names, "x", I * step), StoreTuple("y", I * step, names)), 16, masked=False)
    text = emit(kernel({"x": ("f32", "in"), "y": ("f32", "out")}, (loop,)), host().features).text
    assert "gather" not in text
    assert "scatter" not in text


def test_a_value_for_all_lanes_is_spread():
    loop = vector(16, (Let("a", "const", (3,), "i32"), Load("b", "x", I), StoreTuple("y", I * 2, ("a", "b"))), 16)
    got = agree(
        kernel({"x": ("i32", "in"), "y": ("i32", "out")}, (loop,)),
        {"x": np.arange(16, dtype="i4"), "y": np.zeros(32, "i4")},
    )["y"]
    np.testing.assert_array_equal(got, np.stack([np.full(16, 3), np.arange(16)], axis=1).ravel())


# ------------------------------------------------------------------------------------------------- rows of a tile


def test_a_transposition_takes_several_rows_and_asks_for_lines_to_write():
    (k,) = Stages(gx.jit(np.transpose).trace(np.zeros((300, 400), "f4"))).kernels
    (load,) = {(len(s.names)) for s in tuples_of(k)}
    hints = [s for p in k.phases for s in statements(p.body) if isinstance(s, Prefetch)]
    assert load == MOST
    assert len(hints) == 2 * MOST  # in whole vectors and in the rest
    assert all(h.write and h.buffer.startswith("v") for h in hints)
    assert " to write" in str(k)


def test_the_axis_that_an_array_lies_along_stands_beside_that_of_the_vectors():
    (k,) = Stages(gx.jit(np.transpose).trace(np.zeros((20, 30, 40, 50), "f4"))).kernels
    assert tuples_of(k)
    assert not any(isinstance(s, Loop) and s.var == "i0" for s in k.phases[0].body)


def test_long_bodies_take_few_rows():
    def f(x):
        return np.tanh(np.sin(x) * np.exp(x)).T

    (k,) = Stages(gx.jit(f).trace(np.zeros((300, 400), "f4"))).kernels
    assert all(len(s.names) < MOST for s in tuples_of(k) if isinstance(s, LoadTuple))
    x = np.random.default_rng(0).standard_normal((45, 70)).astype("f4")
    np.testing.assert_allclose(gx.jit(f)(x), f(x), rtol=1e-5, atol=1e-6)


# ----------------------------------------------------------------------------------------------------- in the whole


def columns(x: Any) -> Any:
    return np.stack([x[:, k] for k in range(1, x.shape[1])] + [x[:, 0]], axis=-1)


MOVES: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "flip": lambda x: x[:, ::-1],
    "columns": columns,
    "some": lambda x: x[:, 1:],
    "repeat": lambda x: np.repeat(x, 3, axis=1),
    "tile": lambda x: np.tile(x, (2, 2)),
    "cube": lambda x: np.transpose(x[:, None, :] * x[:1, :, None], (2, 0, 1)),
    "back": lambda x: x[::-1].T,
}


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8", "?", "f2", "i2"])
@pytest.mark.parametrize("name", MOVES)
def test_movements(name: str, dtype: str) -> None:
    """Nothing, one, odd tails; many or few columns; and arguments that are neither aligned nor contiguous."""
    f, rng = MOVES[name], np.random.default_rng(0)
    native = gx.jit(f)
    for n, k in [(0, 3), (1, 2), (17, 3), (33, 4), (100, 9), (70, 50), (3, 300), (64, 64)]:
        x = (rng.standard_normal((n, k)) * 50).astype(dtype)
        np.testing.assert_array_equal(native(x), f(x))
    odd = np.frombuffer(bytes(1) + x.tobytes(), x.dtype, offset=1)
    for y in (x[::-2, ::3], x.T, odd.reshape(x.shape)):
        np.testing.assert_array_equal(native(y), f(y))


def test_symbolic_extents():
    x = np.random.default_rng(0).standard_normal((57, 43, 2)).astype("f4")
    for f in (
        lambda a: np.transpose(a, (1, 0, 2)),
        lambda a: np.transpose(a, (2, 1, 0)),
        lambda a: a[..., 0] * a[..., 1],
    ):
        g = gx.Graph()
        with g:
            p = gx.placeholder("float32", (gx.Dim("n"), gx.Dim("m"), 2), name="x")
            y = f(p)
        with gx.Session(g) as session:
            for part in (x, x[:8, :9], x[:1], x[:0], x[:40, :32]):
                np.testing.assert_array_equal(session.run(y, {p: part}), f(part))


def test_bits_do_not_depend_on_threads():
    x = np.random.default_rng(0).standard_normal((3000, 7, 5))
    for f in (lambda a: np.transpose(a, (2, 1, 0)), lambda a: np.repeat(a, 2, axis=-1), lambda a: columns(a[:, 0])):
        with config(threads=1):
            alone = gx.jit(f)(x)
        np.testing.assert_array_equal(gx.jit(f)(x), alone)


def test_a_result_of_tuples_may_lie_where_its_argument_lay():
    s = nk.Space("k", i=Poly.of("n"), q=3)
    x = s.load("x", (Poly.of("n"), 3), s.i, s.q)
    s.store("y", (Poly.of("n"), 3), x * s.load("w", (3,), s.q) + x.op("abs"), s.i, s.q)
    k = lower(s.c)
    assert ("y", "x") in set(overwritable(k))
    made = schedule(k)
    assert tuples_of(made)
    data, w = np.random.default_rng(0).standard_normal((37, 3), np.float32), np.arange(3, dtype="f4")
    want = data * w + np.abs(data)
    arrays = {"x": data, "y": data, "w": w}
    assert Native(made)(arrays, {"n": 37}) == 0
    np.testing.assert_allclose(data, want, rtol=1e-6)
