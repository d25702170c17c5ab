"""Long rows in pieces, on several threads: against NumPy, and the same bits on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.codegen.library import quick, samplesort, scan
from graphc.codegen.library.kernel import LibraryKernel
from graphc.codegen.library.split import FEW
from graphc.codegen.native.engine import host
from graphc.config import config
from graphc.ir.graph import Graph
from graphc.ir.primitive import primitive
from graphc.ir.types import DTYPES, FLOATS, Dim, Type, numpy_dtype
from graphc.runtime import stages
from graphc.runtime.executable import Native, compile_graph

Array = np.ndarray[Any, Any]
THREADS = (1, 2, 3)
wide = pytest.mark.skipif("avx512" not in host().features, reason="rows are divided by instructions of AVX-512")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Many pieces of short rows; the code of a test is kept in a cache of its own, for any number of threads."""
    monkeypatch.setattr(samplesort, "PIECE", 100)
    with config(cache_dir=tmp_path / "code"):
        yield


def compiled(name: str, type_: Type, threads: int, **attrs: Any) -> Native:
    g = Graph(name)
    with g:
        g.outputs = [g.apply(primitive(name), [g.placeholder(type_)], attrs)]
    made = compile_graph(g, threads=threads, unwrap=True)
    assert isinstance(made, Native)
    return made


def on_threads(name: str, type_: Type, **attrs: Any) -> list[Native]:
    return [compiled(name, type_, n, **attrs) for n in THREADS]


def same(fs: list[Native], x: Array) -> Array:
    """The result, of which no bit depends on the number of threads."""
    results: list[Array] = [f(x)[0] for f in fs]
    for r in results[1:]:
        assert r.tobytes() == results[0].tobytes()
    return results[0]


def rows(dtype: str, shape: tuple[int, ...]) -> Array:
    """All bits of a type, with many equals; among floats NaN, infinities and zeros of both signs."""
    rng = np.random.default_rng(list(shape))
    kind = numpy_dtype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    raw = rng.integers(0, 256, (*shape, kind.itemsize), dtype=np.uint8).view(kind)[..., 0]
    odd = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0] if dtype in FLOATS else [0, 1, 2, 3, 4, 5, 6]
    return np.where(rng.random(shape) < 0.4, np.array(odd, kind)[rng.integers(0, 7, shape)], raw)


def in_order(name: str, x: Array, *, descending: bool) -> Array:
    """By the reference; halves as single floats, since NumPy itself has sorted zeros of them wrongly."""
    numbers = x.astype("f4") if x.dtype == np.float16 else x
    result: Array = np.asarray(primitive(name)(numbers, descending=descending))
    return result if name == "argsort" else result.astype(x.dtype)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", ["sort", "argsort"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_any_length(dtype: str, name: str, descending: bool) -> None:
    fs = on_threads(name, Type(dtype, (Dim("rows"), Dim("n"))), descending=descending)
    for shape in ((1, 0), (1, 99), (1, 200), (2, 201), (1, 650), (3, 2900), (1, 40_001), (FEW, 300)):
        x = rows(dtype, shape)
        np.testing.assert_array_equal(same(fs, x), in_order(name, x, descending=descending))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("descending", [False, True])
def test_zeros_keep_their_signs(dtype: str, descending: bool) -> None:
    """As many are negative as there were, and these come first."""
    fs = on_threads("sort", Type(dtype, (Dim("n"),)), descending=descending)
    rng = np.random.default_rng(0)
    for n in (3, 17, 600, 5000):
        for some in ([0.0, -0.0], [-0.0], [1.0, -0.0, 0.0, -1.0], [np.nan, -0.0, 0.0, np.inf], [-np.inf, -0.0]):
            x = rng.choice(np.array(some, numpy_dtype(dtype)), n)
            got = same(fs, x)
            np.testing.assert_array_equal(got, in_order("sort", x, descending=descending))
            signs = np.signbit(got[got == 0])
            assert signs.sum() == np.signbit(x[x == 0]).sum()
            np.testing.assert_array_equal(signs, -np.sort(-signs.astype(int)))


