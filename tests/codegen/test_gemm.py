"""Matrix products with their own kernels against NumPy in double precision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.codegen.gemm import product
from graphc.codegen.gemm.kernel import ProductKernel
from graphc.codegen.gemm.plan import GemmPlan, plan
from graphc.codegen.gemm.product import Matrix, Product, Space
from graphc.codegen.gemm.registers import Registers
from graphc.codegen.native.engine import host
from graphc.codegen.nest.loops import Prefetch, statements
from graphc.config import config
from graphc.errors import OutOfRangeError
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.poly import Poly
from graphc.ir.primitive import primitive
from graphc.ir.types import Dim, Type, numpy_dtype
from graphc.passes.access import FEW
from graphc.runtime import stages
from graphc.runtime.executable import Native, compile_graph

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
TOLERANCE = {"f32": 2e-6, "f64": 4e-15}


class _Ops:
    """Primitives as attributes."""

    def __getattr__(self, name: str) -> Any:
        return primitive(name)


P = _Ops()


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small products, too, get kernels of their own, and none comes from or goes to the cache on disk."""
    monkeypatch.setattr(product, "LEAST_WORK", 0)
    monkeypatch.setattr(product, "LEAST_SIDE", 2)
    with config(cache_dir=None):
        yield


def build(f: Callable[..., Any], dtype: str, shapes: tuple[Shape, ...]) -> Graph:
    g = Graph("products")
    with g:
        result = f(*(g.placeholder(Type(dtype, s)) for s in shapes))
        g.outputs = list(result) if isinstance(result, tuple) else [result]
    return g


def arrays(dtype: str, shapes: tuple[Shape, ...]) -> list[Array]:
    random = np.random.default_rng(7)
    return [(random.standard_normal(s) / 4).astype(numpy_dtype(dtype)) for s in shapes]


def products(executable: Any) -> list[ProductKernel]:
    assert isinstance(executable, Native)
    return [k for k in executable.stages.kernels if isinstance(k, ProductKernel)]


def check(f: Callable[..., Any], dtype: str, *shapes: Shape, own: int = 1, threads: int = 1) -> list[Array]:
    """Compare with the reference in f64; `own` is how many kernels must be products."""
    given = arrays(dtype, shapes)
    executable = compile_graph(build(f, dtype, shapes), threads=threads)
    assert len(products(executable)) == own
    results = list(executable(*given))
    precise = build(f, "f64", shapes)
    feeds = {v: a.astype(np.float64) for v, a in zip(precise.inputs, given, strict=True)}
    for got, want in zip(results, evaluate(precise, precise.outputs, feeds), strict=True):
        bound = TOLERANCE[dtype] * max(1.0, float(np.abs(want).max(initial=0)))
        assert got.shape == want.shape
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=0, atol=bound * 4)
    return results


def swapped(x: Any) -> Any:
    n = len(x.shape)
    return P.permute(x, axes=(*range(n - 2), n - 1, n - 2))


def plain(a: Any, b: Any) -> Any:
    return P.matmul(a, b)


def form(a_transposed: bool, b_transposed: bool) -> Callable[[Any, Any], Any]:
    return lambda a, b: P.matmul(swapped(a) if a_transposed else a, swapped(b) if b_transposed else b)


# ------------------------------------------------------------------------------------------------------------ shapes


@pytest.mark.parametrize("k", [0, 1, 5])
def test_small_shapes(k: int) -> None:
    """All in one program: every product is a kernel, unless it is empty or a vector or few coordinates are involved."""
    sides = list(itertools.product(range(10), range(10)))
    shapes = tuple(s for m, n in sides for s in ((m, k), (k, n)))

    def every(*xs: Any) -> tuple[Any, ...]:
        return tuple(P.matmul(a, b) for a, b in zip(xs[::2], xs[1::2], strict=True))

    check(every, "f32", *shapes, own=sum(m > 1 and n > 1 and max(k, min(m, n)) > FEW for m, n in sides) if k else 0)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", [(1000, 3, 3), (3, 3, 1000), (999, 4, 2), (2, 3, 400)])
