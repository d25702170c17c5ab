"""The kernels of scans, sorts and selections against NumPy: sizes at the edges of vectors, all types, both targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.codegen.library import quick
from graphc.codegen.library.kernel import LibraryKernel
from graphc.codegen.native.engine import host
from graphc.config import config
from graphc.ir.graph import Graph
from graphc.ir.primitive import primitive
from graphc.ir.types import DTYPES, FLOATS, Dim, Type, numpy_dtype
from graphc.runtime import stages
from graphc.runtime.executable import Native, compile_graph

Array = np.ndarray[Any, Any]
LENGTHS = (0, 1, 2, 15, 16, 17, 63, 64, 65, 130, 255, 256, 257, 300, 1000)
LONG = 20_000  # sorted by wide digits
TARGETS = ["host", "portable"]


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The host's code, and that for one without AVX-512."""
    if request.param == "portable":
        narrow = replace(host(), features=host().features - {"avx512"})
        monkeypatch.setattr(stages, "host", lambda: narrow)
    return str(request.param)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Code neither comes from the cache on disk nor goes there."""
    with config(cache_dir=None):
        yield


def compiled(name: str, types: list[Type], threads: int = 1, **attrs: Any) -> Native:
    g = Graph(name)
    with g:
        g.outputs = [g.apply(primitive(name), [g.placeholder(t) for t in types], attrs)]
    made = compile_graph(g, threads=threads, unwrap=True)
    assert isinstance(made, Native)
    return made


def run(name: str, *xs: Array, threads: int = 1, **attrs: Any) -> Array:
    types = [Type(next(d for d in DTYPES if numpy_dtype(d) == x.dtype), x.shape) for x in xs]
    result: Array = compiled(name, types, threads, **attrs)(*xs)[0]
    return result


def items(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """The whole range of a type; among floats NaN of both signs, infinities, zeros of both signs and ties."""
    rng = np.random.default_rng([seed, *shape])
    kind = numpy_dtype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    raw = rng.integers(0, 256, (*shape, kind.itemsize), dtype=np.uint8).view(kind)[..., 0]
    if dtype not in FLOATS:
        return np.where(rng.random(shape) < 0.3, kind.type(7), raw)
    odd = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0], kind)
    return np.where(rng.random(shape) < 0.5, odd[rng.integers(0, odd.size, shape)], raw)


# ------------------------------------------------------------------------------------------------------- sorting


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sorted_rows_of_any_length(dtype: str, descending: bool, target: str) -> None:
    """Positions are equal, zeros of both signs and NaN included; values are equal as numbers."""
    for name in ("sort", "argsort"):
        symbolic = compiled(name, [Type(dtype, (Dim("rows"), Dim("n")))], descending=descending)
        for n in LENGTHS:
            x = items(dtype, (3, n))
            np.testing.assert_array_equal(symbolic(x)[0], primitive(name)(x, descending=descending))
        for n in (17, 257, LONG):
            x = items(dtype, (2, n))
            np.testing.assert_array_equal(
                run(name, x, descending=descending), primitive(name)(x, descending=descending)
            )


PATTERNS = {
    "rising": np.arange,
    "falling": lambda n: np.arange(n)[::-1],
    "equal": np.zeros,
    "two values": lambda n: np.arange(n) % 2,
    "few values": lambda n: np.random.default_rng(n).integers(0, 5, n),
    "up and down": lambda n: np.minimum(np.arange(n), np.arange(n)[::-1]),
    "teeth": lambda n: np.arange(n) % 100,
}


@pytest.mark.parametrize("passes", [64, 1, 0])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_and_rows_that_are_given_up(pattern: str, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quicksort ends in time, whatever the row; what it gives up is sorted all the same."""
    monkeypatch.setattr(quick, "DEPTH", passes)
    for dtype in ("f32", "i64"):
        for name in ("sort", "argsort"):
            f = compiled(name, [Type(dtype, (Dim("n"),))], descending=False)
            for n in (100, 129, 1000, 5000):
                x = np.asarray(PATTERNS[pattern](n)).astype(numpy_dtype(dtype))
                np.testing.assert_array_equal(f(x)[0], primitive(name)(x, descending=False))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_networks_and_divisions_of_every_length(dtype: str) -> None:
    for n in range(1, 18):
        x = items(dtype, (5, n))
        np.testing.assert_array_equal(run("sort", x, descending=False), np.sort(x))
    f = compiled("sort", [Type(dtype, (Dim("n"),))], descending=False)
    for n in (*range(300), *range(300, 1500, 37)):
        x = items(dtype, (n,))
        np.testing.assert_array_equal(f(x)[0], np.sort(x))


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("dtype", ["bool", "i8", "u32", "i64", "f16", "f32", "f64"])
def test_selected_positions(dtype: str, largest: bool, target: str) -> None:
    for n, k in ((1, 1), (17, 5), (257, 3), (513, 50), (1000, 1), (1000, 64), (1000, 200), (900, 300)):
        x = items(dtype, (3, n))
        attrs = {"k": k, "largest": largest}
        np.testing.assert_array_equal(run("top_k", x, **attrs), primitive("top_k")(x, **attrs))