PATTERNS = {
    "rising": np.arange,
    "falling": lambda n: np.arange(n)[::-1],
    "equal": np.zeros,
    "greatest": lambda n: np.full(n, np.inf),
    "two values": lambda n: np.arange(n) % 2,
    "mostly equal": lambda n: np.where(np.random.default_rng(n).random(n) < 0.9, 7, np.arange(n)),
    "teeth": lambda n: np.arange(n) % 100,
}


@wide
@pytest.mark.parametrize("depth", [64, 1, 0])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns(pattern: str, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "DEPTH", depth)
    for dtype in ("f64", "u32"):
        fs = on_threads("sort", Type(dtype, (Dim("n"),)), descending=False)
        for n in (700, 5000):
            with np.errstate(invalid="ignore"):
                x = np.asarray(PATTERNS[pattern](n)).astype(numpy_dtype(dtype))
            np.testing.assert_array_equal(same(fs, x), np.sort(x))


@wide
@pytest.mark.parametrize("greatest", [2**64 - 1, 2**64 - 2])
def test_the_greatest_key(greatest: int) -> None:
    """There is none above it."""
    fs = on_threads("sort", Type("u64", (4000,)), descending=False)
    x = np.where(np.random.default_rng(1).random(4000) < 0.8, np.uint64(greatest), np.arange(4000, dtype=np.uint64))
    np.testing.assert_array_equal(same(fs, x), np.sort(x))


@wide
def test_few_rows_are_cut_and_many_are_not() -> None:
    for count, is_cut in ((1, True), (FEW - 1, True), (FEW, False)):
        kernel = compiled("sort", Type("f32", (count, 1000)), 2, descending=False).stages.kernels[0]
        assert isinstance(kernel, LibraryKernel)
        assert (kernel.split is not None) == is_cut
    short = compiled("sort", Type("f32", (1, 150)), 2, descending=False).stages.kernels[0]
    assert isinstance(short, LibraryKernel) and short.split is None


@wide
@pytest.mark.parametrize("dtype", ["f32", "i64"])
def test_lanes_are_packed_in_registers_where_memory_is_slow(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = replace(host(), features=host().features - {"compress-store"})
    monkeypatch.setattr(stages, "host", lambda: target)
    fs = on_threads("sort", Type(dtype, (Dim("n"),)), descending=False)
    assert "compressstore" not in fs[0].stages.llvm
    for n in (*range(256, 800, 17), 6000):
        x = rows(dtype, (n,))
        np.testing.assert_array_equal(same(fs, x), np.sort(x))


# --------------------------------------------------------------------------------------------------------- scans


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_scans(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pieces of a block each; the sum of what goes before a piece is rounded alike on any number of threads."""
    monkeypatch.setattr(scan, "PIECE", 64)
    accuracy = {"f16": 5e-2, "f32": 1e-4, "f64": 1e-12}.get(dtype, 0)
    near = 1 + 1e-3 * np.random.default_rng(0).standard_normal(9000)
    x = near.astype(numpy_dtype(dtype)) if dtype in FLOATS else rows(dtype, (9000,))
    exact = x.astype("f4") if dtype == "f16" else x
    for reverse in (False, True):
        for exclusive in [False] if name in ("cummax", "cummin") else [False, True]:
            attrs = {"axis": 1, "reverse": reverse} | (
                {"exclusive": exclusive} if name in ("cumsum", "cumprod") else {}
            )
            fs = on_threads(name, Type(dtype, (Dim("rows"), Dim("n"))), **attrs)
            for shape in ((1, 0), (1, 63), (1, 64), (1, 333), (3, 1500), (1, 9000), (FEW, 200)):
                part = np.resize(x, shape)
                want = primitive(name)(np.resize(exact, shape), **attrs)
                np.testing.assert_allclose(same(fs, part), want, rtol=accuracy, atol=1e-6 if dtype == "f16" else 0)


def test_a_scan_carries_nan_and_infinities_into_all_later_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PIECE", 64)
    x = np.full(5000, -0.0)
    fs = on_threads("cumsum", Type("f64", (5000,)), axis=0, reverse=False, exclusive=False)
    assert np.signbit(same(fs, x)).all()
    for odd in (np.nan, np.inf, -np.inf):
        x[1000] = odd
        np.testing.assert_array_equal(same(fs, x), np.cumsum(x))
