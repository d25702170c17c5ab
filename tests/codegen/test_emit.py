"""Native code of scheduled kernels against NumPy and against the interpreter of loop nests."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from codegen.native import Native
from codegen.nest_kernels import CASES, Case, check, cluster_of, make

from graphc.codegen.llvm.emit import SHARE, emit
from graphc.codegen.llvm.emit_module import Step, module_text
from graphc.codegen.lower import lower
from graphc.codegen.native.array_layout import numpy_dtype
from graphc.codegen.native.engine import Library, host
from graphc.codegen.native.entry import run_function
from graphc.codegen.native.pool import fork_address
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.loops import (
    Accumulate,
    Body,
    Buffer,
    Check,
    Finish,
    Fold,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Phase,
    Store,
)
from graphc.codegen.nest.monoids import MONOIDS, Monoid
from graphc.codegen.schedule import AUTO, Plan, schedule
from graphc.ir.poly import Poly, Size

SIZES = [(0, 5), (5, 0), (1, 1), (1, 17), (7, 3), (17, 16), (19, 33), (40, 67)]
PLANS = {"auto": AUTO, "plain": Plan(unroll=1, jam=1, prefetch=0)}
P = Poly.of
I = P("i")
Array = np.ndarray[Any, Any]


def run_case(case: Case, native: Native, n: int, d: int, fork: int = 0) -> dict[str, Array]:
    ins, outs = make(case, n, d)
    status = native({**ins, **outs}, {"n": n, "d": d}, fork)
    assert status == 0
    check(case, ins, outs)
    return outs


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", CASES)
def test_symbolic_extents(name: str, plan: str) -> None:
    case, built = CASES[name], dict[tuple[int, ...], Native]()
    for n, d in SIZES:
        if case.empty or n * d:
            key = tuple({"n": n, "d": d}[f] for f in case.fixed)
            if key not in built:
                built[key] = Native(schedule(lower(cluster_of(case, n, d, False)), PLANS[plan]))
            run_case(case, built[key], n, d)


@pytest.mark.parametrize("n,d", [(3, 0), (7, 3), (19, 33)])
@pytest.mark.parametrize("name", CASES)
def test_static_extents(name: str, n: int, d: int) -> None:
    case = CASES[name]
    if case.empty or n * d:
        run_case(case, Native(schedule(lower(cluster_of(case, n, d, True)))), n, d)


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_threads(name: str) -> None:
    case, n, d = CASES[name], 503, 519
    native = Native(schedule(lower(cluster_of(case, n, d, False))))
    alone = run_case(case, native, n, d)
    for _ in range(3):
        shared = run_case(case, native, n, d, fork_address(2))
        assert all(shared[k].tobytes() == v.tobytes() for k, v in alone.items())


@pytest.mark.parametrize("name", ["chain", "softmax", "logreg", "lse1", "mixed"])
def test_the_forms_for_any_target(name: str) -> None:
    """No fused multiply-add, no AVX-512."""
    case = CASES[name]
    run_case(case, Native(schedule(lower(cluster_of(case, 19, 33, True))), frozenset()), 19, 33)


# ------------------------------------------------------------------------------------------------ single statements


def kernel(buffers: dict[str, tuple[str, str]], body: Body, dims: tuple[str, ...] = ()) -> Kernel:
    return Kernel("k", dims, tuple(Buffer(n, t, role) for n, (t, role) in buffers.items()), (Phase(None, body),))


def vector(hi: Size, body: Body, width: int, var: str = "i", masked: bool = True) -> Loop:
    return Loop(var, Poly(), (P(hi),), body, "vector", width, width, masked)


def agree(k: Kernel, arrays: dict[str, Array], dims: dict[str, int] | None = None) -> dict[str, Array]:
    """Run by the interpreter and natively: the same outputs and the same status; gives the outputs."""
    outs = [b.name for b in k.buffers if b.role == "out"]
    mine, oracle = ({n: a.copy() for n, a in arrays.items()} for _ in range(2))
    status = Native(k)(mine, dims)
    assert status == interp.run(k, oracle, dims or {})
    for n in outs:
        np.testing.assert_array_equal(mine[n], oracle[n], err_msg=n)
    return {n: mine[n] for n in outs}


@pytest.mark.parametrize("width", [1, 8, 16])
@pytest.mark.parametrize("dtype", ["i8", "bool", "f16", "i32", "f64"])
@pytest.mark.parametrize("stride,start", [(1, 0), (-1, 36), (3, 2), (-2, 80), (0, 5)])
def test_loads_and_stores_of_any_stride(dtype: str, width: int, stride: int, start: int) -> None:
    value = "f32" if dtype == "f16" else dtype
    body = (Load("x", "in", I * stride + start), Store("out", I, "x"))
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, 120).astype(numpy_dtype(dtype))
    loop = vector(37, body, width)
    got = agree(kernel({"in": (dtype, "in"), "out": (dtype, "out")}, (loop,)), {"in": x, "out": np.zeros_like(x)})
    np.testing.assert_array_equal(got["out"][:37], x[start + stride * np.arange(37)])
    if stride:
        body = (Load("x", "in", I), Let("y", "maximum", ("x", 1), value), Store("out", I * stride + start, "y"))
        k = kernel({"in": (dtype, "in"), "out": (dtype, "out")}, (vector(37, body, width),))
        agree(k, {"in": x, "out": np.zeros_like(x)})


@pytest.mark.parametrize("dtype", ["i8", "f16", "f32", "f64"])
@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("step", [2, 3, 4])
def test_short_strides_are_read_as_whole_vectors(step: int, width: int, dtype: str) -> None:
    body = (Load("v", "x", I * step + 1), Store("y", I, "v"))
    k = kernel({"x": (dtype, "in"), "y": (dtype, "out")}, (vector(3 * width, body, width, masked=False),))
    x = np.arange(3 * width * step).astype(numpy_dtype(dtype))[: (3 * width - 1) * step + 2]
    got = agree(k, {"x": x, "y": np.zeros(3 * width, numpy_dtype(dtype))})
    np.testing.assert_array_equal(got["y"], x[1::step])
    assert "gather" not in emit(k, host().features).text


@pytest.mark.parametrize("step", [2, 3, 4])
def test_short_strides_read_nothing_beyond_the_last_lane(step: int) -> None:
    body = (Load("v", "x", I * step), Store("y", I, "v"))
    k = kernel({"x": ("f64", "in"), "y": ("f64", "out")}, (vector(8, body, 8, masked=False),))
    text = emit(k, host().features).text
    ends = [int(n) + 8 for n in re.findall(r"getelementptr double, ptr %v\d+, i64 (\d+)", text)]
    assert max(ends) == 7 * step + 1


@pytest.mark.parametrize("width", [1, 8])
def test_symbolic_stride_and_index(width: int) -> None:
    s = P("s")
    body = (
        Load("x", "in", I * s + 1),
        Index("n", I * s + 7, "i32"),
        Let("m", "cast", ("n",), "f64"),
        Let("y", "add", ("x", "m"), "f64"),
        Store("out", I * s, "y"),
    )
    k = kernel({"in": ("f64", "in"), "out": ("f64", "out")}, (vector(11, body, width),), ("s",))
    for stride in (1, 2, 5):
        agree(k, {"in": np.arange(100.0), "out": np.zeros(100)}, {"s": stride})


@pytest.mark.parametrize("width", [1, 16])
@pytest.mark.parametrize("shift", [-1, 5, -40, 40])
def test_guards_read_and_write_nothing_outside(width: int, shift: int) -> None:
    inside = (Guard(I + shift, P(37)),)
    body = (
        Load("x", "in", I + shift, inside, -3.0),
        Load("r", "in", P(36 - shift) - I, (Guard(P(36 - shift) - I, P(37)),), 1.0),
        Let("y", "add", ("x", "r"), "f32"),
        Store("out", I, "y"),
        Store("moved", I + shift, "y", (), inside),
        Accumulate("sum", I + shift, "y", (), "add", inside),
    )
    buffers = {"in": ("f32", "in"), "out": ("f32", "out"), "moved": ("f32", "out"), "sum": ("f32", "out")}
    arrays = {n: np.arange(37, dtype="f4") for n in buffers}
    agree(kernel(buffers, (vector(37, body, width),)), arrays)


@pytest.mark.parametrize("holds", [True, False])
def test_guards_that_are_the_same_for_a_whole_vector(holds: bool) -> None:
    outer, guard = P("h"), (Guard(P("h") - 1, P(2)),)
    body = (
        Load("x", "in", I + outer, guard, 2.0),
        Load("u", "in", outer, guard, 9.0),
        Let("y", "add", ("x", "u"), "f32"),
        Store("out", I + outer * 20, "y", (), guard if holds else ()),
    )
    loop = Loop(
        "h", Poly(), (P(4),), (vector(19, body, 16), Load("u", "in", outer), Store("one", outer, "u", (), guard))
    )
    buffers = {"in": ("f32", "in"), "out": ("f32", "out"), "one": ("f32", "out")}
    agree(kernel(buffers, (loop,)), {n: np.arange(90, dtype="f4") for n in buffers})


@pytest.mark.parametrize("width", [1, 8])
def test_indices_are_checked_and_wrapped(width: int) -> None:
    body = (
        Load("k", "index", I),
        Check("k", P("n"), 5),
        Index("size", P("n")),
        Let("w", "wrap", ("k", "size"), "i64"),
        Load("x", "table", P(1), (), 0.0, (("w", P(2)),)),
        Store("out", I, "x"),
        Store("turned", P(0), "x", (("w", P(3)),)),
    )
    buffers = {"index": ("i64", "in"), "table": ("f32", "in"), "out": ("f32", "out"), "turned": ("f32", "out")}
    k = kernel({**buffers, "status": ("i64", "status")}, (vector(20, body, width),), ("n",))
    table, out = np.arange(25, dtype="f4"), np.zeros(60, "f4")
    for wrong in (None, 12, -13, 2**62, -(2**63)):
        index = np.random.default_rng(3).integers(-12, 12, 20)
        if wrong is not None:
            index[11] = wrong
        arrays = {"index": index, "table": table, "out": out.copy(), "turned": out.copy()}
        agree(k, arrays, {"n": 12})
        assert Native(k)(arrays, {"n": 12}) == (0 if wrong is None else 5)


def test_lanes_past_the_bound_are_not_checked() -> None:
    body = (Load("k", "index", I), Check("k", P(4), 7), Store("out", I, "k"))
    k = kernel({"index": ("i64", "in"), "out": ("i64", "out"), "s": ("i64", "status")}, (vector(5, body, 8),))
    index = np.array([0, 1, 2, 3, -4, 99, 99, 99])
    assert Native(k)({"index": index, "out": np.zeros(8, "i8")}) == 0


MONOID_TYPES = [(m, t) for m in ("sum", "prod", "max", "min", "argmax", "argmin") for t in ("i8", "u16", "i32", "i64")]
MONOID_TYPES += [(m, t) for m in ("max", "min", "argmax", "argmin", "logsumexp", "moments") for t in ("f32", "f64")]
MONOID_TYPES += [("any", "bool"), ("all", "bool"), ("max", "bool")]


def reduction(monoid: Monoid, dtype: str, loop: Loop, count: int) -> Kernel:
    """Folds the items of `loop` into one accumulator and stores the components of its state."""
    dtypes = monoid.dtypes((dtype, "i64"))
    names = tuple(f"r{n}" for n in range(len(dtypes)))
    stores = tuple(Store(f"out{n}", Poly(), name) for n, name in enumerate(names))
    body = (Init("a", monoid, dtypes), loop, Finish(names, "a"), *stores)
    buffers = {"x": (dtype, "in")} | {f"out{n}": (t, "out") for n, t in enumerate(dtypes)}
    return kernel(buffers, body, ("n",))


def items(monoid: Monoid) -> Body:
    """The statements that fold element i."""
    more = (Index("k", I),) if "i" in monoid.state else ()
    return (Load("v", "x", I), *more, Fold("a", ("v", "k") if more else ("v",)))


def results(k: Kernel, x: Array, n: int) -> list[tuple[Any, Any]]:
    """(native, interpreted) pairs of the outputs."""
    made = [{b.name: np.zeros(1, numpy_dtype(b.dtype)) for b in k.buffers if b.role == "out"} for _ in range(2)]
    assert Native(k)({"x": x, **made[0]}, {"n": n}) == interp.run(k, {"x": x, **made[1]}, {"n": n}) == 0
    return [(made[0][name][0], made[1][name][0]) for name in made[0]]


@pytest.mark.parametrize("name,dtype", MONOID_TYPES)
def test_reductions_of_every_type(name: str, dtype: str) -> None:
    monoid, r = MONOIDS[name], np.random.default_rng(4)
    x = (r.standard_normal(70) * 3).astype(numpy_dtype(dtype)) if dtype[0] == "f" else r.integers(0, 90, 70)
    x = (x > 40 if dtype == "bool" else x).astype(numpy_dtype(dtype))
    loop = vector(P("n"), items(monoid), 8)
    loop = replace(loop, masked=False, rest=loop)
    k = reduction(monoid, dtype, loop, 70)
    for n in (0, 1, 5, 8, 69):
        for native, want in results(k, x, n):
            np.testing.assert_allclose(native, want, rtol=1e-5, err_msg=f"{n} items")


@pytest.mark.parametrize("name", ["max", "argmax", "min", "argmin"])
@pytest.mark.parametrize("where", [0, 3, 17, 39])
def test_the_first_nan_wins(name: str, where: int) -> None:
    x = np.random.default_rng(5).standard_normal(41).astype("f4")
    x[where] = x[40] = np.nan
    pairs = results(reduction(MONOIDS[name], "f32", vector(P("n"), items(MONOIDS[name]), 16), 41), x, 41)
    assert np.isnan(pairs[0][0])
    assert len(pairs) == 1 or pairs[1][0] == where


def test_one_accumulator_takes_vectors_of_several_widths_and_single_items() -> None:
    sixteen, eight, single = (vector(P("n"), items(monoids.SUM), w, masked=False) for w in (16, 8, 1))
    loop = replace(sixteen, rest=replace(eight, rest=single))
    x = np.arange(1, 100, dtype="i4")
    for n in (0, 1, 7, 16, 31, 99):
        pairs = results(reduction(monoids.SUM, "i32", loop, 99), x, n)
        assert pairs[0][0] == x[:n].sum()
    narrow_first = replace(eight, rest=replace(sixteen, masked=True))
    assert results(reduction(monoids.SUM, "i32", narrow_first, 99), x, 99)[0][0] == x.sum()


def test_copies_of_an_unroll_loop_are_lifted_together() -> None:
    body = tuple(replace(s, at=I + P("u")) if isinstance(s, Load) else s for s in items(monoids.MOMENTS))
    copies = Loop("u", Poly(), (P(32),), body, "unroll", 8)
    loop = Loop("i", Poly(), (P("n"),), (copies,), "vector", 32, 8, rest=vector(P("n"), items(monoids.MOMENTS), 8))
    x = np.random.default_rng(6).standard_normal(101)
    count, mean, squares = (native for native, _ in results(reduction(monoids.MOMENTS, "f64", loop, 101), x, 101))
    assert count == 101
    np.testing.assert_allclose([mean, squares / 101], [x.mean(), x.var()], rtol=1e-13)


# --------------------------------------------------------------------------------------------- order, emptiness, size


def test_an_empty_space_reads_nothing() -> None:
    """Every pointer but that of the outputs is invalid; scalar loads are hoisted out of both loops."""
    body = (
        Load("s", "scalar", Poly()),
        Load("r", "row", I),
        Load("g", "far", I * 3, (Guard(I, P("d")),)),
        Let("t", "mul", ("s", "r"), "f32"),
        Let("y", "add", ("t", "g"), "f32"),
        Store("out", P("h") * P("d") + I, "y"),
    )
    inner = vector(P("d"), body, 16, masked=False)
    nest = Loop("h", Poly(), (P("n"),), (replace(inner, rest=replace(inner, masked=True)),))
    buffers = {"scalar": ("f32", "in"), "row": ("f32", "in"), "far": ("f32", "in"), "out": ("f32", "out")}
    native = Native(kernel(buffers, (nest,), ("d", "n")))
    for n, d in ((0, 5), (5, 0), (0, 0)):
        words = np.array([8, 8, 8, 8, d, n], "i8")
        assert native.run(words.ctypes.data, None) == 0
    s, x, out = np.array([2], "f4"), np.arange(90, dtype="f4"), np.zeros(90, "f4")
    agree(native.kernel, {"scalar": s, "row": x, "far": x, "out": out}, {"n": 3, "d": 21})


def test_loads_of_an_aliased_input_follow_the_stores() -> None:
    """Serially, each element is read after its left neighbour was written in place."""
    body = (Load("x", "in", I), Load("y", "in", I + 1), Let("z", "add", ("x", "y"), "i64"), Store("out", I + 1, "z"))
    buffers = (Buffer("in", "i64", "in"), Buffer("out", "i64", "out", alias="in"))
    k = Kernel("k", (), buffers, (Phase(None, (Loop("i", Poly(), (P(9),), body),)),))
    shared = np.arange(10)
    Native(k)({"in": shared, "out": shared})
    np.testing.assert_array_equal(shared, np.arange(10).cumsum())


def test_a_phase_in_one_piece_is_the_kernel() -> None:
    def text(items: int, *more: Phase) -> str:
        body = (Load("x", "in", I), Store("out", I, "x"))
        chunk = Chunk("i", P(items), P(items), unit=512, grain=1 << 10)
        loop = Loop("i", Poly.of("i.lo"), (Poly.of("i.hi"),), body, "vector", step=16, width=16, masked=True)
        buffers = (Buffer("in", "f32", "in"), Buffer("out", "f32", "out"))
        return emit(Kernel("k", (), buffers, (Phase(chunk, (loop,)), *more)), frozenset()).text

    assert text(1000).count("define") == 1 and "define void @k(ptr %words, ptr %fork)" in text(1000)
    assert text(5000).count("define") == 2 and SHARE in text(5000)
    assert text(1000, Phase(None, ())).count("define") == 3 and SHARE not in text(1000, Phase(None, ()))


def test_invariant_code_leaves_its_loops() -> None:
    body = (
        Load("s", "scalar", Poly()),
        Let("e", "sqrt", ("s",), "f32"),
        Load("x", "in", P("h") * 20 + I),
        Let("y", "mul", ("x", "e"), "f32"),
        Store("out", P("h") * 20 + I, "y"),
    )
    nest = Loop("h", Poly(), (P(3),), (vector(20, body, 16),))
    text = Native(kernel({"scalar": ("f32", "in"), "in": ("f32", "in"), "out": ("f32", "out")}, (nest,))).text
    phase = text.split("define void @k")[1].split("}")[0]
    assert phase.count("@llvm.sqrt") == 1
    assert phase.index("@llvm.sqrt") < phase.index("body")


def test_a_chain_of_two_thousand_operations() -> None:
    steps = [Let(f"v{n + 1}", "add", (f"v{n}", 1.0), "f64") for n in range(2000)]
    body = (Load("v0", "in", I), *steps, Store("out", I, "v2000"))
    k = kernel({"in": ("f64", "in"), "out": ("f64", "out")}, (vector(11, body, 8),))
    out = np.zeros(11)
    Native(k)({"in": np.arange(11.0), "out": out})
    np.testing.assert_array_equal(out, np.arange(11.0) + 2000)


def test_steps_share_a_kernel_and_the_table_of_words() -> None:
    body = (Load("x", "in", I), Let("y", "add", ("x", 1), "i64"), Store("out", I, "y"))
    one = kernel({"in": ("i64", "in"), "out": ("i64", "out")}, (Loop("i", Poly(), (P("n"),), body),), ("n",))
    code = emit(one, host().features)
    text = module_text([Step(code, ((0, 0), (1, 0), (3, 0))), Step(code, ((1, 8), (2, 8), (3, -1)))])
    library = Library(text, ["run"])
    x, y, z = (np.arange(5) for _ in range(3))
    words = np.array([x.ctypes.data, y.ctypes.data, z.ctypes.data, 5], "i8")
    assert run_function(library["run"])(words.ctypes.data, None) == 0
    np.testing.assert_array_equal(z, [0, *(x[1:] + 2)])  # the second begins an element later
    other = emit(kernel({"out": ("i64", "out")}, ()), host().features)
    with pytest.raises(ValueError, match="one name"):
        module_text([Step(code, ()), Step(other, ())])


@pytest.mark.parametrize("n", [0, 1, 100, 100_000])
def test_chunks_cover_their_axis(n: int) -> None:
    chunk = Chunk("i", P("n"), P("n") * 100, unit=16)
    body = (Accumulate("out", I, "one"),)
    loop = Loop("i", P("i.lo"), (P("i.hi"),), body, "vector", 8, 8, masked=True)
    phase = Phase(chunk, (Let("one", "const", (1,), "i64"), loop))
    out = np.zeros(n, "i8")
    Native(Kernel("k", ("n",), (Buffer("out", "i64", "out"),), (phase,)))({"out": out}, {"n": n}, fork_address(2))
    assert (out == 1).all()


def test_a_module_without_steps_does_nothing() -> None:
    library = Library(module_text([]), ["run"])
    assert run_function(library["run"])(None, None) == 0


def test_steps_share_the_status_word() -> None:
    """A failed check of any step is told, whichever slot of its kernel the word comes to."""
    check = Check("k", Poly.of(3), 7)
    body = (Load("k", "at", I), check, Load("x", "in", I), Store("out", I, "x"))
    buffers = {"at": ("i64", "in"), "in": ("f64", "in"), "out": ("f64", "out"), "status": ("i64", "status")}
    code = emit(kernel(buffers, (Loop("i", Poly(), (P("n"),), body),), ("n",)), host().features)
    slots = ((0, 0), (1, 0), (2, 0), (None, 0), (3, 0))
    later = ((0, 16), *slots[1:])
    library = Library(module_text([Step(code, slots), Step(code, later)]), ["run"])
    x, out = np.ones(2), np.zeros(2)
    for at, status in (([0, 1, 2, 2], 0), ([0, 3, 1, 1], 7), ([0, 0, 1, 3], 7)):
        given = np.array(at)
        words = np.array([given.ctypes.data, x.ctypes.data, out.ctypes.data, 2], "i8")
        assert run_function(library["run"])(words.ctypes.data, None) == status