@pytest.mark.parametrize("x", [np.zeros(5000, "f4"), np.arange(5000.0), -np.arange(5000.0), np.full(5000, np.nan)])
def test_selection_among_equals_and_in_ordered_rows(x: Array, target: str) -> None:
    for largest in (False, True):
        attrs = {"k": 20, "largest": largest}
        np.testing.assert_array_equal(run("top_k", x, **attrs), primitive("top_k")(x, **attrs))


@pytest.mark.parametrize("dtype", ["i32", "f32", "u64", "f64"])
def test_digits_that_are_all_alike_are_passed_over(dtype: str, target: str) -> None:
    for step in (1, 256, 65536):
        x = (np.random.default_rng(0).integers(0, 50, LONG) * step).astype(numpy_dtype(dtype))
        np.testing.assert_array_equal(run("argsort", x, descending=False), np.argsort(x, kind="stable"))
        np.testing.assert_array_equal(run("sort", x, descending=False), np.sort(x))


# --------------------------------------------------------------------------------------------------------- scans

SCANS = ("cumsum", "cumprod", "cummax", "cummin")


def flags(name: str) -> list[dict[str, bool]]:
    extremes = name in ("cummax", "cummin")
    both = (False, True)
    return [{"reverse": r} | ({} if extremes else {"exclusive": e}) for r in both for e in both[: 1 if extremes else 2]]


def gentle(dtype: str, shape: tuple[int, ...]) -> Array:
    """Around 1, so that products neither overflow nor vanish; integers wrap."""
    rng = np.random.default_rng(list(shape))
    if dtype in FLOATS:
        return rng.uniform(0.9, 1.1, shape).astype(numpy_dtype(dtype))
    return items(dtype, shape)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
@pytest.mark.parametrize("name", SCANS)
def test_scans_of_any_length(name: str, dtype: str) -> None:
    accuracy = {"f16": 3e-1, "f32": 1e-4, "f64": 1e-12}.get(dtype, 0)  # of NumPy's half precision, item by item
    for attrs in flags(name):
        for axis in (0, 1):
            scan = compiled(name, [Type(dtype, (Dim("n"), Dim("m")))], axis=axis, **attrs)
            for n in (0, 1, 15, 16, 17, 64, 65, 130, 300):
                for other in (1, 3, 70):
                    x = gentle(dtype, (n, other) if axis == 0 else (other, n))
                    want = primitive(name)(x, axis=axis, **attrs)
                    np.testing.assert_allclose(scan(x)[0], want, rtol=accuracy)


@pytest.mark.parametrize("name", SCANS)
def test_scans_of_odd_numbers(name: str) -> None:
    """NaN stays, infinities meet, and a sum of negative zeros is one."""
    x = np.array([-0.0, -0.0, 1.0, np.inf, 2.0, -np.inf, 3.0, np.nan, 4.0] * 9)
    for cut in (3, 7, x.size):
        for axis in (0, 1):
            rows = np.stack([x[:cut]] * 3, 1 - axis)
            for attrs in flags(name):
                got = run(name, rows, axis=axis, **attrs)
                with np.errstate(all="ignore"):
                    np.testing.assert_array_equal(got, primitive(name)(rows, axis=axis, **attrs))
    assert np.signbit(run("cumsum", x[:2], axis=0, reverse=False, exclusive=False)).all()


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", ["f16", "f32", "f64"])
def test_recurrences(dtype: str, reverse: bool, exclusive: bool) -> None:
    accuracy = {"f16": 2e-1, "f32": 1e-4, "f64": 1e-12}[dtype]
    for shape, axis in (((19, 33), 1), ((33, 19), 0), ((2, 33, 70), 1), ((8, 1), 1), ((3, 0), 1), ((0, 3), 1)):
        a, b = gentle(dtype, shape), gentle(dtype, shape) - 1
        attrs = {"axis": axis, "reverse": reverse, "exclusive": exclusive}
        want = primitive("recurrence")(a, b, **attrs)
        np.testing.assert_allclose(run("recurrence", a, b, **attrs), want, rtol=accuracy, atol=accuracy)