def test_points_are_turned_by_elementwise_work(m: int, k: int, n: int, dtype: str) -> None:
    check(plain, dtype, (m, k), (k, n), own=0)
    check(plain, dtype, (7, m, k), (7, k, n), own=0)
    check(plain, dtype, (7, m, k), (k, n), own=int(n > FEW))
    check(form(True, True), dtype, (k, m), (n, k), own=0)


EDGES = [(14, 33, 16), (15, 17, 31), (6, 40, 64), (29, 9, 65), (97, 33, 130), (7, 128, 129)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", EDGES)
def test_edges_of_tiles(m: int, k: int, n: int, dtype: str) -> None:
    check(plain, dtype, (m, k), (k, n))


PACKED = [(100, 300, 140), (241, 513, 65), (260, 600, 131), (49, 1025, 256)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", PACKED)
def test_operands_in_any_order(m: int, k: int, n: int, dtype: str) -> None:
    for ta, tb in itertools.product((False, True), repeat=2):
        check(form(ta, tb), dtype, (k, m) if ta else (m, k), (n, k) if tb else (k, n))


IN_BLOCKS = [(241, 16, 200), (500, 70, 130), (1030, 5, 65), (600, 600, 70)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", IN_BLOCKS)
@pytest.mark.parametrize("batch", [(), (3,)])
def test_blocks_of_rows_that_pass_by_all_of_b(batch: Shape, m: int, k: int, n: int, dtype: str) -> None:
    """B in place and packed, in one block of k or several; threads share the rows, the columns, or the matrices."""

    def followed(a: Any, b: Any, c: Any) -> tuple[Any, ...]:
        return P.tanh(P.sub(P.matmul(a, b), c)), P.matmul(swapped(a), a)

    for b in ((k, n), (n, k)):
        f = followed if b == (k, n) else (lambda x, y, z: followed(x, swapped(y), z))
        shapes = (*batch, m, k), (*batch, *b), (n,)
        one, three = (check(f, dtype, *shapes, own=2, threads=t) for t in (1, 3))
        assert all(p.tobytes() == q.tobytes() for p, q in zip(one, three, strict=True))


BY_THEMSELVES = [(200, 40), (193, 33), (301, 700), (200, 2100)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("n,k", BY_THEMSELVES)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_half_of_a_symmetric_product_is_the_other_half(batch: Shape, n: int, k: int, dtype: str) -> None:
    """Alone, and followed by what is not symmetric; A along k, and across it, in several blocks."""

    def by_itself(a: Any) -> tuple[Any, ...]:
        c = P.matmul(a, swapped(a))
        small = P.mul(a, 0.125)
        return c, P.tanh(P.matmul(small, swapped(small)))

    def across(a: Any, row: Any) -> tuple[Any, ...]:
        small = P.mul(a, 0.125)
        return P.matmul(swapped(a), a), P.tanh(P.add(P.matmul(swapped(small), small), row))

    for f, shapes in ((by_itself, [(*batch, n, k)]), (across, [(*batch, k, n), (n,)])):
        one, three = (check(f, dtype, *shapes, own=2, threads=t) for t in (1, 3))
        assert all(p.tobytes() == q.tobytes() for p, q in zip(one, three, strict=True))
        assert one[0].tobytes() == np.swapaxes(one[0], -1, -2).tobytes()
    kernels = products(compile_graph(build(across, dtype, ((k, n), (n,)))))
    assert all(kernel.cut.plan.half for kernel in kernels)


NARROW = [(100, 300, 2), (17, 1000, 3), (64, 5000, 4), (2, 300, 100), (3, 333, 37), (4, 2500, 9)]


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", NARROW)
def test_few_columns_or_rows(m: int, k: int, n: int, dtype: str) -> None:
    check(form(False, True), dtype, (m, k), (n, k))
    check(plain, dtype, (m, k), (k, n))
    check(lambda a, b: P.exp(P.mul(P.matmul(a, swapped(b)), 0.01)), dtype, (m, k), (n, k), threads=2)


@pytest.mark.parametrize("missing", [("avx512",), ("avx512", "avx", "fma")])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_narrower_registers(missing: tuple[str, ...], dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(host(), features=host().features - frozenset(missing))
    monkeypatch.setattr(stages, "host", lambda: narrow)
    check(plain, dtype, (29, 33), (33, 27))
    check(form(True, True), dtype, (300, 101), (70, 300))
    check(form(False, True), dtype, (101, 300), (70, 300))
    check(plain, dtype, (101, 300), (300, 3))


# ----------------------------------------------------------------------------------------------------------- strides


def every_other(x: Any) -> Any:
    rows, columns = x.shape
    return P.slice(x, starts=(0, 0), sizes=(rows, columns // 2), steps=(1, 2))


def test_strided_and_flipped_operands() -> None:
    check(lambda a, b: P.matmul(every_other(a), b), "f32", (40, 66), (33, 48))
    check(lambda a, b: P.matmul(a, every_other(b)), "f32", (100, 33), (33, 96))
    check(lambda a, b: P.matmul(P.flip(a, axes=(0,)), P.flip(b, axes=(0,))), "f64", (30, 33), (33, 48))
    check(lambda a, b: P.matmul(a, P.flip(b, axes=(1,))), "f64", (30, 33), (33, 48))


def test_unaligned_arguments() -> None:
    """Arrays that begin between the cache lines, and arrays of other strides than the declared ones."""
    shapes = (50, 33), (33, 47)
    executable = compile_graph(build(plain, "f32", shapes))
    a, b = (np.zeros(2000, np.float32)[k : k + r * c].reshape(r, c) for k, (r, c) in enumerate(shapes, 1))
    a[:], b[:] = arrays("f32", shapes)
    expected = a @ b
    np.testing.assert_allclose(executable(a, b)[0], expected, atol=1e-4)
    assert executable.native is not None
    np.testing.assert_allclose(executable.native(np.asfortranarray(a), b)[0], expected, atol=1e-4)


# ------------------------------------------------------------------------------------------------------------- batch


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(
    "a,b",
    [
        ((5, 20, 17), (5, 17, 19)),
        ((5, 20, 17), (17, 19)),
        ((20, 17), (5, 17, 19)),
        ((3, 1, 20, 17), (4, 17, 19)),
        ((3, 4, 20, 17), (3, 1, 17, 19)),
        ((2, 100, 70), (2, 70, 300)),
    ],
)
def test_batches(a: Shape, b: Shape, dtype: str) -> None:
    check(plain, dtype, a, b)


def test_heads_of_attention() -> None:
    """Batch axes that lie between the rows and the columns in memory."""

    def scores(q: Any, k: Any) -> Any:
        q, k = (P.permute(P.reshape(x, shape=(2, 24, 3, 16)), axes=(0, 2, 1, 3)) for x in (q, k))
        return P.matmul(q, swapped(k))

    check(scores, "f32", (2, 24, 48), (2, 24, 48))


@pytest.mark.parametrize("threads", [1, 2])
def test_results_in_another_order(threads: int) -> None:
    """The product writes its result where the next one reads it; no copy is made."""

    def joined(a: Any, v: Any) -> Any:
        return P.reshape(P.permute(P.matmul(a, v), axes=(0, 2, 1, 3)), shape=(2, 24, 48))

    def turned(a: Any, b: Any) -> Any:
        return P.mul(swapped(P.matmul(a, b)), 2.0)

    for f, shapes in ((joined, ((2, 3, 24, 20), (2, 3, 20, 16))), (turned, ((40, 33), (33, 50)))):
        check(f, "f32", *shapes, threads=threads)
        assert len(compile_graph(build(f, "f32", shapes)).stages.kernels) == 1  # type: ignore[union-attr]


# --------------------------------------------------------------------------------------------------------- epilogues


def dense(x: Any, w: Any, b: Any) -> Any:
    return P.tanh(P.add(P.matmul(x, w), b))


def residual(x: Any, w: Any, y: Any) -> tuple[Any, ...]:
    """The product and two things made of it are all stored."""
    z = P.matmul(x, w)
    s = P.add(z, y)
    return z, s, P.maximum(s, 0.0)


def converted(x: Any, w: Any) -> Any:
    """The product itself is stored nowhere."""
    return P.cast(P.matmul(x, w), dtype="f64" if x.dtype == "f32" else "f32")


def scaled_rows(x: Any, w: Any, s: Any) -> Any:
    return P.mul(P.matmul(x, w), P.exp(P.reshape(s, shape=(s.shape[0], 1))))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("m,k,n", [(9, 7, 20), (100, 65, 130), (500, 20, 33), (270, 600, 260)])
@pytest.mark.parametrize("threads", [1, 2])
def test_epilogues(m: int, k: int, n: int, dtype: str, threads: int) -> None:
    check(dense, dtype, (m, k), (k, n), (n,), threads=threads)
    check(residual, dtype, (m, k), (k, n), (m, n), threads=threads)
    check(converted, dtype, (m, k), (k, n), threads=threads)
    check(scaled_rows, dtype, (m, k), (k, n), (m,), threads=threads)


def embedded(x: Any, w: Any, table: Any, ids: Any) -> Any:
    return P.add(P.matmul(x, w), P.gather(table, ids, axis=0))


def test_run_time_indices_after_a_product() -> None:
    shapes = (300, 40), (40, 50), (7, 50)
    g = Graph("embedded")
    with g:
        inputs = [g.placeholder(Type("f32", s)) for s in shapes]
        inputs.append(g.placeholder(Type("i64", (300,))))
        g.outputs = [embedded(*inputs)]
    x, w, table = arrays("f32", shapes)
    ids = np.arange(300) % 7
    executable = compile_graph(g, threads=2)
    np.testing.assert_allclose(executable(x, w, table, ids)[0], x @ w + table[ids], atol=1e-5)
    assert len(products(executable)) == 1
    with pytest.raises(OutOfRangeError):
        executable(x, w, table, ids + 1)


def test_epilogue_of_a_batch() -> None:
    check(dense, "f32", (4, 30, 20), (4, 20, 24), (4, 1, 24))
    check(dense, "f32", (4, 30, 20), (20, 24), (24,), threads=2)
    check(residual, "f64", (3, 4, 30, 20), (4, 20, 24), (3, 1, 30, 24), threads=2)


# ----------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize(
    "a,b",
    [
        ((256, 300), (300, 256)),
        ((700, 128), (128, 128)),
        ((128, 513), (513, 700)),
        ((40, 64, 64), (40, 64, 64)),
        ((1999, 700), (700, 3)),
        ((600, 1100), (1100, 500)),
        ((300, 1030), (1030, 700)),
        ((3, 500, 300), (3, 300, 330)),
        ((3, 200, 300), (300, 330)),
        ((400, 2100), (2100, 600)),
    ],
)
def test_bits_do_not_depend_on_threads(a: Shape, b: Shape) -> None:
    def work(x: Any, y: Any) -> Any:
        return P.exp(P.mul(P.matmul(x, y), 0.01))

    one = check(work, "f32", a, b, threads=1)
    two = check(work, "f32", a, b, threads=3)
    assert one[0].tobytes() == two[0].tobytes()
    (kernel,) = products(compile_graph(build(work, "f32", (a, b))))
    assert kernel.chunks > 1


@pytest.mark.parametrize("a,b", [((1100, 1000), (1100, 600)), ((2, 600, 1100), (2, 600, 500))])
@pytest.mark.parametrize("threads", [1, 3])
def test_packed_together(a: Shape, b: Shape, threads: int) -> None:
    """All pieces need A, which lies the wrong way: it is packed first, for several blocks of k."""

    def work(x: Any, y: Any) -> Any:
        return P.exp(P.mul(P.matmul(swapped(x), y), 0.01))

    got = check(work, "f32", a, b, threads=threads)
    (kernel,) = products(compile_graph(build(work, "f32", (a, b))))
    assert kernel.is_joint and kernel.cut.plan.by_columns
    assert got[0].tobytes() == check(work, "f32", a, b, threads=2)[0].tobytes()


# ---------------------------------------------------------------------------------------------------------- symbolic


def layer(x: Any, w: Any, g: Any) -> tuple[Any, ...]:
    """Forward, and both gradients for a cotangent g: rows are symbolic, then the summed axis."""
    return P.tanh(P.matmul(x, w)), P.matmul(g, swapped(w)), P.matmul(swapped(x), g)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("k,n", [(64, 10), (130, 200), (300, 3)])
def test_symbolic_rows_and_sums(k: int, n: int, dtype: str) -> None:
    batch = Dim("rows")
    graph = build(layer, dtype, ((batch, k), (k, n), (batch, n)))  # type: ignore[arg-type]
    one, three = (compile_graph(graph, threads=t) for t in (1, 3))
    assert len(products(one)) == 3
    for m in (0, 1, 2, 7, 8, 9, 100, 255, 1100):
        given = arrays(dtype, ((m, k), (k, n), (m, n)))
        x, w, g = (a.astype(np.float64) for a in given)
        for got, want in zip(one(*given), (np.tanh(x @ w), g @ w.T, x.T @ g), strict=True):
            np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[dtype] * (8 + m))
        assert all(p.tobytes() == q.tobytes() for p, q in zip(one(*given), three(*given), strict=True))


def beside(x: Any, w: Any, b: Any) -> tuple[Any, ...]:
    """A second result that has columns only."""
    return P.add(P.matmul(x, w), b), P.mul(b, 2.0)


def test_results_without_rows() -> None:
    shapes = (Dim("rows"), 64), (64, 32), (32,)
    executable = compile_graph(build(beside, "f32", shapes))  # type: ignore[arg-type]
    for m in (0, 5, 50):
        x, w, b = arrays("f32", ((m, 64), (64, 32), (32,)))
        y, twice = executable(x, w, b)
        np.testing.assert_allclose(y, x @ w + b, atol=1e-5)
        np.testing.assert_array_equal(twice, b * 2)


# ------------------------------------------------------------------------------------------------------------- rules

WIDE = Registers(64, 32)


def planned(
    m: int,
    n: int,
    k: int,
    *,
    batch: tuple[int, ...] = (),
    a_transposed: bool = False,
    b_transposed: bool = False,
    followed: bool = False,
) -> GemmPlan:
    a = Matrix("a", 0, (m * k,) * len(batch), *((1, m) if a_transposed else (k, 1)))
    b = Matrix("b", 0, (k * n,) * len(batch), *((1, k) if b_transposed else (n, 1)))
    c, space = Matrix("c", 0, (m * n,) * len(batch), n, 1), Space(("q",) * len(batch), "i", "j")
    return plan(Product("f32", batch, Poly.of(m), n, Poly.of(k), a, b, c, space), WIDE, followed)


def test_what_is_packed() -> None:
    small, large, few = planned(64, 64, 64), planned(1024, 1024, 1024), planned(128, 512, 784)
    assert (small.pack_a, small.pack_b) == (False, False)
    assert (large.pack_a, large.pack_b, large.rows, large.vectors) == (False, True, 6, 4)
    assert not few.pack_b and few.ahead and few.unroll == 4
    assert planned(100, 1000, 1000).pack_b and not planned(90, 1000, 1000).pack_b
    assert planned(1000, 500, 300).pack_b and not planned(300, 300, 300).pack_b
    assert planned(200, 200, 200, batch=(16,)).pack_b and not planned(200, 200, 200).pack_b
    assert not planned(100, 200, 200, batch=(16,)).pack_b and not planned(200, 100, 100, batch=(16,)).pack_b
    assert planned(32, 64, 64, b_transposed=True).pack_b
    assert planned(1024, 1024, 1024, a_transposed=True).pack_a
    assert not planned(256, 256, 1024, a_transposed=True).pack_a
    assert "packed" in str(large)


def test_pieces() -> None:
    """By columns, so that a panel of B is packed once; by rows where there are few panels."""
    assert (planned(1024, 1024, 1024).by_columns, planned(1024, 1024, 1024).pieces) == (True, 8)
    assert (planned(10000, 64, 784, b_transposed=True).by_columns, planned(10000, 128, 784).by_columns) == (
        False,
        False,
    )
    assert planned(512, 500, 512).by_columns and not planned(1000, 100, 100).by_columns
    assert planned(64, 64, 64).pieces == 1


def test_rows_pass_by_a_near_b_in_blocks() -> None:
    """Where C is most of the traffic, or is followed by other work."""
    assert planned(2000, 2000, 8).block and not planned(2000, 2000, 100).block
    assert planned(2000, 500, 100, followed=True).block and not planned(200, 500, 100, followed=True).block
    assert not planned(2000, 2000, 1000, followed=True).block
    assert "rows at a time" in str(planned(2000, 2000, 8))


def test_narrow_products_are_dot_products() -> None:
    few = planned(512, 2, 512)
    assert few.dot and few.pack_b and (few.rows, few.width) == (8, 2)
    wide = planned(2, 100, 512, b_transposed=True)
    assert wide.dot and not wide.pack_b and (wide.rows, wide.width) == (2, 8)
    assert not planned(512, 2, 16).dot and not planned(512, 2, 512, a_transposed=True).dot
    assert "dot" in str(few)


def test_a_second_tile_must_pay() -> None:
    """All columns in panels of one width, unless the product is large."""
    assert planned(64, 128, 16).vectors in (1, 2, 4, 8)


def shifted_activation(a: Any, b: Any, r: Any) -> Any:
    return P.add(P.tanh(P.matmul(a, b)), r)


def test_what_follows_many_rows_asks_ahead_for_its_other_arrays() -> None:
    for rows, asked in ((1000, {"v2"}), (100, set())):
        shapes = (rows, 512), (512, 512), (rows, 512)  # too much of B to be near as a whole
        executable = compile_graph(build(shifted_activation, "f32", shapes))
        assert isinstance(executable, Native)
        (kernel,) = products(executable)
        assert kernel.epilogue is not None
        loops = [s for p in kernel.epilogue.phases for s in statements(p.body)]
        assert {s.buffer for s in loops if isinstance(s, Prefetch)} == asked
        check(shifted_activation, "f32", *shapes)


def test_a_turned_left_operand_asks_for_the_next_tile() -> None:
    """Only a B that is read from afar is asked for otherwise, which a small one is not."""
    for f, shapes, asks in ((form(True, False), ((512, 96), (512, 16)), True), (plain, ((96, 512), (512, 16)), False)):
        (kernel,) = products(compile_graph(build(f, "f32", shapes)))
        text = "".join(kernel.code(host().features).helpers)
        assert ("call void @llvm.prefetch" in text) == asks
        check(f, "f32", *shapes)


def test_small_products_stay_loop_nests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    check(plain, "f32", (8, 8), (8, 8), own=0)
    check(plain, "f32", (1, 512), (512, 512), own=0)
    check(plain, "f32", (64, 64), (64, 64), own=1)


def test_a_kernel_says_what_it_does() -> None:
    (kernel,) = products(compile_graph(build(dense, "f32", ((128, 784), (784, 512), (512,)))))
    assert "B in place" in str(kernel) and "tanh" in str(kernel)