def test_a_recurrence_whose_factors_would_overflow_together() -> None:
    a, b = np.full(40, 1e200), np.zeros(40)
    b[-1] = 1.0
    assert run("recurrence", a, b, axis=0, reverse=False, exclusive=False).tolist() == [0.0] * 39 + [1.0]


# ----------------------------------------------------------------------------------------- shapes, threads, storage


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("sort", {"descending": False}),
        ("argsort", {"descending": True}),
        ("cumsum", {"axis": 1, "reverse": False, "exclusive": False}),
        ("cumsum", {"axis": 0, "reverse": True, "exclusive": True}),
        ("cummax", {"axis": 0, "reverse": False}),
    ],
)
def test_symbolic_extents(name: str, attrs: dict[str, Any], target: str) -> None:
    f = compiled(name, [Type("f64", (Dim("n"), Dim("m")))], **attrs)
    for shape in ((3, 5), (2, 700), (70, 3), (0, 4), (4, 0), (1, 1), (300, 300)):
        x = np.random.default_rng(1).standard_normal(shape)
        np.testing.assert_allclose(f(x)[0], primitive(name)(x, **attrs), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("sort", {"descending": False}),
        ("argsort", {"descending": False}),
        ("top_k", {"k": 7, "largest": True}),
        ("cumsum", {"axis": 1, "reverse": False, "exclusive": False}),
        ("cumsum", {"axis": 0, "reverse": False, "exclusive": False}),
        ("cumprod", {"axis": 1, "reverse": True, "exclusive": False}),
    ],
)
def test_threads_share_rows_and_change_no_bit(name: str, attrs: dict[str, Any]) -> None:
    x = np.random.default_rng(2).uniform(0.99, 1.01, (301, 1203)).astype("f4")
    kernel = compiled(name, [Type("f32", x.shape)], **attrs).stages.kernels[0]
    assert isinstance(kernel, LibraryKernel) and kernel.body.chunk.pieces > 1
    one = run(name, x, **attrs)
    for threads in (2, 3):
        assert run(name, x, threads=threads, **attrs).tobytes() == one.tobytes()


@pytest.mark.parametrize("name", ["sort", "argsort"])
def test_any_strides_and_alignments(name: str) -> None:
    x = np.random.default_rng(3).standard_normal((40, 90))
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(x.shape)
    f = compiled(name, [Type("f64", x.shape)], descending=False)
    for view in (odd, x.T.copy().T, np.asarray(x, ">f8")):
        np.testing.assert_array_equal(f.native(view), primitive(name)(np.asarray(x), descending=False))
    np.testing.assert_array_equal(f.native(x[::-1]), primitive(name)(x[::-1], descending=False))


def test_views_before_and_work_after_are_kernels_of_their_own() -> None:
    g = Graph("views")
    with g:
        x = g.placeholder(Type("f64", (6, 4)))
        turned = primitive("permute")(x, axes=(1, 0))
        row = primitive("reshape")(primitive("flip")(turned, axes=(0,)), shape=(24,))
        y = primitive("cumsum")(row, axis=0, reverse=False, exclusive=False)
        z = primitive("sort")(primitive("neg")(primitive("reshape")(y, shape=(4, 6))), descending=False)
        g.outputs = [primitive("exp")(z), y]
    a = np.random.default_rng(4).standard_normal((6, 4))
    f = compile_graph(g, threads=1, unwrap=True)
    z, y = f(a)
    want = np.cumsum(np.flip(a.T, 0).reshape(24))
    np.testing.assert_allclose(y, want)
    np.testing.assert_allclose(z, np.exp(np.sort(-want.reshape(4, 6))))
    assert [isinstance(k, LibraryKernel) for k in f.stages.kernels] == [False, True, False, True, False]
    assert "library" in str(f.stages.loops) and "cumsum" in f.explain()
